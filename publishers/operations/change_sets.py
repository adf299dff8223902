"""Start, apply and cancel change sets."""

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from marketplace.core import audit, work
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded, NotFound
from marketplace.core.models import Organization, User
from publishers.models import ChangeSet, ChangeSetEntity, ChangeSetIntent, ChangeSetState, FailureCode, Offer, Product
from publishers.models.change_sets import HISTORY, RUNNING
from publishers.operations import documents
from publishers.operations.changes import CHANGES, DATA_PRODUCT, REFERENCE, Change, Run, prepare_samples

#: Source: marketplace-catalog 2018-09-17, RequestedChangeList
MOST_CHANGES = 20
MOST_RUNNING = 20
LONGEST_DETAILS = 16_384


class EntityInUse(Conflict):
    message = "Another change set that is about this entity is still running. Wait for it, or cancel it."


class ChangeSetNotCancellable(Conflict):
    message = "A change set can be cancelled only before it is applied."


class ClientRequestTokenReused(Invalid):
    message = "This ClientRequestToken belongs to another change set. Use a new one for new changes."


class _Refused(Exception):
    """Some changes are wrong: all are taken back."""


class _Validated(Exception):
    """All changes are right, and are taken back because nothing else was asked for."""


def start_change_set(
    *,
    organization: Organization,
    changes: list[Change],
    user: User,
    actor: Actor,
    at: datetime,
    name: str = "",
    intent: str = ChangeSetIntent.APPLY,
    client_request_token: str | None = None,
) -> ChangeSet:
    """Keep changes that will be applied together; what their details get wrong is told by the change set later.

    The same token with the same changes returns the change set that it started.
    Raises NotFound for an entity that is not the organization's, EntityInUse, Invalid, ClientRequestTokenReused,
    LimitExceeded "Running change sets per account". Source: marketplace-catalog 2018-09-17, StartChangeSet.
    """
    fingerprint = _fingerprint(changes, name=name, intent=intent)
    same_token = ChangeSet.objects.filter(
        organization=organization, client_request_token=client_request_token, client_request_token__isnull=False
    )
    earlier = same_token.first()
    if earlier is None:
        _check(changes)
        try:
            return _keep(
                organization=organization,
                changes=changes,
                user=user,
                actor=actor,
                at=at,
                name=name,
                intent=intent,
                client_request_token=client_request_token,
                fingerprint=fingerprint,
            )
        except IntegrityError:
            earlier = same_token.first()
            if earlier is None:
                raise
    if earlier.fingerprint != fingerprint:
        raise ClientRequestTokenReused(field="ClientRequestToken")
    return earlier


