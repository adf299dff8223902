"""Say what a data set promises: a new version of its contract, and taking back one that is not in force yet."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded
from marketplace.core.events import publish_on_commit
from publishers.contracts.comparing import Change, compare, least_version
from publishers.contracts.model import Document
from publishers.contracts.parsing import parse
from publishers.contracts.writing import from_tables
from publishers.models import Contract, DataSet, Profile, ProfileState
from publishers.operations.locking import lock_data_set
from publishers.operations.texts import check_text
from publishers.queries.contracts import contract_before, contract_in_force, list_contracts, next_contract

__all__ = [
    "accept_measured",
    "changes_of",
    "contract_in_force",
    "document_of",
    "next_contract",
    "set_contract",
    "withdraw_contract",
]

MOST_VERSIONS = 1000
_CHANGES_TOLD = 10


class VersionTooLow(Invalid):
    """The version number is smaller than the changes need; `changes` are all of them."""

    def __init__(self, message: str, changes: Iterable[Change] = ()) -> None:
        super().__init__(message, field="version")
        self.changes = list(changes)


class ContractBreaks(VersionTooLow):
    """A breaking change came without a new major version."""


class NoticeTooShort(Invalid):
    """Subscribers would have less time than they were promised."""


class ContractInForce(Conflict):
    message = "This version is in force already. Set a new version instead."


class RevisionNotMeasured(Conflict):
    message = "No revision of this data set was measured yet, so there is nothing to accept. Finalize one first."


def document_of(contract: Contract) -> Document:
    """Return what a stored contract says."""
    return parse(contract.document)


@transaction.atomic
def set_contract(
    *,
    data_set: DataSet,
    document: dict[str, Any],
    has_subscribers: bool,
    actor: Actor,
    at: datetime,
    effective_at: datetime | None = None,
    notice: str = "",
) -> Contract:
    """Add a version of a data set's contract, in force from `effective_at` (now), and announce it.

    document: Open Data Contract Standard 3.1.0, read by contracts.reading; its `version` is that of the contract. The same
    document again returns the version that is there. has_subscribers: whether a new major version needs
    settings.CONTRACT_NOTICE_DAYS of notice; the first contract never does.
    Raises ContractInvalid, ContractBreaks, VersionTooLow, NoticeTooShort, Invalid, LimitExceeded.
    """
    parsed = parse(document)
    notice = check_text(notice.strip(), field="notice", longest=1000, needed=False)
    data_set = lock_data_set(data_set.pk)
    versions = list_contracts(data_set=data_set)
    before = versions.first()
    stored = {**document, "version": parsed.version_text}
    if before is not None and before.document == stored:
        return before
    if versions.count() >= MOST_VERSIONS:
        raise LimitExceeded("Contract versions per data set", MOST_VERSIONS)
    changes: list[Change] = []
    if before is not None:
        changes = compare(document_of(before), parsed)
        _check_version(before, parsed, changes)
    is_breaking = before is not None and parsed.version[0] > before.major
    effective_at = _effective(effective_at, before, at=at, needs_notice=is_breaking and has_subscribers)
    major, minor, patch = parsed.version
    contract = Contract.objects.create(
        data_set=data_set,
        major=major,
        minor=minor,
        patch=patch,
        document=stored,
        notice=notice,
        created_by_id=actor.user_id,
        created_at=at,
        effective_at=effective_at,
    )
    detail = {"version": contract.version, "effective_at": effective_at.isoformat(), "changes": len(changes)}
    audit.record("contract.announced", actor=actor, subject=contract, detail=detail)
    publish_on_commit("contract.announced", organization_id=data_set.owner_id, contract_id=contract.pk)
    return contract


def _check_version(before: Contract, parsed: Document, changes: list[Change]) -> None:
    old = (before.major, before.minor, before.patch)
    least = least_version(old, changes)
    if parsed.version >= least:
        return
    wanted = ".".join(str(part) for part in least)
    breaking = [change for change in changes if change.is_breaking]
    if breaking and parsed.version[0] <= before.major:
        listed = " ".join(f"{change.name}: {change.text}" for change in breaking[:_CHANGES_TOLD])
        rest = f" And {len(breaking) - _CHANGES_TOLD} more." if len(breaking) > _CHANGES_TOLD else ""
        raise ContractBreaks(
            f"Version {parsed.version_text} breaks version {before.version}, so it must be {wanted} or later. {listed}{rest}",
            changes,
        )
    raise VersionTooLow(
        f"Version {parsed.version_text} follows {before.version}; with these changes it must be {wanted} or later.",
        changes,
    )


def _effective(effective_at: datetime | None, before: Contract | None, *, at: datetime, needs_notice: bool) -> datetime:
    days = settings.CONTRACT_NOTICE_DAYS
    if needs_notice and days and (effective_at is None or effective_at < at + timedelta(days=days)):
        raise NoticeTooShort(
            f"Subscribers need {days} days of notice of a breaking change: let it be in force from"
            f" {at + timedelta(days=days):%Y-%m-%d %H:%M} UTC or later.",
            field="effective_at",
        )
    if effective_at is None:
        effective_at = at if before is None else max(at, before.effective_at)
    if effective_at < at:
        raise Invalid("A contract cannot be in force in the past. Leave the date out for now.", field="effective_at")
    if before is not None and effective_at < before.effective_at:
        raise Invalid(
            f"Version {before.version} is announced for {before.effective_at:%Y-%m-%d %H:%M} UTC, so this one cannot be in"
            " force earlier. Withdraw that one, or choose a later date.",
            field="effective_at",
        )
    return effective_at


@transaction.atomic
def withdraw_contract(*, contract: Contract, actor: Actor, at: datetime) -> None:
    """Take back a version that is not in force yet; whoever was told of it is told again. Raises ContractInForce."""
    lock_data_set(contract.data_set_id)
    found = Contract.objects.filter(pk=contract.pk).first()
    if found is None:
        return
    if found.effective_at <= at:
        raise ContractInForce("CONTRACT", found.version)
    audit.record("contract.withdrawn", actor=actor, subject=found, detail={"version": found.version})
    publish_on_commit(
        "contract.withdrawn",
        organization_id=found.data_set.owner_id,
        contract_id=found.pk,
        data_set_id=found.data_set_id,
        version=found.version,
    )
    found.delete()


def accept_measured(
    *,
    data_set: DataSet,
    has_subscribers: bool,
    actor: Actor,
    at: datetime,
    effective_at: datetime | None = None,
    notice: str = "",
) -> Contract:
    """Set a contract that promises what was measured of the newest revision, under the least version that it needs.

    Rules, descriptions and service levels of the newest version stay for what is still there; where nothing changes that
    version is returned. Raises RevisionNotMeasured and what set_contract raises.
    """
    before = list_contracts(data_set=data_set).first()
    document = from_tables(
        measured_tables(data_set=data_set),
        id=f"urn:entrepot:data-set:{data_set.pk}",
        name=data_set.name,
        description=data_set.description,
        base=before.document if before else None,
    )
    return set_contract(
        data_set=data_set,
        document=with_least_version(document, before=before),
        has_subscribers=has_subscribers,
        actor=actor,
        at=at,
        effective_at=effective_at,
        notice=notice,
    )


def with_least_version(document: dict[str, Any], *, before: Contract | None) -> dict[str, Any]:
    """Return a document with the smallest version that it may have after another. Raises ContractInvalid."""
    if before is None:
        return {**document, "version": "1.0.0"}
    old = (before.major, before.minor, before.patch)
    changes = compare(document_of(before), parse({**document, "version": before.version}))
    version = least_version(old, changes) if changes else old
    return {**document, "version": ".".join(str(part) for part in version)}


def changes_of(contract: Contract) -> list[Change]:
    """Return what a version changed against the one before; nothing for the first."""
    before = contract_before(contract)
    return compare(document_of(before), document_of(contract)) if before else []


def measured_tables(*, data_set: DataSet) -> list[dict[str, Any]]:
    """Return the tables of the newest measured revision, as contracts.writing takes them. Raises RevisionNotMeasured."""
    profile = (
        Profile.objects.filter(revision__data_set=data_set, state=ProfileState.DONE, revision__revoked_at=None)
        .order_by("-revision__created_at", "-pk")
        .first()
    )
    tables = list(profile.tables.order_by("position", "pk")) if profile else []
    if not tables:
        raise RevisionNotMeasured("DATA_SET", data_set.pk)
    return [{"name": table.name, "columns": table.columns, "keys": table.keys} for table in tables]
