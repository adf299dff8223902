"""Events and webhooks: told once, signed, tried for three days, and never a way into our own network."""

import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from marketplace.core import egress, work
from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid, LimitExceeded
from marketplace.core.models import AuditRecord, Event, Organization, WebhookDelivery, WebhookEndpoint, WorkItem
from marketplace.core.operations import notices, webhooks
from marketplace.core.operations.notices import send_event
from marketplace.core.operations.webhooks import WebhookIsDisabled, attempt_delivery
from marketplace.core.queries.events import list_events
from marketplace.core.tasks import deliver_webhook, forget_old_rows
from tests.conftest import actor_of
from tests.receiver import Receiver, status
from tests.together import Call, blocked

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, 0, 0, 250_000, UTC)
REVISION = "Revision Published To Data Set"


@pytest.fixture
def receiver(settings):
    server = Receiver()
    settings.EGRESS_ALLOWLIST = [server.address]
    yield server
    server.stop()


@pytest.fixture
def webhook(subscriber, receiver):
    """An endpoint of the subscriber with its secret."""
    return make_webhook(subscriber, receiver.url)


def make_webhook(member, url, detail_types=()):
    return webhooks.create_webhook(
        organization=member.organization,
        url=url,
        detail_types=list(detail_types),
        actor=actor_of(member),
        at=timezone.now(),
    )


def tell(*members, key="k1", detail_type=REVISION, at=NOON, **changes):
    return send_event(
        detail_type=detail_type,
        source_key=key,
        occurred_at=at,
        resources=["r" * 32],
        detail={"RevisionIds": ["a" * 32]},
        receivers=[m.organization_id for m in members],
        **changes,
    )


def let_time_pass() -> None:
    """Make what waits for a later attempt due."""
    WorkItem.objects.filter(state="PENDING").update(due_at=timezone.now() - timedelta(hours=1))


def delivery() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


# --- events -----------------------------------------------------------------------------------------------------------
def test_an_event_is_written_once_for_each_receiver_however_often_it_is_told(subscriber, stranger):
    assert tell(subscriber, stranger) == 2
    before = list(Event.objects.order_by("sequence").values())
    assert tell(subscriber, stranger) == 0
    assert list(Event.objects.order_by("sequence").values()) == before
    assert {row["organization_id"] for row in before} == {subscriber.organization_id, stranger.organization_id}
    assert tell(subscriber, key="k2") == 1


def test_the_envelope_is_that_of_eventbridge(subscriber, settings):
    tell(subscriber)
    event = Event.objects.select_related("organization").get()
    assert event.envelope == {
        "version": "0",
        "id": str(event.id),
        "detail-type": REVISION,
        "source": "aws.dataexchange",
        "account": subscriber.organization.account_id,
        "time": "2026-11-20T12:00:00Z",
        "region": settings.S3_REGION,
        "resources": ["r" * 32],
        "detail": {"RevisionIds": ["a" * 32]},
    }


def test_the_database_refuses_a_second_event_of_one_fact(subscriber):
    tell(subscriber)
    event = Event.objects.get()
    twin = Event(
        occurred_at=event.occurred_at,
        organization=event.organization,
        sequence=event.sequence + 1,
        detail_type=event.detail_type,
        source_key=event.source_key,
    )
    with pytest.raises(IntegrityError, match=r"organization_id_source_key|event_once"), transaction.atomic():
        twin.save(force_insert=True)


def test_a_type_that_is_in_no_list_is_a_fault_of_ours(subscriber):
    with pytest.raises(ValueError, match="not among DETAIL_TYPES"):
        tell(subscriber, detail_type="Revision published to data set")


