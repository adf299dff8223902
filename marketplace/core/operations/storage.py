"""Register, prove and remove the buckets of organizations."""

import re
from datetime import datetime

from django.db import IntegrityError, transaction

from marketplace.core import audit, crypto, egress, storage
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.models import Organization, StorageConnection
from marketplace.core.storage import StorageFault

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class StorageConnectionExists(Conflict):
    message = "This bucket is already connected."


class StorageNotProved(Invalid):
    """The test write failed; the message is the store's reason in a sentence."""


def write_test_object(connection: StorageConnection, *, leave_it: bool = False) -> None:
    """Write `_ADX-TEST-ACCOUNTID#` with the organization's own key, and delete it again. Raises StorageFault.

    leave_it: the object stays, which is how AWS shows that an automatic export was set up. It stays too when the key may
    write and not delete, as AWS's own policy for exports has it.
    Source: AWS Data Exchange user guide, automatic export: the test object's name.
    """
    bucket = storage.bucket_of(connection)
    bucket.check_exists()
    key = f"_ADX-TEST-ACCOUNTID#{connection.organization.account_id}"
    bucket.put(key, b"", content_type="text/plain")
    if not leave_it:
        try:
            bucket.delete(key)
        except StorageFault as fault:
            if fault.cause != "unauthorized":
                raise


def create_storage_connection(
    *,
    organization: Organization,
    name: str,
    endpoint_url: str,
    region: str,
    bucket: str,
    access_key_id: str,
    secret_access_key: str,
    actor: Actor,
    at: datetime,
) -> StorageConnection:
    """Connect a bucket after a test write went well; nothing is stored when it did not.

    Raises Invalid naming the field, StorageNotProved with the reason, StorageConnectionExists.
    """
    endpoint_url = endpoint_url.strip().rstrip("/")
    for field, value, longest in (
        ("name", name.strip(), 120),
        ("region", region.strip(), 40),
        ("access_key_id", access_key_id.strip(), 128),
        ("secret_access_key", secret_access_key.strip(), 256),
        ("endpoint_url", endpoint_url, 500),
    ):
        if not value:
            raise Invalid("This field is needed.", field=field)
        if len(value) > longest:
            raise Invalid(f"Use at most {longest} characters.", field=field)
    if not _BUCKET.fullmatch(bucket):
        raise Invalid("A bucket name has 3 to 63 lowercase letters, digits, dots and hyphens.", field="bucket")
    try:
        egress.check_url(endpoint_url)
    except egress.AddressRefused as error:
        raise Invalid(error.message, field="endpoint_url") from None
    storage.refuse_own_bucket(endpoint_url=endpoint_url, bucket=bucket)
    connection = StorageConnection(
        organization=organization,
        name=name.strip(),
        endpoint_url=endpoint_url,
        region=region.strip(),
        bucket=bucket,
        access_key_id=access_key_id.strip(),
        created_at=at,
        proved_at=at,
    )
    connection.sealed_secret = crypto.seal(secret_access_key.strip(), **storage.sealing_place(connection))
    try:
        write_test_object(connection)
    except StorageFault as fault:
        field = {"no_bucket": "bucket", "unauthorized": "access_key_id", "refused": "endpoint_url"}.get(
            fault.cause, "endpoint_url"
        )
        raise StorageNotProved(str(fault), field=field) from fault
    try:
        with transaction.atomic():
            connection.save(force_insert=True)
            audit.record("storage_connection.created", actor=actor, subject=connection, detail={"bucket": bucket})
    except IntegrityError:
        raise StorageConnectionExists("STORAGE_CONNECTION", bucket) from None
    return connection


def prove_storage_connection(*, connection: StorageConnection, at: datetime, leave_object: bool = False) -> None:
    """Test a connection again and record the outcome. Raises StorageFault after recording it.

    leave_object: see `write_test_object`.
    """
    try:
        write_test_object(connection, leave_it=leave_object)
    except StorageFault as fault:
        StorageConnection.objects.filter(pk=connection.pk).update(failed_at=at, failure=str(fault)[:500])
        raise
    StorageConnection.objects.filter(pk=connection.pk).update(proved_at=at, failed_at=None, failure="")


@transaction.atomic
def remove_storage_connection(*, connection: StorageConnection, actor: Actor, at: datetime) -> None:
    """Disconnect a bucket: nothing is written there any more; what was delivered stays. Twice changes nothing."""
    if StorageConnection.objects.filter(pk=connection.pk, removed_at=None).update(removed_at=at):
        audit.record("storage_connection.removed", actor=actor, subject=connection)
