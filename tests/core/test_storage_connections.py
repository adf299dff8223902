"""Buckets of organizations: proved by a written and deleted object before anything is stored about them."""

import socket

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.core import crypto, storage
from marketplace.core.errors import Invalid, NotFound
from marketplace.core.models import AuditRecord, StorageConnection
from marketplace.core.operations.storage import (
    StorageConnectionExists,
    StorageNotProved,
    prove_storage_connection,
    remove_storage_connection,
)
from marketplace.core.queries.storage import (
    get_storage_connection,
    get_storage_connection_by_bucket,
    list_storage_connections,
)
from marketplace.core.storage import StorageFault
from tests.conftest import actor_of, connect

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed_port(settings) -> str:
    """A host:port that the gate lets through and where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, address]
    return address


def test_a_proved_bucket_is_connected_and_the_test_object_is_gone(subscriber, bucket_name, settings):
    made = connect(subscriber, bucket_name)
    assert made.is_proved
    assert get_storage_connection_by_bucket(organization=subscriber.organization, bucket=bucket_name) == made
    assert storage.bucket_of(made).list_keys() == []
    assert AuditRecord.objects.get(action="storage_connection.created").detail == {"bucket": bucket_name}


def test_the_test_object_has_the_name_that_aws_documents(subscriber, bucket_name, monkeypatch):
    written = []
    put = storage.Bucket.put
    monkeypatch.setattr(
        storage.Bucket, "put", lambda self, key, *a, **k: (written.append(key), put(self, key, *a, **k))[1]
    )
    connect(subscriber, bucket_name)
    assert written == [f"_ADX-TEST-ACCOUNTID#{subscriber.organization.account_id}"]


def test_the_secret_is_kept_sealed_for_this_row(subscriber, connection, settings):
    row = StorageConnection.objects.get(pk=connection.pk)
    assert settings.S3_SECRET_ACCESS_KEY.encode() not in bytes(row.sealed_secret)
    assert crypto.unseal(bytes(row.sealed_secret), **storage.sealing_place(row)) == settings.S3_SECRET_ACCESS_KEY
    row.organization_id = "0" * 32
    with pytest.raises(crypto.SecretCannotBeOpened):
        storage.bucket_of(row)
    assert settings.S3_SECRET_ACCESS_KEY not in str(list(AuditRecord.objects.values()))


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"bucket": "no-such-bucket-here"}, "bucket", "The bucket no-such-bucket-here does not exist at"),
        ({"access_key_id": "NOBODY"}, "access_key_id", "does not know this access key id"),
        ({"secret_access_key": "wrong"}, "access_key_id", "the secret access key is wrong"),
    ],
)
def test_a_bucket_that_cannot_be_written_is_refused_with_the_reason(subscriber, bucket_name, changes, field, sentence):
    with pytest.raises(StorageNotProved, match=sentence) as caught:
        connect(subscriber, changes.pop("bucket", bucket_name), **changes)
    assert caught.value.field == field
    assert StorageConnection.objects.count() == 0


def test_an_endpoint_that_does_not_answer_is_refused_with_the_reason(subscriber, bucket_name, closed_port):
    with pytest.raises(StorageNotProved, match=f"The endpoint {closed_port} cannot be reached") as caught:
        connect(subscriber, bucket_name, endpoint_url=f"http://{closed_port}")
    assert caught.value.field == "endpoint_url"
    assert StorageConnection.objects.count() == 0


@pytest.mark.parametrize(
    "host", ["https://169.254.169.254", "https://10.0.0.1", "https://[::1]:8443", "https://localhost"]
)
def test_an_endpoint_inside_the_network_is_refused(subscriber, bucket_name, host):
    with pytest.raises(Invalid, match="private network") as caught:
        connect(subscriber, bucket_name, endpoint_url=host)
    assert caught.value.field == "endpoint_url"
    assert StorageConnection.objects.count() == 0


@pytest.mark.parametrize(
    "url", ["http://s3.example.org", "https://u:p@s3.example.org", "s3.example.org", "https://s3.example.org:22"]
)
def test_an_endpoint_that_is_wrong_as_text_is_refused(subscriber, bucket_name, url):
    with pytest.raises(Invalid) as caught:
        connect(subscriber, bucket_name, endpoint_url=url)
    assert caught.value.field == "endpoint_url"


@pytest.mark.parametrize(
    "bucket", ["", "ab", "UPPER", "a" * 64, "-a-", "a/b", "../vault", "a b", "ü-bucket", "bucket\n"]
)
def test_a_bucket_name_that_s3_does_not_know_is_refused(subscriber, bucket):
    with pytest.raises(Invalid) as caught:
        connect(subscriber, bucket)
    assert caught.value.field == "bucket"


@pytest.mark.parametrize("field", ["name", "endpoint_url", "region", "access_key_id", "secret_access_key"])
def test_an_empty_or_too_long_field_is_named(subscriber, bucket_name, field):
    for value in ("", "   ", "https://" + "x" * 600):
        with pytest.raises(Invalid) as caught:
            connect(subscriber, bucket_name, **{field: value})
        assert caught.value.field == field
    assert StorageConnection.objects.count() == 0


@pytest.mark.parametrize("bucket", ["S3_VAULT_BUCKET", "S3_MEDIA_BUCKET"])
def test_the_exchanges_own_buckets_are_refused(subscriber, settings, bucket):
    with pytest.raises(Invalid, match="belongs to the exchange itself") as caught:
        connect(subscriber, getattr(settings, bucket))
    assert caught.value.field == "bucket"


@pytest.mark.parametrize(
    "spelling",
    [
        "https://S3.Exchange.Example",
        "https://s3.exchange.example.",
        "https://s3.exchange.example:443",
        "https://s3.exchange.example/any/path",
        "https://public.exchange.example",
    ],
)
def test_the_exchanges_own_buckets_are_refused_however_the_endpoint_is_spelled(settings, spelling):
    settings.S3_ENDPOINT_URL = "https://s3.exchange.example"
    settings.S3_PUBLIC_ENDPOINT_URL = "https://public.exchange.example"
    with pytest.raises(Invalid, match="belongs to the exchange itself"):
        storage.refuse_own_bucket(endpoint_url=spelling, bucket=settings.S3_VAULT_BUCKET)
    storage.refuse_own_bucket(endpoint_url=spelling, bucket="another-bucket")
    storage.refuse_own_bucket(endpoint_url="https://s3.elsewhere.example", bucket=settings.S3_VAULT_BUCKET)


def test_a_bucket_is_connected_once_and_again_after_it_was_removed(subscriber, connection, bucket_name):
    with pytest.raises(StorageConnectionExists):
        connect(subscriber, bucket_name)
    at = timezone.now()
    remove_storage_connection(connection=connection, actor=actor_of(subscriber), at=at)
    remove_storage_connection(connection=connection, actor=actor_of(subscriber), at=timezone.now())
    connection.refresh_from_db()
    assert connection.removed_at == at
    assert AuditRecord.objects.filter(action="storage_connection.removed").count() == 1
    with pytest.raises(NotFound):
        get_storage_connection(organization=subscriber.organization, connection_id=connection.pk)
    again = connect(subscriber, bucket_name)
    assert list(list_storage_connections(organization=subscriber.organization)) == [again]


def test_the_database_refuses_a_second_living_connection_of_a_bucket(subscriber, connection):
    connection.pk = "f" * 32
    with pytest.raises(IntegrityError), transaction.atomic():
        connection.save(force_insert=True)


def test_a_strangers_connection_is_not_there(stranger, connection, bucket_name):
    with pytest.raises(NotFound):
        get_storage_connection(organization=stranger.organization, connection_id=connection.pk)
    with pytest.raises(NotFound):
        get_storage_connection_by_bucket(organization=stranger.organization, bucket=bucket_name)


def test_a_later_test_records_the_failure_and_its_healing(connection, bucket_name, settings):
    at = timezone.now()
    StorageConnection.objects.filter(pk=connection.pk).update(bucket="no-such-bucket-here")
    connection.refresh_from_db()
    with pytest.raises(StorageFault):
        prove_storage_connection(connection=connection, at=at)
    connection.refresh_from_db()
    assert (connection.failed_at, connection.is_proved) == (at, False)
    assert connection.failure.startswith("The bucket no-such-bucket-here does not exist at")
    StorageConnection.objects.filter(pk=connection.pk).update(bucket=bucket_name)
    connection.refresh_from_db()
    prove_storage_connection(connection=connection, at=timezone.now())
    connection.refresh_from_db()
    assert (connection.failed_at, connection.failure, connection.is_proved) == (None, "", True)


def test_only_buckets_of_our_own_store_are_written_under_our_key(connection):
    bucket = storage.bucket_of(connection)
    assert storage.as_operator(bucket).is_ours
    bucket.endpoint_url = "https://s3.elsewhere.example"
    with pytest.raises(ValueError, match="our own store"):
        storage.as_operator(bucket)