def test_thousands_of_receivers_take_a_fixed_number_of_statements_per_thousand(
    django_assert_num_queries, receiver, subscriber
):
    make_webhook(subscriber, receiver.url)
    Organization.objects.bulk_create(Organization(name=f"Reader {n}") for n in range(2499))
    everybody = list(Organization.objects.values_list("pk", flat=True))
    # savepoint, lock, events, deliveries, release: three times; and the work rows of the one webhook
    with django_assert_num_queries(3 * 5 + 1):
        new = send_event(
            detail_type=REVISION, source_key="k", occurred_at=NOON, resources=[], detail={}, receivers=iter(everybody)
        )
    assert new == len(everybody) == Event.objects.count()
    assert WebhookDelivery.objects.count() == WorkItem.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_numbers_become_visible_in_their_order_so_that_a_reader_misses_none(subscriber, stranger):
    with transaction.atomic():
        tell(subscriber, key="early")
        with blocked(lambda: tell(subscriber, key="late")) as late:
            pass
        assert list_events(organization=subscriber.organization).count() == 1
    late.outcome()
    rows = list_events(organization=subscriber.organization).order_by("sequence")
    assert [row.source_key for row in rows] == ["early", "late"]
    assert [row.source_key for row in list_events(organization=subscriber.organization, after=rows[0].sequence)] == [
        "late"
    ]
    assert not list_events(organization=stranger.organization).exists()


def test_events_and_deliveries_are_forgotten_after_90_days(subscriber, webhook):
    now = timezone.now()
    tell(subscriber, key="old", at=now - timedelta(days=90, minutes=1))
    tell(subscriber, key="young", at=now - timedelta(days=89, hours=23))
    for _ in range(2):
        forget_old_rows()
        assert Event.objects.get().source_key == "young"
        assert WebhookDelivery.objects.get().event_id == Event.objects.get().id


# --- sending ----------------------------------------------------------------------------------------------------------
def test_an_event_arrives_signed_with_its_envelope(subscriber, webhook, receiver):
    endpoint, secret = webhook
    tell(subscriber)
    assert work.run_due() == 1
    (message,) = receiver.seen
    event = Event.objects.select_related("organization").get()
    assert message.event == event.envelope
    assert message.path == "/hook"
    assert message.headers["content-type"] == "application/json"
    assert message.headers["webhook-id"] == str(event.id)
    assert abs(int(message.headers["webhook-timestamp"]) - time.time()) < 60
    assert message.is_signed_by(secret)
    assert not message.is_signed_by("whsec_" + "A" * 44)
    sent = delivery()
    assert (sent.state, sent.attempts, sent.last_status, sent.last_error) == ("DONE", 1, 204, "")
    assert sent.finished_at is not None
    assert sent.next_attempt_at is None


def test_a_delivery_that_is_delivered_twice_by_the_engine_is_sent_once(subscriber, webhook, receiver):
    tell(subscriber)
    work.run_due()
    before = WebhookDelivery.objects.values().get()
    deliver_webhook(delivery_id=before["id"], turn=1)
    deliver_webhook(delivery_id=before["id"], turn=2)
    assert WebhookDelivery.objects.values().get() == before
    assert len(receiver.seen) == 1


def test_telling_again_sends_nothing_even_to_a_webhook_that_came_later(subscriber, webhook, receiver):
    tell(subscriber)
    make_webhook(subscriber, receiver.url)
    tell(subscriber)
    assert WebhookDelivery.objects.count() == 1


@pytest.mark.parametrize(
    ("wanted", "gets"),
    [
        ([], ["Revision Revoked", REVISION, "Revision Revoked from S3 Data Access Data Set(s)"]),
        (["Revision Revoked"], ["Revision Revoked"]),
        (["Revision Revoked*"], ["Revision Revoked", "Revision Revoked from S3 Data Access Data Set(s)"]),
        (["Auto-export*", REVISION], [REVISION]),
        (["*"], ["Revision Revoked", REVISION, "Revision Revoked from S3 Data Access Data Set(s)"]),
        (["Data Grant*"], []),
    ],
)
def test_a_webhook_gets_the_types_that_it_names(subscriber, receiver, wanted, gets):
    make_webhook(subscriber, receiver.url, wanted)
    for n, name in enumerate(["Revision Revoked", REVISION, "Revision Revoked from S3 Data Access Data Set(s)"]):
        tell(subscriber, key=f"k{n}", detail_type=name)
    work.run_due()
    assert sorted(receiver.types) == sorted(gets)


