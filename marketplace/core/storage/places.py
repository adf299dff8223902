"""Which buckets there are: our vault, and those that organizations connect."""

from functools import lru_cache
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from marketplace.core import crypto
from marketplace.core.errors import Invalid
from marketplace.core.models import StorageConnection
from marketplace.core.storage.bucket import Bucket, s3_client

#: A small object of ours that is read to see whether the vault works.
PROBE_KEY = "health/probe"
#: Another one, which is written each time: for telling an operator how quick the vault is.
TIMED_KEY = "health/timed"


def own_bucket(name: str, *, for_browsers: bool = False) -> Bucket:
    """Return a bucket of ours; for_browsers: under the host name that they see, which presigned URLs are bound to."""
    return Bucket(
        endpoint_url=settings.S3_PUBLIC_ENDPOINT_URL if for_browsers else settings.S3_ENDPOINT_URL,
        region=settings.S3_REGION,
        name=name,
        access_key_id=settings.S3_ACCESS_KEY_ID,
        secret=settings.S3_SECRET_ACCESS_KEY,
        is_ours=True,
    )


@lru_cache(maxsize=1)
def vault() -> Bucket:
    """Return the bucket that holds every asset under our keys."""
    return own_bucket(settings.S3_VAULT_BUCKET)


@lru_cache(maxsize=1)
def _probe_client() -> Any:
    return s3_client(
        endpoint_url=settings.S3_ENDPOINT_URL,
        region=settings.S3_REGION,
        access_key_id=settings.S3_ACCESS_KEY_ID,
        secret=settings.S3_SECRET_ACCESS_KEY,
        connect_timeout=1,
        read_timeout=2,
        retries={"total_max_attempts": 1},
    )


def probe_vault() -> None:
    """Raise unless the vault gives an object back within about 2 s; no retries, since a probe is asked again.

    A store that has just been restarted answers for its buckets long before it finds the bytes of an object.
    """
    client, probe = _probe_client(), {"Bucket": settings.S3_VAULT_BUCKET, "Key": PROBE_KEY}
    try:
        client.get_object(**probe)["Body"].read()
    except client.exceptions.NoSuchKey:
        client.put_object(Body=b"ready", **probe)


def time_vault() -> tuple[float, float]:
    """Write a small object of ours and read it back; return the seconds that each took. Raises what went wrong, within 4 s."""
    client, probe = _probe_client(), {"Bucket": settings.S3_VAULT_BUCKET, "Key": TIMED_KEY}
    started = monotonic()
    client.put_object(Body=b"timed", **probe)
    written = monotonic()
    client.get_object(**probe)["Body"].read()
    return written - started, monotonic() - written


@lru_cache(maxsize=1)
def public_vault() -> Bucket:
    """Return the vault as browsers and subscribers see it."""
    return own_bucket(settings.S3_VAULT_BUCKET, for_browsers=True)


def sealing_place(connection: StorageConnection) -> dict[str, str]:
    """Return the place that a connection's secret is sealed for."""
    return {
        "table": "core_storageconnection",
        "column": "secret",
        "row": connection.pk,
        "organization": connection.organization_id,
    }


def bucket_of(connection: StorageConnection) -> Bucket:
    """Return the bucket of a connection under the organization's own key, behind the egress gate."""
    return Bucket(
        endpoint_url=connection.endpoint_url,
        region=connection.region,
        name=connection.bucket,
        access_key_id=connection.access_key_id,
        secret=crypto.unseal(bytes(connection.sealed_secret), **sealing_place(connection)),
        is_ours=False,
    )


def as_operator(bucket: Bucket) -> Bucket:
    """Return the same bucket under our own key, for server-side copies out of the vault within our own store.

    Only for a bucket whose owner has just proved, with the owner's own key, the right to write there.
    """
    if bucket.endpoint_url != settings.S3_ENDPOINT_URL.rstrip("/"):
        raise ValueError("Only buckets of our own store can be written under our key.")
    return Bucket(
        endpoint_url=settings.S3_ENDPOINT_URL,
        region=settings.S3_REGION,
        name=bucket.name,
        access_key_id=settings.S3_ACCESS_KEY_ID,
        secret=settings.S3_SECRET_ACCESS_KEY,
        is_ours=True,
    )


def _place_of(endpoint_url: str) -> tuple[str, int]:
    """Return (host, port) in one spelling, however the URL spells them."""
    parts = urlsplit(endpoint_url)
    return (parts.hostname or "").rstrip("."), parts.port or {"http": 80}.get(parts.scheme, 443)


def refuse_own_bucket(*, endpoint_url: str, bucket: str) -> None:
    """Raise Invalid for the buckets of the exchange itself."""
    ours = {_place_of(settings.S3_ENDPOINT_URL), _place_of(settings.S3_PUBLIC_ENDPOINT_URL)}
    if _place_of(endpoint_url) in ours and bucket in {settings.S3_VAULT_BUCKET, settings.S3_MEDIA_BUCKET}:
        raise Invalid("This bucket belongs to the exchange itself. Choose one of your own.", field="bucket")
