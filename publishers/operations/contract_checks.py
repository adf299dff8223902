"""Hold a revision against its contract before it is finalized: start a check, ask what it found, override it."""

from datetime import datetime
from functools import partial

from django.db import transaction

from marketplace.core import audit, work
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid
from publishers.contracts.rules import rules_of
from publishers.models import CheckState, Contract, ContractCheck, Revision
from publishers.operations.contracts import document_of
from publishers.operations.locking import lock_revision
from publishers.queries.contracts import allows, contract_in_force
from publishers.queries.manifests import manifest_digest

SHORTEST_REASON, LONGEST_REASON = 10, 1000
LIVE = (CheckState.WAITING, CheckState.RUNNING)


class RevisionNotChecked(Conflict):
    """The check that finalizing needs is under way."""


class RevisionBreaksContract(Conflict):
    """The files do not keep the contract that is in force."""


class NoContract(Conflict):
    message = "No contract of this data set is in force, so there is nothing to check against. Set one first."


class NothingToOverride(Conflict):
    message = "Only a check of these very files that failed can be overridden."


class NothingToCheck(Invalid):
    message = "This revision has no files to check. Add at least one."


def ensure_check(*, revision: Revision, contract: Contract, at: datetime, finalizes: bool = False) -> ContractCheck:
    """Return the check of the files that a revision holds now, and start it where there is none or it came to no result.

    finalizes: finalize the revision by itself once it passes. Raises NothingToCheck.
    """
    digest = manifest_digest(revision=revision)
    if not digest:
        raise NothingToCheck(resource_type="REVISION", resource_id=revision.pk)
    check, is_new = ContractCheck.objects.get_or_create(
        revision=revision, contract=contract, digest=digest, defaults={"finalizes": finalizes, "created_at": at}
    )
    if is_new or (check.state == CheckState.ERROR and check.overridden_at is None):
        return _start(check, revision=revision, finalizes=finalizes, at=at)
    if finalizes and not check.finalizes and check.state in LIVE:
        check.finalizes = True
        check.save(update_fields=["finalizes"])
    return check


def _start(check: ContractCheck, *, revision: Revision, finalizes: bool, at: datetime) -> ContractCheck:
    check.state, check.results, check.error, check.finished_at = CheckState.WAITING, [], "", None
    check.finalizes = finalizes
    if not rules_of(document_of(check.contract)):  # service levels only
        check.state, check.finished_at = CheckState.PASSED, at
    check.save(update_fields=["state", "results", "error", "finished_at", "finalizes"])
    if check.state == CheckState.WAITING:
        work.enqueue(
            "publishers.check_revision",
            key=f"{check.pk}:{at.isoformat()}",
            organization_id=revision.data_set.owner_id,
            check_id=check.pk,
        )
    return check


@transaction.atomic
def start_check(*, revision: Revision, actor: Actor, at: datetime, contract: Contract | None = None) -> ContractCheck:
    """Check the files of a revision against a contract, the one in force where none is named; a check that ended anew.

    Raises NoContract, NothingToCheck.
    """
    revision = lock_revision(revision.pk)
    contract = contract or contract_in_force(revision.data_set, at)
    if contract is None:
        raise NoContract("DATA_SET", revision.data_set_id)
    check = ensure_check(revision=revision, contract=contract, at=at)
    if check.state == CheckState.FAILED and check.overridden_at is None:
        check = _start(check, revision=revision, finalizes=False, at=at)
    audit.record("revision.check_asked", actor=actor, subject=revision, detail={"version": contract.version})
    return check


def hindrance_to_finalize(*, revision: Revision, at: datetime) -> Conflict | None:
    """Return why a locked draft cannot be finalized yet, having started its check where that is the reason.

    None: its data set has no contract in force, or exactly these files passed, or went on by an override.
    """
    if not revision.data_set.holds_files:
        return None
    contract = contract_in_force(revision.data_set, at)
    if contract is None:
        return None
    check = ensure_check(revision=revision, contract=contract, at=at, finalizes=True)
    if allows(check):
        return None
    about = partial(_refusal, revision=revision)
    if check.state == CheckState.FAILED:
        count = sum(1 for result in check.results if not result["passed"] and result.get("blocks", True))
        return about(
            RevisionBreaksContract,
            f"This revision breaks contract {contract.version}: {count} rule{'' if count == 1 else 's'} failed. See them under"
            f" Checks on its page or at /api/data-sets/{revision.data_set_id}/revisions/{revision.pk}/check; mend the files, or"
            " override the check with a reason.",
        )
    return about(
        RevisionNotChecked,
        f"This revision is being checked against contract {contract.version}. It is finalized by itself when it passes; ask"
        " again to see.",
    )


def _refusal(kind: type[Conflict], message: str, *, revision: Revision) -> Conflict:
    return kind("REVISION", revision.pk, message)


@transaction.atomic
def override_check(*, check: ContractCheck, reason: str, actor: Actor, at: datetime) -> ContractCheck:
    """Let a revision be finalized although its check failed, or could not be made; subscribers see the reason.

    reason: 10 to 1,000 characters. Raises Invalid, NothingToOverride.
    """
    reason = reason.strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON or "\x00" in reason:
        raise Invalid(f"Tell subscribers why, in {SHORTEST_REASON} to {LONGEST_REASON:,} characters.", field="reason")
    revision = lock_revision(check.revision_id)
    check = ContractCheck.objects.select_for_update(of=("self",)).select_related("contract").get(pk=check.pk)
    is_current = check.digest == manifest_digest(revision=revision)
    if check.state not in {CheckState.FAILED, CheckState.ERROR} or not is_current or revision.is_finalized:
        raise NothingToOverride("CHECK", check.pk)
    check.override_reason, check.overridden_by_id, check.overridden_at = reason, actor.user_id, at
    check.save(update_fields=["override_reason", "overridden_by_id", "overridden_at"])
    detail = {"version": check.contract.version, "check_id": check.pk, "reason": reason}
    audit.record("revision.check_overridden", actor=actor, subject=revision, detail=detail)
    return check