def test_nobody_gets_the_events_of_others(subscriber, stranger, webhook, receiver):
    tell(stranger)
    work.run_due()
    assert receiver.seen == []
    assert WebhookDelivery.objects.count() == 0


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (status(500), 500, "answered 500"),
        (status(404), 404, "answered 404"),
        (status(302, Location="http://169.254.169.254/latest"), 302, "redirects are not followed"),
        (lambda request: request.connection.shutdown(socket.SHUT_RDWR), None, "could not be reached, or it ended"),
    ],
)
def test_a_failure_is_kept_and_tried_again_under_the_same_id(subscriber, webhook, receiver, answer, code, words):
    endpoint, secret = webhook
    receiver.answer = answer
    tell(subscriber)
    work.run_due()
    failed = delivery()
    assert (failed.state, failed.attempts, failed.last_status) == ("PENDING", 1, code)
    assert words in failed.last_error
    assert len(receiver.seen) == 1
    endpoint.refresh_from_db()
    assert endpoint.failing_since is not None
    receiver.answer = status(200, b"thanks")
    let_time_pass()
    work.run_due()
    first, second = receiver.seen
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert second.body == first.body
    assert second.is_signed_by(secret)
    sent = delivery()
    assert (sent.state, sent.attempts, sent.last_status, sent.last_error) == ("DONE", 2, 200, "")
    endpoint.refresh_from_db()
    assert endpoint.failing_since is None


def test_it_is_tried_for_about_three_days_then_kept_as_failed(subscriber, webhook, receiver):
    receiver.answer = status(500)
    tell(subscriber)
    at, waited = timezone.now(), timedelta()
    pauses = []
    while delivery().state == "PENDING":
        row = delivery()
        attempt_delivery(delivery_id=row.pk, turn=row.turn, at=at)
        planned = delivery().next_attempt_at
        if planned is not None:
            pauses.append((planned - at).total_seconds())
            waited += planned - at
            at = planned
    assert len(pauses) == len(webhooks.PAUSES_S)
    for pause, usual in zip(pauses, webhooks.PAUSES_S, strict=True):
        assert 0.85 * usual <= pause <= 1.15 * usual
    assert timedelta(days=2.6) < waited < timedelta(days=3.7)
    row = delivery()
    assert (row.state, row.attempts, row.last_status) == ("FAILED", 10, 500)
    assert row.finished_at is not None
    # a work row for each attempt, the first of which is still to be claimed: its turn is over
    let_time_pass()
    work.run_due()
    assert len(receiver.seen) == 10


def test_a_receiver_that_asks_for_time_gets_it(subscriber, webhook, receiver):
    receiver.answer = status(503, Retry_After="1200")
    tell(subscriber)
    row = delivery()
    at = timezone.now()
    attempt_delivery(delivery_id=row.pk, turn=1, at=at)
    assert delivery().next_attempt_at == at + timedelta(seconds=1200)
    receiver.answer = status(429, Retry_After="999999999")
    attempt_delivery(delivery_id=row.pk, turn=2, at=at)
    assert delivery().next_attempt_at == at + timedelta(days=1)


def test_410_disables_the_webhook_and_fails_what_waits(subscriber, webhook, receiver):
    endpoint, _ = webhook
    tell(subscriber)
    tell(subscriber, key="waits")
    WorkItem.objects.filter(key=f"{waiting('waits').pk}:1").update(due_at=timezone.now() + timedelta(hours=1))
    receiver.answer = status(410)
    work.run_due()
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is not None
    assert endpoint.disabled_reason == "It answered 410: it wants nothing any more."
    assert set(WebhookDelivery.objects.values_list("state", "last_status")) == {("FAILED", 410), ("FAILED", None)}
    assert AuditRecord.objects.filter(action="webhook.disabled", scope=subscriber.organization_id).count() == 1
    tell(subscriber, key="afterwards")
    let_time_pass()
    work.run_due()
    assert len(receiver.seen) == 1
    assert WebhookDelivery.objects.count() == 2


def waiting(source_key: str) -> WebhookDelivery:
    return WebhookDelivery.objects.get(event_id=Event.objects.get(source_key=source_key).id)


def test_an_endpoint_without_one_success_for_five_days_is_disabled(subscriber, webhook, receiver):
    endpoint, _ = webhook
    receiver.answer = status(500)
    tell(subscriber)
    WebhookEndpoint.objects.update(failing_since=timezone.now() - timedelta(days=5, minutes=1))
    work.run_due()
    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "Nothing could be sent to it for 5 days."
    assert delivery().state == "FAILED"


