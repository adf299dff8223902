"""Events and webhooks over /api: polled without a gap, sent, shown, sent again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from marketplace.core import work
from marketplace.core.models import Event, Membership, Role, WebhookDelivery, WebhookEndpoint, WorkItem
from marketplace.core.operations.notices import send_event
from tests.api.conftest import Program
from tests.conftest import make_member
from tests.receiver import Receiver, status

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
REVISION, REVOKED = "Revision Published To Data Set", "Revision Revoked"


@pytest.fixture
def receiver(settings):
    server = Receiver()
    settings.EGRESS_ALLOWLIST = [server.address]
    yield server
    server.stop()


def tell(member, n: int, detail_type: str = REVISION) -> None:
    send_event(
        detail_type=detail_type,
        source_key=f"k{n}",
        occurred_at=NOON - timedelta(minutes=n),  # facts do not come in their order
        resources=[],
        detail={"n": n},
        receivers=[member.organization_id],
    )


def get(program: Program, path: str, **query: object) -> dict:
    from urllib.parse import urlencode

    answer = program.call("GET", f"/api/{path}?{urlencode(query)}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def numbers(page: dict) -> list[int]:
    return [item["event"]["detail"]["n"] for item in page["items"]]


# --- events -----------------------------------------------------------------------------------------------------------
def test_events_are_listed_newest_first_in_pages_with_their_envelope(subscriber, stranger, program_of):
    program = program_of(subscriber, "events:read")
    assert get(program, "events") == {"items": [], "next_cursor": None}
    for n in range(5):
        tell(subscriber, n)
    tell(stranger, 9)
    first = get(program, "events", limit=2)
    second = get(program, "events", limit=2, cursor=first["next_cursor"])
    third = get(program, "events", limit=2, cursor=second["next_cursor"])
    assert [numbers(page) for page in (first, second, third)] == [[4, 3], [2, 1], [0]]
    assert third["next_cursor"] is None
    newest = Event.objects.select_related("organization").get(source_key="k4")
    assert first["items"][0]["event"] == newest.envelope


def test_a_reader_follows_events_without_a_gap(subscriber, program_of):
    program = program_of(subscriber, "events:read")
    for n in range(3):
        tell(subscriber, n)
    begin = get(program, "events", after="", limit=2)
    rest = get(program, "events", after="", limit=2, cursor=begin["next_cursor"])
    assert (numbers(begin), numbers(rest), rest["next_cursor"]) == ([0, 1], [2], None)
    place = rest["items"][-1]["cursor"]
    assert get(program, "events", after=place) == {"items": [], "next_cursor": None}
    for n in range(3, 5):
        tell(subscriber, n)
    assert numbers(get(program, "events", after=place)) == [3, 4]
    assert numbers(get(program, "events", after=begin["items"][0]["cursor"])) == [1, 2, 3, 4]


def test_events_are_asked_for_by_the_beginning_of_their_type(subscriber, program_of):
    program = program_of(subscriber, "events:read")
    for n, name in enumerate([REVISION, REVOKED, "Data Grant Revoked"]):
        tell(subscriber, n, name)
    assert numbers(get(program, "events", detail_type="Revision")) == [1, 0]
    assert numbers(get(program, "events", detail_type="Revision R", after="")) == [1]
    assert numbers(get(program, "events", detail_type="%")) == []


def test_a_cursor_that_is_not_ours_is_refused(subscriber, stranger, program_of):
    tell(subscriber, 0)
    tell(stranger, 1)
    theirs = get(program_of(stranger), "events")["items"][0]["cursor"]
    program = program_of(subscriber)
    for wrong in ("1", "x" * 200, theirs):
        answer = program.call("GET", f"/api/events?after={wrong}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "after")
    assert program.call("GET", "/api/events?wait=20").status_code == 422


# --- webhooks ---------------------------------------------------------------------------------------------------------
def test_a_webhook_from_end_to_end(subscriber, receiver, program_of):
    program = program_of(subscriber, "events:read", "webhooks:write")
    made = program.call("POST", "/api/webhooks", {"url": receiver.url, "detail_types": ["Revision*"]})
    assert made.status_code == 201, made.content
    shown = made.json()
    secret, path = shown.pop("secret"), f"/api/webhooks/{shown['id']}"
    assert secret.startswith("whsec_")
    assert program.call("GET", path).json() == shown
    assert get(program, "webhooks")["items"] == [shown]
    assert shown | {"id": "", "created_at": ""} == {
        "id": "",
        "url": receiver.url,
        "description": "",
        "detail_types": ["Revision*"],
        "is_enabled": True,
        "created_at": "",
        "disabled_at": None,
        "disabled_reason": "",
        "failing_since": None,
        "previous_secret_until": None,
    }

    tell(subscriber, 0, "Data Grant Revoked")
    tell(subscriber, 1)
    work.run_due()
    assert [m.event["detail"] for m in receiver.seen] == [{"n": 1}]
    assert receiver.seen[0].is_signed_by(secret)
    (line,) = program.call("GET", f"{path}/deliveries").json()["items"]
    assert (line["state"], line["attempts"], line["last_status"], line["detail_type"]) == ("DONE", 1, 204, REVISION)
    assert line["event_id"] == receiver.seen[0].headers["webhook-id"]

    changed = program.call("PATCH", path, {"description": "Ours", "detail_types": []}).json()
    assert (changed["description"], changed["detail_types"], changed["url"]) == ("Ours", [], receiver.url)
    rotated = program.call("POST", f"{path}/rotate-secret").json()
    assert rotated["secret"] != secret
    assert rotated["previous_secret_until"] is not None
    tested = program.call("POST", f"{path}/test")
    assert (tested.status_code, tested.json()["state"]) == (202, "PENDING")
    work.run_due()
    assert receiver.types[-1] == "Webhook Test"
    assert receiver.seen[-1].is_signed_by(secret)
    assert receiver.seen[-1].is_signed_by(rotated["secret"])

    again = program.call("POST", f"{path}/deliveries/{line['id']}/replay")
    assert (again.status_code, again.json()["state"]) == (202, "PENDING")
    work.run_due()
    assert receiver.seen[-1].headers["webhook-id"] == line["event_id"]
    assert program.call("DELETE", path).status_code == 204
    assert program.call("GET", path).status_code == 404
    assert WebhookEndpoint.objects.count() == WebhookDelivery.objects.count() == 0


def test_what_failed_is_listed_and_sent_again_at_once(subscriber, receiver, program_of):
    program = program_of(subscriber)
    path = f"/api/webhooks/{program.call('POST', '/api/webhooks', {'url': receiver.url}).json()['id']}"
    receiver.answer = status(410)
    tell(subscriber, 0)
    work.run_due()
    disabled = program.call("GET", path).json()
    assert (disabled["is_enabled"], disabled["disabled_reason"][:15]) == (False, "It answered 410")
    for action in ("test", "deliveries/replay"):
        refused = program.call("POST", f"{path}/{action}")
        assert (refused.status_code, refused.json()["code"]) == (409, "WebhookIsDisabled")
    enabled = program.call("PATCH", path, {"is_enabled": True}).json()
    assert (enabled["is_enabled"], enabled["disabled_at"], enabled["disabled_reason"]) == (True, None, "")
    receiver.answer = status(200)
    failed = program.call("GET", f"{path}/deliveries?state=FAILED").json()["items"]
    assert [line["last_status"] for line in failed] == [410]
    replayed = program.call("POST", f"{path}/deliveries/replay")
    assert (replayed.status_code, replayed.json()) == (202, {"deliveries": 1})
    work.run_due()
    assert len(receiver.seen) == 2
    assert program.call("GET", f"{path}/deliveries?state=FAILED").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "http://example.org/hook"}, "url"),
        ({"url": "https://127.0.0.1:5432/"}, "url"),
        ({"url": "https://example.org/", "detail_types": ["Tides"]}, "detail_types"),
        ({"url": "https://example.org/", "detail_types": "Revision*"}, "detail_types"),
        ({"url": "https://example.org/", "detail_types": [1]}, "detail_types[0]"),
        ({"url": "https://example.org/", "description": "x" * 201}, "description"),
        ({"url": "https://example.org/", "secret": "whsec_mine"}, "secret"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused_by_its_member(subscriber, program_of, body, field):
    answer = program_of(subscriber).call("POST", "/api/webhooks", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert WebhookEndpoint.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_repeated_creation_makes_one_webhook_and_does_not_show_the_secret_again(subscriber, program_of):
    program = program_of(subscriber)
    body = {"url": "https://example.org/hook"}
    first = program.call("POST", "/api/webhooks", body, Idempotency_Key="k1")
    again = program.call("POST", "/api/webhooks", body, Idempotency_Key="k1")
    assert (first.status_code, again.status_code, again.json()["code"]) == (201, 409, "SecretShownOnce")
    assert again.json()["resource_id"] == first.json()["id"]
    assert WebhookEndpoint.objects.count() == 1


def test_a_delivery_is_found_below_its_own_webhook_only(subscriber, receiver, program_of):
    program = program_of(subscriber)
    one, other = (program.call("POST", "/api/webhooks", {"url": receiver.url}).json()["id"] for _ in range(2))
    tell(subscriber, 0)
    (line,) = get(program, f"webhooks/{one}/deliveries")["items"]
    assert program.call("POST", f"/api/webhooks/{other}/deliveries/{line['id']}/replay").status_code == 404
    assert WorkItem.objects.count() == 2


def test_who_only_looks_may_see_and_not_change(subscriber, receiver, program_of):
    made = program_of(subscriber).call("POST", "/api/webhooks", {"url": receiver.url}).json()["id"]
    viewer = make_member("Viewer")
    Membership.objects.filter(pk=viewer.pk).update(role=Role.VIEWER, organization=subscriber.organization)
    viewer = Membership.objects.get(pk=viewer.pk)
    program = program_of(viewer, "events:read")
    assert program.call("GET", f"/api/webhooks/{made}").status_code == 200
    assert program.call("GET", "/api/events").status_code == 200
    for method, path in (("POST", ""), ("PATCH", f"/{made}"), ("DELETE", f"/{made}"), ("POST", f"/{made}/test")):
        assert program.call(method, f"/api/webhooks{path}", {}).status_code == 403
    assert WebhookEndpoint.objects.filter(created_at__lte=timezone.now()).count() == 1
