"""Contracts of a data set, and what was found when its revisions were held against them."""

from datetime import datetime

from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat

from marketplace.core.errors import Invalid, NotFound
from publishers.contracts.parsing import parse_version
from publishers.models import Contract, ContractCheck, DataSet, PublishedDataSet, Revision
from publishers.queries.manifests import manifest_digest

_NEWEST_VERSION = ("-major", "-minor", "-patch")


def list_contracts(*, data_set: DataSet) -> QuerySet[Contract]:
    """Return the versions of a data set's contract, the newest first, those to come among them."""
    return Contract.objects.filter(data_set=data_set).order_by(*_NEWEST_VERSION)


def contract_in_force(data_set: DataSet, at: datetime) -> Contract | None:
    """Return the version that holds at the instant `at`; None where nothing is promised yet."""
    return list_contracts(data_set=data_set).filter(effective_at__lte=at).first()


def next_contract(data_set: DataSet, at: datetime) -> Contract | None:
    """Return the version that is announced and not in force yet; the first of them."""
    return Contract.objects.filter(data_set=data_set, effective_at__gt=at).order_by("major", "minor", "patch").first()


def with_contracts(entries: QuerySet[PublishedDataSet], *, at: datetime) -> QuerySet[PublishedDataSet]:
    """Add to published data sets which contract is in force, `contract_version` and `contract_since`, and which comes next,
    `next_contract_version` and `next_contract_at`; None where there is none.
    """
    of_data_set = Contract.objects.filter(data_set=OuterRef("data_set")).order_by(*_NEWEST_VERSION)
    current = of_data_set.filter(effective_at__lte=at)
    coming = of_data_set.filter(effective_at__gt=at).reverse()
    version = Concat("major", Value("."), "minor", Value("."), "patch", output_field=CharField())
    return entries.annotate(
        contract_version=Subquery(current.annotate(version_text=version).values("version_text")[:1]),
        contract_since=Subquery(current.values("effective_at")[:1]),
        next_contract_version=Subquery(coming.annotate(version_text=version).values("version_text")[:1]),
        next_contract_at=Subquery(coming.values("effective_at")[:1]),
    )


def contract_state(contract: Contract, *, in_force: Contract | None, at: datetime) -> str:
    """Return ANNOUNCED, IN_FORCE or PAST, given the version that is in force at the instant `at`."""
    if contract.effective_at > at:
        return "ANNOUNCED"
    return "IN_FORCE" if in_force is not None and in_force.pk == contract.pk else "PAST"


def contract_before(contract: Contract) -> Contract | None:
    """Return the version that a version follows."""
    for found in list_contracts(data_set=contract.data_set):
        if (found.major, found.minor, found.patch) < (contract.major, contract.minor, contract.patch):
            return found
    return None


def get_contract(*, data_set: DataSet, version: str) -> Contract:
    """Return a version "1.2.0" of a data set's contract. Raises NotFound."""
    try:
        major, minor, patch = parse_version(version)
        return Contract.objects.get(data_set=data_set, major=major, minor=minor, patch=patch)
    except (Invalid, Contract.DoesNotExist):
        raise NotFound("CONTRACT", version[:40]) from None


def newest_check(*, revision: Revision, digest: str | None = None) -> ContractCheck | None:
    """Return the newest check of the files that the revision holds now, with its contract.

    digest: of their manifest, where the caller has it already.
    """
    checks = ContractCheck.objects.filter(revision=revision).select_related("contract").order_by("-created_at", "-pk")
    found = list(checks[:20])
    if not found:
        return None
    if digest is None:
        digest = manifest_digest(revision=revision)
    return next((check for check in found if check.digest == digest), None)


def get_check(*, revision: Revision) -> ContractCheck:
    """Return the newest check of the files that the revision holds now. Raises NotFound where there is none."""
    found = newest_check(revision=revision)
    if found is None:
        raise NotFound("CHECK", "", "These files were not checked against a contract yet.")
    return found


def passed_before(*, revision: Revision, contract: Contract, digest: str) -> bool:
    """Return True when exactly these files passed this contract, or went on by an override."""
    check = ContractCheck.objects.filter(revision=revision, contract=contract, digest=digest).first()
    return check is not None and allows(check)


def allows(check: ContractCheck) -> bool:
    """Return True when a check lets its revision be finalized."""
    return check.state == "PASSED" or check.overridden_at is not None