def test_an_address_that_leads_inside_is_not_called(subscriber, webhook, receiver, settings):
    settings.EGRESS_ALLOWLIST = []
    tell(subscriber)
    WebhookEndpoint.objects.update(url="https://localhost/hook")
    work.run_due()
    assert receiver.seen == []
    row = delivery()
    assert (row.state, row.last_status) == ("PENDING", None)
    assert row.last_error == "The address leads to a private network and cannot be used."


def test_a_secret_that_cannot_be_opened_ends_the_delivery_with_the_work(subscriber, webhook, receiver):
    WebhookEndpoint.objects.update(sealed_secret=b"gone\x00" + b"x" * 100)
    tell(subscriber)
    for _ in range(work.ATTEMPTS):
        let_time_pass()
        work.run_due()
    assert WorkItem.objects.get().state == "PARKED"
    row = delivery()
    assert (row.state, receiver.seen) == ("FAILED", [])
    assert row.last_error.startswith("It could not be sent because of a fault of this installation.")


# --- secrets ----------------------------------------------------------------------------------------------------------
def test_the_secret_is_long_and_sealed(webhook):
    endpoint, secret = webhook
    import base64

    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert secret.encode() not in bytes(endpoint.sealed_secret)
    assert not AuditRecord.objects.filter(detail__icontains=secret[6:]).exists()


def test_both_secrets_sign_for_a_day_after_a_rotation(subscriber, webhook, receiver):
    endpoint, old = webhook
    at = timezone.now()
    endpoint, new = webhooks.rotate_secret(endpoint=endpoint, actor=actor_of(subscriber), at=at)
    assert old != new
    tell(subscriber)
    attempt_delivery(delivery_id=delivery().pk, turn=1, at=at + timedelta(hours=23, minutes=59))
    tell(subscriber, key="k2")
    attempt_delivery(delivery_id=waiting("k2").pk, turn=1, at=at + timedelta(hours=24))
    during, after = receiver.seen
    assert (during.is_signed_by(old), during.is_signed_by(new)) == (True, True)
    assert len(during.headers["webhook-signature"].split(" ")) == 2
    assert (after.is_signed_by(old), after.is_signed_by(new)) == (False, True)


def test_the_signature_is_that_of_the_specification():
    """Standard Webhooks, symmetric signatures: the worked example of its reference libraries' tests."""
    secret, message_id, body = (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
    )
    signed = f"{message_id}.1614265330.".encode() + body
    assert webhooks._sign(secret, signed) == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


# --- what people do ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.org/",
        "http://example.org/hook",
        "https://127.0.0.1:22/",
        "https://user:pw@example.org/",
        "https://example.org/a b",
        "https://example.org/\nx",
        "https://example.org/#top",
        "https://exämple.org/",
        "https://example.org/" + "x" * 2000,
    ],
)
def test_a_url_that_cannot_be_used_is_refused(subscriber, url):
    with pytest.raises(Invalid) as caught:
        make_webhook(subscriber, url)
    assert caught.value.field == "url"
    assert WebhookEndpoint.objects.count() == 0


@pytest.mark.parametrize("wanted", [["Revision*", "revision*"], ["Tides*"], [""], ["Revision"], ["x"] * 51])
def test_a_type_that_no_event_has_is_refused(subscriber, receiver, wanted):
    with pytest.raises(Invalid) as caught:
        make_webhook(subscriber, receiver.url, wanted)
    assert caught.value.field == "detail_types"


def test_an_organization_has_at_most_twenty(subscriber, stranger, receiver):
    for _ in range(20):
        make_webhook(subscriber, receiver.url)
    with pytest.raises(LimitExceeded, match="Webhooks per account"):
        make_webhook(subscriber, receiver.url)
    make_webhook(stranger, receiver.url)


def test_a_test_goes_to_one_webhook_whatever_it_wants(subscriber, webhook, receiver):
    endpoint, secret = make_webhook(subscriber, receiver.url, ["Data Grant*"])
    sent = webhooks.send_test_event(endpoint=endpoint, actor=actor_of(subscriber), at=timezone.now())
    assert (sent.endpoint_id, sent.state) == (endpoint.pk, "PENDING")
    work.run_due()
    (message,) = receiver.seen
    assert message.is_signed_by(secret)
    assert (message.event["detail-type"], message.event["detail"]) == ("Webhook Test", {"WebhookId": endpoint.pk})


