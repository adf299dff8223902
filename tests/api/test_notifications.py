"""The inbox and its settings over /api, rotation of credentials, retry of all failed deliveries."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import Job, JobState
from marketplace.core.models import AccessKey, ApiToken, Notification, NotificationSetting
from marketplace.core.operations.credentials import create_access_key, create_api_token
from tests.api.conftest import Program
from tests.conftest import actor_of
from tests.console.test_inbox_pages import put
from tests.jobs.parties import export

pytestmark = pytest.mark.django_db


def test_a_program_lists_and_marks_what_its_member_was_told(subscriber, stranger, program_of, settings):
    rows = [put(subscriber, number) for number in (1, 2, 3)]
    put(stranger)
    program = program_of(subscriber)
    page = program.call("GET", "/api/notifications?limit=2").json()
    assert [n["id"] for n in page["items"]] == [rows[0].pk, rows[1].pk]
    assert page["items"][0]["url"] == f"{settings.PUBLIC_URL}/deliveries"
    rest = program.call("GET", f"/api/notifications?limit=2&cursor={page['next_cursor']}").json()
    assert [n["id"] for n in rest["items"]] == [rows[2].pk]
    marked = program.call("PATCH", f"/api/notifications/{rows[0].pk}", {"is_read": True})
    assert marked.json()["read_at"] is not None
    unread = program.call("GET", "/api/notifications?unread=true&subject_key=data-set:1&topic=revision.published")
    assert len(unread.json()["items"]) == 2
    assert program.call("PATCH", f"/api/notifications/{rows[0].pk}", {"is_read": False}).json()["read_at"] is None
    theirs = program_of(stranger).call("PATCH", f"/api/notifications/{rows[0].pk}", {"is_read": True})
    assert theirs.status_code == 404


def test_all_are_marked_and_the_marking_is_taken_back(subscriber, program_of):
    put(subscriber, 1)
    put(subscriber, 2, subject_key="data-set:2")
    program = program_of(subscriber)
    assert program.call("POST", "/api/notifications/read", {"subject_key": "data-set:1"}).json()["marked"] == 1
    marking = program.call("POST", "/api/notifications/read", {}).json()
    assert marking["marked"] == 1
    taken = program.call("POST", "/api/notifications/unread", {"marked_at": marking["marked_at"]})
    assert taken.json() == {"taken_back": 1}
    assert [n.subject_key for n in Notification.objects.filter(read_at=None)] == ["data-set:2"]


def test_a_narrow_token_sees_the_topics_of_its_scopes(subscriber, program_of):
    put(subscriber, 1)
    put(subscriber, 2, topic="credential.expiring")
    program = program_of(subscriber, "events:read", "keys:write")
    assert [n["topic"] for n in program.call("GET", "/api/notifications").json()["items"]] == ["credential.expiring"]
    topics = program.call("GET", "/api/notification-settings").json()["topics"]
    assert [t["topic"] for t in topics] == ["credential.expiring"]
    beyond = {"topics": [{"topic": "revision.revoked", "in_app": False, "email": False}]}
    refused = program.call("PUT", "/api/notification-settings", beyond)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "topics")
    assert not NotificationSetting.objects.exists()


def test_settings_are_put_whole(subscriber, program_of):
    program = program_of(subscriber)
    choice = {"topic": "revision.published", "in_app": True, "email": True}
    answer = program.call("PUT", "/api/notification-settings", {"topics": [choice]})
    assert answer.json() == program.call("GET", "/api/notification-settings").json()
    assert [t["email"] for t in answer.json()["topics"] if t["topic"] == "revision.published"] == [True]
    program.call("PUT", "/api/notification-settings", {"topics": []})
    assert NotificationSetting.objects.get().email is False


def test_a_token_replaces_itself_and_both_work(subscriber, program_of):
    program = program_of(subscriber, "keys:write", "data:read")
    token = ApiToken.objects.get()
    answer = program.call("POST", f"/api/tokens/{token.pk}/rotate", {"overlap": "ONE_HOUR"})
    assert answer.status_code == 201
    made = answer.json()
    assert made["scopes"] == ["data:read", "keys:write"]
    assert Program(made["token"]).call("GET", "/api/whoami").status_code == 200
    assert program.call("GET", "/api/whoami").status_code == 200
    token.refresh_from_db()
    assert token.expires_at < timezone.now() + timedelta(hours=1)
    listed = {t["id"]: t["replaced_by"] for t in program.call("GET", "/api/tokens").json()["items"]}
    assert listed == {token.pk: made["id"], made["id"]: None}
    again = program.call("POST", f"/api/tokens/{token.pk}/rotate", {})
    assert (again.status_code, again.json()["code"]) == (409, "CredentialWasReplaced")


def test_a_credential_cannot_replace_one_that_may_do_more(subscriber, program_of, client):
    wide, _ = create_api_token(
        membership=subscriber,
        name="Wide",
        wanted_scopes=["publish:write"],
        actor=actor_of(subscriber),
        at=timezone.now(),
    )
    key, _ = create_access_key(membership=subscriber, name="Wide", actor=actor_of(subscriber), at=timezone.now())
    program = program_of(subscriber, "keys:write")
    paths = (f"/api/tokens/{wide.pk}/rotate", f"/api/access-keys/{key.pk}/rotate")
    assert [program.call("POST", path, {}).json()["code"] for path in paths] == ["BeyondTheCaller"] * 2
    client.force_login(subscriber.user)
    codes = [client.post(path, {}, content_type="application/json").json()["code"] for path in paths]
    assert codes == ["NotFromASession"] * 2
    assert (ApiToken.objects.count(), AccessKey.objects.count()) == (2, 1)


def test_an_access_key_is_replaced(subscriber, program_of):
    key, _ = create_access_key(membership=subscriber, name="ETL", actor=actor_of(subscriber), at=timezone.now())
    answer = program_of(subscriber).call("POST", f"/api/access-keys/{key.pk}/rotate", {"overlap": "SEVEN_DAYS"})
    made = answer.json()
    assert (answer.status_code, made["name"], made["expires_at"], len(made["secret_access_key"])) == (
        201,
        "ETL",
        None,
        40,
    )
    key.refresh_from_db()
    assert key.rotated_to_id == made["id"]


def test_all_failed_deliveries_are_retried_by_one_call(
    subscriber, stranger, program_of, entitled_data_set, finalized_revision, connection
):
    jobs = [export(subscriber, entitled_data_set, finalized_revision, connection, run=False) for _ in range(2)]
    Job.objects.update(state=JobState.ERROR, errors=[{"code": "x", "message": "Gone."}])
    assert program_of(stranger).call("POST", "/api/deliveries/retry-failed").json() == {"retried": 0, "left": 0}
    assert Job.objects.filter(state=JobState.ERROR).count() == 2
    program = program_of(subscriber)
    assert program.call("POST", "/api/deliveries/retry-failed").json() == {"retried": 2, "left": 0}
    assert {(job.state, job.run) for job in Job.objects.all()} == {("IN_PROGRESS", jobs[0].run + 1)}
    assert program.call("POST", "/api/deliveries/retry-failed").json() == {"retried": 0, "left": 0}
