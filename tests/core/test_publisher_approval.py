"""Asking for the approval to publish, deciding, and who is told."""

import pytest
from django.utils import timezone

from marketplace.core import work
from marketplace.core.actors import SYSTEM
from marketplace.core.errors import Invalid
from marketplace.core.models import AuditRecord, Notification, Organization
from marketplace.core.operations import publishers, site
from marketplace.core.operations.users import make_operator
from marketplace.core.tasks import announce_publisher_decision, announce_publisher_request
from tests.conftest import actor_of, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(db):
    """An operator with two organizations."""
    member = make_member("Operator")
    make_operator(user=member.user, actor=SYSTEM, at=timezone.now())
    return member


@pytest.fixture
def wanted(db):
    """The approval of publishers, turned on."""
    site.change_approvals(
        approves_publishers=True, approves_products=False, already_publishing=[], actor=SYSTEM, at=timezone.now()
    )


def ask(member, note="Tides of eleven harbours."):
    """Ask to publish as a member."""
    return publishers.ask_to_publish(
        organization=member.organization, note=note, actor=actor_of(member), at=timezone.now()
    )


def state_of(member):
    row = Organization.objects.get(pk=member.organization_id)
    return row.publisher_state, row.publisher_note


def test_asking_tells_each_operator_once(wanted, operator, publisher):
    ask(publisher, "  Tides   of eleven\x00 harbours. ")
    assert state_of(publisher) == ("REQUESTED", "Tides of eleven harbours.")
    work.run_due()
    told = Notification.objects.get(topic="approval.wanted")
    assert told.membership == operator
    assert told.text == "Publisher asks to publish: Tides of eleven harbours."
    assert told.path == f"/operate/approvals/publishers/{publisher.organization_id}"
    announce_publisher_request(
        publisher_id=publisher.organization_id,
        note="Tides of eleven harbours.",
        asked_at=told.source_key.split(":", 2)[2],
    )
    assert Notification.objects.filter(topic="approval.wanted").count() == 1


def test_an_approval_is_told_once_to_the_organization(wanted, operator, publisher):
    ask(publisher)
    at = timezone.now()
    publishers.approve_publisher(organization=publisher.organization, actor=actor_of(operator), at=at)
    work.run_due()
    assert state_of(publisher) == ("APPROVED", "")
    told = Notification.objects.get(topic="product.reviewed")
    assert (told.membership, told.text, told.path) == (publisher, "Your organization may now publish.", "/publish")
    announce_publisher_decision(publisher_id=publisher.organization_id, reason="", decided_at=at.isoformat())
    assert Notification.objects.filter(topic="product.reviewed").count() == 1
    with pytest.raises(publishers.AlreadyApproved):
        publishers.approve_publisher(organization=publisher.organization, actor=actor_of(operator), at=at)
    assert AuditRecord.objects.filter(scope=publisher.organization_id, action="publisher.approved").count() == 1


def test_a_refusal_gives_its_reason_and_one_may_ask_again(wanted, operator, publisher):
    ask(publisher)
    decline = {"organization": publisher.organization, "actor": actor_of(operator), "at": timezone.now()}
    for wrong in ("", "   ", "x" * 501):
        with pytest.raises(Invalid) as refused:
            publishers.decline_publisher(reason=wrong, **decline)
        assert refused.value.field == "reason"
    assert state_of(publisher)[0] == "REQUESTED"
    publishers.decline_publisher(reason="Say whose data it is.", **decline)
    work.run_due()
    assert state_of(publisher) == ("DECLINED", "Say whose data it is.")
    told = Notification.objects.get(topic="product.reviewed")
    assert told.text.endswith("Say whose data it is.")
    assert told.path == "/publish/approval"
    with pytest.raises(publishers.NothingAsked):
        publishers.decline_publisher(reason="Again.", **decline)
    ask(publisher, "Our own measurements.")
    assert state_of(publisher) == ("REQUESTED", "Our own measurements.")


def test_asking_is_refused_where_it_is_of_no_use(publisher, operator):
    with pytest.raises(publishers.NobodyApproves):
        ask(publisher)
    site.change_approvals(
        approves_publishers=True, approves_products=False, already_publishing=[], actor=SYSTEM, at=timezone.now()
    )
    with pytest.raises(Invalid):
        ask(publisher, " ")
    ask(publisher)
    with pytest.raises(publishers.AlreadyAsked):
        ask(publisher)
    publishers.approve_publisher(organization=publisher.organization, actor=actor_of(operator), at=timezone.now())
    with pytest.raises(publishers.AlreadyApproved):
        ask(publisher)


def test_the_badge_is_given_and_taken_and_recorded_once(publisher, operator):
    for wanted in (True, True, False, False):
        publishers.set_verified(organization=publisher.organization, is_verified=wanted, actor=actor_of(operator))
        assert Organization.objects.get(pk=publisher.organization_id).is_verified is wanted
    recorded = AuditRecord.objects.filter(scope=publisher.organization_id, action__contains="verified")
    assert list(recorded.order_by("sequence").values_list("action", flat=True)) == [
        "organization.verified",
        "organization.unverified",
    ]