def test_what_was_sent_or_failed_or_waits_can_be_sent_again_now(subscriber, webhook, receiver):
    by = {"actor": actor_of(subscriber), "at": timezone.now()}
    tell(subscriber)
    work.run_due()
    webhooks.replay_delivery(delivery=delivery(), **by)
    assert (delivery().state, delivery().turn) == ("PENDING", 2)
    receiver.answer = status(500)
    work.run_due()
    assert delivery().next_attempt_at > timezone.now()
    webhooks.replay_delivery(delivery=delivery(), **by)
    receiver.answer = status(200)
    work.run_due()
    assert (delivery().state, delivery().attempts, len(receiver.seen)) == ("DONE", 3, 3)
    let_time_pass()
    work.run_due()  # the attempt that was planned before the replay
    assert len(receiver.seen) == 3
    assert len({message.headers["webhook-id"] for message in receiver.seen}) == 1


def test_all_that_failed_is_sent_again_in_a_few_statements(
    subscriber, webhook, receiver, django_assert_max_num_queries
):
    endpoint, _ = webhook
    by = {"endpoint": endpoint, "actor": actor_of(subscriber), "at": timezone.now()}
    for n in range(5):
        tell(subscriber, key=f"k{n}")
    webhooks.update_webhook(is_enabled=False, **by)
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"FAILED"}
    with pytest.raises(WebhookIsDisabled):
        webhooks.replay_failed(**by)
    with pytest.raises(WebhookIsDisabled):
        webhooks.send_test_event(**by)
    with pytest.raises(WebhookIsDisabled):
        webhooks.replay_delivery(
            delivery=WebhookDelivery.objects.select_related("endpoint").first(), actor=by["actor"], at=by["at"]
        )
    webhooks.update_webhook(is_enabled=True, **by)
    with django_assert_max_num_queries(14):
        assert webhooks.replay_failed(**by) == 5
    assert webhooks.replay_failed(**by) == 0
    work.run_due()
    assert len(receiver.seen) == 5
    assert set(WebhookDelivery.objects.values_list("state", "attempts")) == {("DONE", 1)}


def test_a_new_address_does_not_answer_for_the_one_before(subscriber, webhook, receiver):
    endpoint, secret = webhook
    WebhookEndpoint.objects.update(failing_since=timezone.now() - timedelta(days=6), url="https://example.org/hook")
    by = {"endpoint": endpoint, "actor": actor_of(subscriber), "at": timezone.now()}
    assert webhooks.update_webhook(url=receiver.url, **by).failing_since is None
    receiver.answer = status(500)
    tell(subscriber)
    work.run_due()
    endpoint.refresh_from_db()
    assert endpoint.is_enabled
    assert webhooks.update_webhook(url=receiver.url, **by).failing_since is not None  # nothing was changed
    assert AuditRecord.objects.filter(action="webhook.updated").count() == 1


def test_a_deleted_webhook_gets_nothing_and_deleting_twice_changes_nothing(subscriber, webhook, receiver):
    endpoint, _ = webhook
    tell(subscriber)
    for _ in range(2):
        webhooks.delete_webhook(endpoint=WebhookEndpoint(pk=endpoint.pk), actor=actor_of(subscriber))
    work.run_due()
    assert (receiver.seen, WebhookDelivery.objects.count()) == ([], 0)
    assert AuditRecord.objects.filter(action="webhook.deleted").count() == 1
    assert Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_that_is_deleted_while_it_is_called_leaves_nothing_behind(subscriber, webhook, receiver):
    endpoint, _ = webhook
    arrived, go_on = threading.Event(), threading.Event()

    def wait(request) -> None:
        arrived.set()
        go_on.wait(10)
        status(200)(request)

    receiver.answer = wait
    tell(subscriber)
    row = delivery()
    running = Call(lambda: attempt_delivery(delivery_id=row.pk, turn=1, at=timezone.now()))
    running.start()
    assert arrived.wait(10)
    webhooks.delete_webhook(endpoint=endpoint, actor=actor_of(subscriber))
    go_on.set()
    running.outcome()
    assert WebhookDelivery.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_one_turn_record_it_once(subscriber, webhook, receiver):
    gate = threading.Barrier(2)

    def both(request) -> None:
        gate.wait(10)
        status(500)(request)

    receiver.answer = both
    tell(subscriber)
    row = delivery()
    calls = [Call(lambda: attempt_delivery(delivery_id=row.pk, turn=1, at=timezone.now())) for _ in range(2)]
    for call in calls:
        call.start()
    for call in calls:
        call.outcome()
    assert len(receiver.seen) == 2
    assert (delivery().attempts, delivery().turn) == (1, 2)
    assert WorkItem.objects.filter(task="core.deliver_webhook").count() == 2  # turns 1 and 2


