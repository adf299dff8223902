"""Who may publish: organizations ask, an operator decides; and the badge of those whose identity was checked."""

from datetime import datetime

from django.db import transaction

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.events import publish_on_commit
from marketplace.core.models import Membership, Organization, PublisherState
from marketplace.core.operations.inbox import tell_members
from marketplace.core.queries.site import get_site_settings

NOTE_LENGTH = 500


class NobodyApproves(Conflict):
    message = "Everybody may publish on this exchange. There is nothing to ask for."


class AlreadyAsked(Conflict):
    message = "Your organization has asked already. You are told when an operator has decided."


class AlreadyApproved(Conflict):
    message = "The organization is approved already."


class NothingAsked(Conflict):
    message = "The organization does not wait for a decision."


def _note(text: str, *, field: str, sentence: str) -> str:
    text = " ".join(text.replace("\x00", "").split())
    if not text:
        raise Invalid(sentence, field=field)
    if len(text) > NOTE_LENGTH:
        raise Invalid(f"Use at most {NOTE_LENGTH} characters.", field=field)
    return text


@transaction.atomic
def ask_to_publish(*, organization: Organization, note: str, actor: Actor, at: datetime) -> Organization:
    """Ask the operator for the approval to publish; after a refusal one may ask again.

    Raises Invalid without a note, NobodyApproves, AlreadyAsked, AlreadyApproved.
    """
    note = _note(note, field="note", sentence="Say what you want to publish.")
    row = Organization.objects.select_for_update().get(pk=organization.pk)
    if row.publisher_state == PublisherState.APPROVED:
        raise AlreadyApproved("ORGANIZATION", row.pk)
    if not get_site_settings().approves_publishers:
        raise NobodyApproves("ORGANIZATION", row.pk)
    if row.publisher_state == PublisherState.REQUESTED:
        raise AlreadyAsked("ORGANIZATION", row.pk)
    _set(row, PublisherState.REQUESTED, note)
    audit.record("publisher.requested", actor=actor, subject=row, detail={"note": note})
    publish_on_commit(
        "publisher.requested", organization_id=row.pk, publisher_id=row.pk, note=note, asked_at=at.isoformat()
    )
    return row


@transaction.atomic
def approve_publisher(*, organization: Organization, actor: Actor, at: datetime) -> Organization:
    """Let an organization publish; also one that has not asked, or was declined. Raises AlreadyApproved."""
    row = Organization.objects.select_for_update().get(pk=organization.pk)
    if row.publisher_state == PublisherState.APPROVED:
        raise AlreadyApproved("ORGANIZATION", row.pk)
    _set(row, PublisherState.APPROVED, "")
    audit.record("publisher.approved", actor=actor, subject=row, organization_id=row.pk)
    publish_on_commit(
        "publisher.decided", organization_id=row.pk, publisher_id=row.pk, reason="", decided_at=at.isoformat()
    )
    return row


@transaction.atomic
def decline_publisher(*, organization: Organization, reason: str, actor: Actor, at: datetime) -> Organization:
    """Refuse a request; the reason is told to the organization. Raises Invalid without a reason, NothingAsked."""
    reason = _note(reason, field="reason", sentence="Say why: the organization is told.")
    row = Organization.objects.select_for_update().get(pk=organization.pk)
    if row.publisher_state != PublisherState.REQUESTED:
        raise NothingAsked("ORGANIZATION", row.pk)
    _set(row, PublisherState.DECLINED, reason)
    audit.record("publisher.declined", actor=actor, subject=row, organization_id=row.pk, detail={"reason": reason})
    publish_on_commit(
        "publisher.decided", organization_id=row.pk, publisher_id=row.pk, reason=reason, decided_at=at.isoformat()
    )
    return row


def _set(row: Organization, state: str, note: str) -> None:
    row.publisher_state, row.publisher_note = state, note
    row.save(update_fields=["publisher_state", "publisher_note"])


@transaction.atomic
def set_verified(*, organization: Organization, is_verified: bool, actor: Actor) -> Organization:
    """Give or take the badge that says that an operator has checked who this is. Twice changes nothing."""
    row = Organization.objects.select_for_update().get(pk=organization.pk)
    if row.is_verified != is_verified:
        row.is_verified = is_verified
        row.save(update_fields=["is_verified"])
        action = "organization.verified" if is_verified else "organization.unverified"
        audit.record(action, actor=actor, subject=row, organization_id=row.pk)
    return row


# --- what is told ---------------------------------------------------------------------------------------------------------
def announce_request(*, publisher_id: str, note: str, asked_at: str, at: datetime) -> None:
    """Tell every operator that somebody wants to publish."""
    asker = Organization.objects.filter(pk=publisher_id).first()
    if asker is not None:
        tell_operators(
            source_key=f"publisher-request:{publisher_id}:{asked_at}",
            subject_key=f"organization:{publisher_id}",
            subject_label=asker.name,
            text=f"{asker.name} asks to publish: {note}",
            path=f"/operate/approvals/publishers/{publisher_id}",
            at=at,
        )


def tell_operators(
    *, source_key: str, subject_key: str, subject_label: str, text: str, path: str, at: datetime
) -> None:
    """Tell each operator once, in the organization that they joined first, that something waits for approval."""
    members = Membership.objects.filter(user__is_staff=True, user__is_active=True).order_by("user", "created_at", "pk")
    for user, organization in members.distinct("user").values_list("user", "organization"):
        tell_members(
            organization_ids=[organization],
            user_ids=[user],
            topic="approval.wanted",
            source_key=source_key,
            subject_key=subject_key,
            subject_label=subject_label,
            text=text,
            path=path,
            at=at,
        )


def announce_decision(*, publisher_id: str, reason: str, decided_at: str, at: datetime) -> None:
    """Tell an organization what the operator decided on its publishing; an empty reason stands for yes."""
    asker = Organization.objects.filter(pk=publisher_id).first()
    if asker is not None:
        text = f"The operator did not approve publishing: {reason}" if reason else "Your organization may now publish."
        tell_members(
            organization_ids=[publisher_id],
            topic="product.reviewed",
            source_key=f"publisher-decision:{publisher_id}:{decided_at}",
            subject_key=f"organization:{publisher_id}",
            subject_label=asker.name,
            text=text,
            path="/publish/approval" if reason else "/publish",
            at=at,
        )
