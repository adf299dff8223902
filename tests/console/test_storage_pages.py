"""Pages of storage connections."""

import pytest
from django.conf import settings

from jobs.operations.event_actions import create_event_action
from marketplace.core import storage
from marketplace.core.models import Role, StorageConnection
from tests.conftest import actor_of
from tests.console.pages import let_confirmation_lapse, member_with, sign_in


@pytest.fixture
def wanted(bucket_name):
    """A form that connects."""
    return {
        "name": "Landing",
        "endpoint_url": settings.S3_ENDPOINT_URL,
        "region": settings.S3_REGION,
        "bucket": bucket_name,
        "access_key_id": settings.S3_ACCESS_KEY_ID,
        "secret_access_key": settings.S3_SECRET_ACCESS_KEY,
    }


def test_the_list_shows_state_and_use_but_no_secret(client, subscriber, connection, entitled_data_set):
    from django.utils import timezone

    create_event_action(
        organization=subscriber.organization,
        published_data_set=entitled_data_set,
        connection=connection,
        key_pattern="",
        actor=actor_of(subscriber),
        at=timezone.now(),
    )
    page = " ".join(sign_in(client, subscriber).get("/storage").content.decode().split())
    assert "Works" in page
    assert "1 auto-export</a> delivers here" in page
    assert connection.bucket in page
    assert settings.S3_SECRET_ACCESS_KEY not in page


def test_a_bucket_is_connected_after_a_test_write(client, subscriber, wanted):
    answer = sign_in(client, subscriber, confirmed=True).post("/storage/new", wanted)
    assert (answer.status_code, answer.url) == (302, "/storage")
    made = StorageConnection.objects.get(organization=subscriber.organization)
    assert (made.bucket, made.is_proved) == (wanted["bucket"], True)


def test_a_page_that_asked_for_a_bucket_gets_it_chosen(client, subscriber, wanted):
    sign_in(client, subscriber, confirmed=True)
    answer = client.post("/storage/new", wanted | {"next": "/auto-exports/new?data_set=abc"})
    made = StorageConnection.objects.get(organization=subscriber.organization)
    assert answer.url == f"/auto-exports/new?data_set=abc&connection={made.pk}"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_to_another_site(client, subscriber, wanted, elsewhere):
    answer = sign_in(client, subscriber, confirmed=True).post("/storage/new", wanted | {"next": elsewhere})
    assert (answer.status_code, answer.url) == (302, "/storage")


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"bucket": "no-such-bucket-anywhere"}, "bucket", "does not exist at"),
        ({"access_key_id": "UNKNOWN"}, "access_key_id", "does not know this access key id"),
        ({"secret_access_key": "wrong"}, "access_key_id", "the secret access key is wrong"),
        ({"endpoint_url": "http://10.0.0.1"}, "endpoint_url", "must start with https://"),
        ({"bucket": "No Bucket"}, "bucket", "3 to 63 lowercase letters"),
        ({"name": ""}, "name", "This field is required"),
    ],
)
def test_a_refusal_stands_at_its_field_and_keeps_the_input(client, subscriber, wanted, change, field, sentence):
    answer = sign_in(client, subscriber, confirmed=True).post("/storage/new", wanted | change)
    form = answer.context["form"]
    assert answer.status_code == 422
    assert list(form.errors) == [field]
    assert sentence in form.errors[field][0]
    page = answer.content.decode()
    assert f'value="{(wanted | change)["region"]}"' in page
    assert settings.S3_SECRET_ACCESS_KEY not in page
    assert not StorageConnection.objects.exists()


def test_the_same_bucket_twice_conflicts(client, subscriber, connection, wanted):
    answer = sign_in(client, subscriber, confirmed=True).post("/storage/new", wanted | {"bucket": connection.bucket})
    assert answer.status_code == 409
    assert "This bucket is already connected." in answer.content.decode()
    assert StorageConnection.objects.count() == 1


def test_the_form_asks_for_the_password_first_and_comes_back(client, subscriber):
    answer = sign_in(client, subscriber).get("/storage/new?next=/auto-exports/new")
    assert answer.status_code == 302
    assert answer.url == "/accounts/reauthenticate/?next=%2Fstorage%2Fnew%3Fnext%3D%2Fauto-exports%2Fnew"


def test_a_late_form_is_not_done_and_comes_back_filled_but_for_the_key(client, subscriber, wanted):
    sign_in(client, subscriber, confirmed=True)
    let_confirmation_lapse(client)
    answer = client.post("/storage/new", wanted)
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/reauthenticate/?next=%2Fstorage%2Fnew%3F")
    assert wanted["bucket"] in answer.url
    assert settings.S3_SECRET_ACCESS_KEY not in answer.url
    assert settings.S3_SECRET_ACCESS_KEY not in str(dict(client.session))
    assert not StorageConnection.objects.exists()
    sign_in(client, subscriber, confirmed=True)
    page = client.get("/storage/new", {"name": "Landing", "bucket": wanted["bucket"]}).content.decode()
    assert f'value="{wanted["bucket"]}"' in page


def test_a_failing_test_is_said_and_remembered(client, subscriber, connection):
    storage.vault().client.delete_bucket(Bucket=connection.bucket)
    answer = sign_in(client, subscriber).post(f"/storage/{connection.pk}/test", follow=True)
    page = answer.content.decode()
    assert f"The test of Landing failed. The bucket {connection.bucket} does not exist" in page
    assert "Failing" in page
    connection.refresh_from_db()
    assert not connection.is_proved


def test_a_removed_bucket_is_gone_from_the_list(client, subscriber, connection):
    answer = sign_in(client, subscriber).post(f"/storage/{connection.pk}/remove", follow=True)
    assert "No bucket is connected" in answer.content.decode()
    connection.refresh_from_db()
    assert connection.removed_at is not None


@pytest.mark.parametrize("action", ["test", "remove"])
def test_a_strangers_bucket_is_not_found(client, stranger, connection, action):
    assert sign_in(client, stranger).post(f"/storage/{connection.pk}/{action}").status_code == 404
    connection.refresh_from_db()
    assert connection.removed_at is None


def test_a_viewer_sees_the_list_and_may_change_nothing(client, db, wanted):
    sign_in(client, member_with(Role.VIEWER), confirmed=True)
    page = client.get("/storage")
    assert page.status_code == 200
    assert "/storage/new" not in page.content.decode()
    assert client.post("/storage/new", wanted).status_code == 403
    assert not StorageConnection.objects.exists()