# --- the gate ---------------------------------------------------------------------------------------------------------
def test_a_receiver_that_trickles_is_cut_off(receiver):
    stopped = threading.Event()

    def trickle(request) -> None:
        request.send_response(200)
        request.flush_headers()
        for n in range(200):
            if stopped.wait(0.05):
                return
            try:
                request.wfile.write(f"X-{n}: x\r\n".encode())
            except OSError:
                return

    receiver.answer = trickle
    began = time.monotonic()
    with pytest.raises(requests.Timeout, match=r"within 0\.5 s"):
        egress.post(receiver.url, body=b"{}", headers={}, total_s=0.5)
    assert time.monotonic() - began < 8  # 200 lines would take 10 s, and each comes in time
    stopped.set()


def test_a_status_counts_however_long_and_slow_its_body_is(receiver):
    stopped = threading.Event()

    def flood(request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(10**12))
        request.end_headers()
        while not stopped.is_set():
            try:
                request.wfile.write(b"x" * 65536)
            except OSError:
                return

    receiver.answer = flood
    assert egress.post(receiver.url, body=b"{}", headers={}).status == 200
    stopped.set()


def test_a_redirect_is_an_answer_and_nothing_of_the_machine_is_sent_along(receiver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    receiver.answer = status(307, Location=f"http://{receiver.address}/elsewhere")
    answer = egress.post(receiver.url, body=b"{}", headers={"Content-Type": "application/json"})
    assert (answer.status, len(receiver.seen)) == (307, 1)
    assert {"cookie", "authorization"} & set(receiver.seen[0].headers) == set()


def test_a_post_into_our_own_network_is_refused_before_a_socket_opens(receiver, settings):
    settings.EGRESS_ALLOWLIST = []
    for url in (receiver.url, "https://localhost/", "https://169.254.169.254/latest", "file:///etc/passwd"):
        with pytest.raises(egress.AddressRefused):
            egress.post(url, body=b"{}", headers={})
    assert receiver.seen == []


def test_many_addresses_that_do_not_answer_share_the_time_of_one(settings, monkeypatch):
    tried: list[float] = []

    def hang(sock, address) -> None:
        tried.append(sock.gettimeout())
        time.sleep(min(sock.gettimeout(), 0.3))
        raise TimeoutError

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"93.184.216.{n}", 443)) for n in range(100)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket.socket, "connect", hang)
    with pytest.raises(requests.RequestException):
        egress.post("https://many.example.org/", body=b"{}", headers={}, total_s=0.5)
    assert 1 <= len(tried) <= 3


def test_every_name_of_an_event_fits_its_columns():
    assert max(map(len, notices.DETAIL_TYPES)) <= 120
    assert len(set(notices.DETAIL_TYPES)) == len(notices.DETAIL_TYPES)


def test_the_tables_keep_the_names_of_their_constraints():
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint WHERE conrelid = 'core_event'::regclass AND contype = 'u'")
        assert cursor.fetchall() == [("event_once",)]
        cursor.execute(
            "SELECT count(*) FROM pg_indexes WHERE tablename = 'core_event' AND indexname = 'event_by_organization'"
        )
        assert cursor.fetchone() == (1,)


def test_an_actor_of_the_system_disables_in_the_name_of_nobody(subscriber, webhook, receiver):
    receiver.answer = status(410)
    tell(subscriber)
    work.run_due()
    row = AuditRecord.objects.get(action="webhook.disabled")
    assert (row.actor_kind, row.actor_user_id, row.scope) == (
        Actor(kind="system").kind,
        None,
        subscriber.organization_id,
    )