def _fingerprint(changes: list[Change], *, name: str, intent: str) -> str:
    text = json.dumps([[asdict(change) for change in changes], name, intent], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _check(changes: list[Change]) -> None:
    """Raise Invalid for what can be told from the request alone."""
    if not 1 <= len(changes) <= MOST_CHANGES:
        raise Invalid(f"A change set has 1 to {MOST_CHANGES} changes.", field="ChangeSet")
    created: dict[str, str] = {}
    seen: set[tuple[str, str, str]] = set()
    names: set[str] = set()
    for number, change in enumerate(changes, start=1):
        where = f"Change {number}, {change.type}"
        kind = CHANGES.get((change.entity_type, change.type))
        if kind is None:
            known = ", ".join(sorted(t for e, t in CHANGES if e == change.entity_type))
            entity_types = ", ".join(sorted({entity_type for entity_type, _ in CHANGES}))
            hint = f"Its change types are {known}." if known else f"Entity types are {entity_types}."
            raise Invalid(f"{where}: not a change type of {change.entity_type}. {hint}", field="ChangeType")
        if change.name in names:
            raise Invalid(f"{where}: another change has the name {change.name}.", field="ChangeName")
        if len(json.dumps(change.details)) > LONGEST_DETAILS:
            raise Invalid(f"{where}: Details have at most {LONGEST_DETAILS:,} characters.", field="Details")
        _check_identifier(change, where, created)
        key = (change.entity_type, change.type, change.identifier)
        if change.identifier and key in seen:
            raise Invalid(f"{where}: the same change of the same entity stands here twice.", field="ChangeSet")
        seen.add(key)
        if change.name:
            names.add(change.name)
            if kind.creates:
                created[change.name] = change.entity_type


def _check_identifier(change: Change, where: str, created: dict[str, str]) -> None:
    if CHANGES[change.entity_type, change.type].creates:
        if change.identifier:
            raise Invalid(f"{where}: an entity that is created has no Identifier yet.", field="Identifier")
        return
    if not change.identifier:
        raise Invalid(f"{where}: give the Identifier of the entity.", field="Identifier")
    reference = REFERENCE.fullmatch(change.identifier)
    if reference is not None and created.get(reference[1]) != change.entity_type:
        message = f"{where}: no earlier change named {reference[1]} creates an entity of type {change.entity_type}."
        raise Invalid(message, field="Identifier")


@transaction.atomic
def _keep(
    *,
    organization: Organization,
    changes: list[Change],
    user: User,
    actor: Actor,
    at: datetime,
    name: str,
    intent: str,
    client_request_token: str | None,
    fingerprint: str,
) -> ChangeSet:
    Organization.objects.select_for_update().get(pk=organization.pk)
    if ChangeSet.objects.filter(organization=organization, state__in=RUNNING).count() >= MOST_RUNNING:
        raise LimitExceeded("Running change sets per account", MOST_RUNNING)
    entity_ids = {
        c.identifier: c.entity_type for c in changes if c.identifier and not REFERENCE.fullmatch(c.identifier)
    }
    for entity_id, entity_type in entity_ids.items():
        _check_owned(organization, entity_id, entity_type)
    change_set = ChangeSet(
        organization=organization,
        name=name,
        intent=intent,
        changes=[
            {
                "name": c.name,
                "type": c.type,
                "entity_type": c.entity_type,
                "entity_id": c.identifier,
                "details": c.details,
                "errors": [],
            }
            for c in changes
        ],
        client_request_token=client_request_token,
        fingerprint=fingerprint,
        requested_by=user,
        credential_id=actor.credential_id,
        created_at=at,
    )
    change_set.name = name or change_set.pk
    change_set.save(force_insert=True)
    for entity_id in entity_ids:
        try:
            with transaction.atomic():
                ChangeSetEntity.objects.create(change_set=change_set, entity_id=entity_id)
        except IntegrityError:
            raise EntityInUse("ENTITY", entity_id) from None
    audit.record("change_set.started", actor=actor, subject=change_set, at=at, detail={"entity_ids": [*entity_ids]})
    pk = change_set.pk
    work.enqueue("publishers.apply_change_set", key=pk, organization_id=organization.pk, change_set_id=pk)
    return change_set


def _check_owned(organization: Organization, entity_id: str, entity_type: str) -> None:
    owned = (
        Product.objects.owned_by(organization).filter(pk=entity_id)
        if entity_type == DATA_PRODUCT
        else Offer.objects.filter(product__owner=organization, pk=entity_id)
    )
    if not owned.exists():
        raise NotFound("ENTITY", entity_id)


def apply_change_set(*, change_set: ChangeSet, at: datetime) -> ChangeSet:
    """Apply all changes of a change set, or none. Twice changes nothing; one that was cancelled stays as it is.

    What is wrong with changes stands in `changes` afterwards, and the state is FAILED.
    """
    # From here on it cannot be cancelled. A worker that dies after this leaves a set that is applied by the next one.
    ChangeSet.objects.filter(pk=change_set.pk, state=ChangeSetState.PREPARING).update(state=ChangeSetState.APPLYING)
    run: Run | None = None
    samples = _samples_for(change_set.pk)
    kept: set[str] = set()
    try:
        with transaction.atomic():
            locked = (
                ChangeSet.objects.select_for_update(of=("self",)).select_related("organization").get(pk=change_set.pk)
            )
            if locked.state != ChangeSetState.APPLYING:
                return locked
            run = _run_of(locked, at, samples)
            run.apply()
            if run.errors:
                raise _Refused
            if locked.intent == ChangeSetIntent.VALIDATE:
                raise _Validated
            done = _succeed(locked, run, at)
        kept = run.taken
        return done
    except _Validated:
        return _end(change_set, run, at, state=ChangeSetState.SUCCEEDED)
    except _Refused:
        return _end(change_set, run, at, state=ChangeSetState.FAILED, failure_code=FailureCode.CLIENT_ERROR)
    finally:
        for prepared in samples.values():
            if prepared.path not in kept:
                documents.discard(prepared)


def _samples_for(change_set_id: str) -> dict[str, documents.Prepared]:
    """Prepare, outside of any transaction, what products that are released may lack; nothing for a set that has ended."""
    change_set = ChangeSet.objects.select_related("organization").get(pk=change_set_id)
    if change_set.state != ChangeSetState.APPLYING:
        return {}
    return prepare_samples(organization=change_set.organization, changes=_changes_of(change_set))


def _changes_of(change_set: ChangeSet) -> list[Change]:
    return [
        Change(
            name=change["name"],
            type=change["type"],
            entity_type=change["entity_type"],
            identifier=change["entity_id"],
            details=change["details"],
        )
        for change in change_set.changes
    ]


def _run_of(change_set: ChangeSet, at: datetime, samples: dict[str, documents.Prepared]) -> Run:
    return Run(
        organization=change_set.organization,
        changes=_changes_of(change_set),
        actor=_actor(change_set),
        at=at,
        samples=samples,
    )


def _actor(change_set: ChangeSet) -> Actor:
    return Actor(
        kind="system",
        user_id=change_set.requested_by_id,
        organization_id=change_set.organization_id,
        credential_id=change_set.credential_id,
    )


def _succeed(change_set: ChangeSet, run: Run, at: datetime) -> ChangeSet:
    entity_ids = run.entity_ids()
    for index, entity_id in entity_ids.items():
        change_set.changes[index]["entity_id"] = entity_id
    ChangeSetEntity.objects.bulk_create(
        [
            ChangeSetEntity(change_set=change_set, entity_id=entity_id, is_running=False)
            for entity_id in dict.fromkeys(entity_ids.values())
        ],
        ignore_conflicts=True,
    )
    return _close(change_set, at, state=ChangeSetState.SUCCEEDED)


@transaction.atomic
def _end(change_set: ChangeSet, run: Run | None, at: datetime, **ended: Any) -> ChangeSet:
    """Record an outcome that moved nothing, unless another worker has recorded one."""
    locked = ChangeSet.objects.select_for_update().get(pk=change_set.pk)
    if locked.state not in RUNNING:
        return locked
    for index, (code, message) in (run.errors if run is not None else {}).items():
        locked.changes[index]["errors"] = [{"code": code, "message": message}]
    return _close(locked, at, **ended)


def _close(
    change_set: ChangeSet,
    at: datetime,
    *,
    state: ChangeSetState,
    failure_code: FailureCode = FailureCode.NONE,
    failure_description: str = "",
    actor: Actor | None = None,
) -> ChangeSet:
    change_set.state = state
    change_set.failure_code = failure_code
    change_set.failure_description = failure_description
    change_set.ended_at = at
    change_set.save(update_fields=["changes", "state", "failure_code", "failure_description", "ended_at"])
    change_set.entities.filter(is_running=True).update(is_running=False)
    audit.record(f"change_set.{state.value.lower()}", actor=actor or _actor(change_set), subject=change_set, at=at)
    return change_set


def fail_change_set(*, change_set: ChangeSet, at: datetime) -> ChangeSet:
    """End a change set that could not be applied through no fault of the one who asked; nothing of it was kept."""
    return _end(
        change_set,
        None,
        at,
        state=ChangeSetState.FAILED,
        failure_code=FailureCode.SERVER_FAULT,
        failure_description="The changes could not be applied because of a fault of the exchange. Start them again.",
    )


@transaction.atomic
def cancel_change_set(*, change_set: ChangeSet, actor: Actor, at: datetime) -> ChangeSet:
    """Give a change set up before it is applied. Raises ChangeSetNotCancellable."""
    locked = ChangeSet.objects.select_for_update().get(pk=change_set.pk)
    if locked.state != ChangeSetState.PREPARING:
        message = f"This change set is {locked.state}; it can be cancelled only while it is PREPARING."
        raise ChangeSetNotCancellable("CHANGE_SET", locked.pk, message)
    return _close(locked, at, state=ChangeSetState.CANCELLED, actor=actor)


def forget_change_sets(*, at: datetime) -> int:
    """Delete the change sets that ended longer ago than the history goes; return how many."""
    return ChangeSet.objects.filter(ended_at__lt=at - HISTORY).delete()[1].get("publishers.ChangeSet", 0)
