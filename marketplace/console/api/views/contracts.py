"""Contracts of data sets, checks of revisions, and both as subscribers see them."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page, page_of
from marketplace.console.api.serializers.contracts import (
    CheckOverride,
    CheckShape,
    ContractDetail,
    ContractShape,
    MeasuredContract,
    NewContract,
)
from publishers.contracts.comparing import Change
from publishers.contracts.model import Unchecked
from publishers.contracts.reading import read
from publishers.contracts.writing import to_yaml
from publishers.models import Contract, ContractCheck, DataSet, Revision
from publishers.operations import contract_checks, contracts
from publishers.queries.contracts import contract_state, get_check, get_contract, list_contracts
from publishers.queries.data_sets import get_owned_data_set, get_owned_revision
from subscriptions.queries import get_entitled_data_set, get_entitled_revision, has_readers

_ORDER = ("-major", "-minor", "-patch")


@dataclass(frozen=True)
class _Row:
    """A contract with its state at the instant of the request; anything else is asked of the row."""

    contract: Contract
    state: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.contract, name)


@dataclass(frozen=True)
class _Detail(_Row):
    changes: list[Change]
    not_checked: tuple[Unchecked, ...]


def _row(contract: Contract, data_set: DataSet, caller: Caller) -> _Row:
    return _Row(
        contract, contract_state(contract, in_force=contracts.contract_in_force(data_set, caller.at), at=caller.at)
    )


def _detail(contract: Contract, data_set: DataSet, caller: Caller) -> _Detail:
    document = contracts.document_of(contract)
    row = _row(contract, data_set, caller)
    return _Detail(contract, row.state, contracts.changes_of(contract), document.unchecked)


def _page(data_set: DataSet, caller: Caller, query: dict[str, Any]) -> Page:
    in_force = contracts.contract_in_force(data_set, caller.at)
    found = page_of(list_contracts(data_set=data_set), order_by=_ORDER, query=query, binding=["contracts", data_set.pk])
    rows = [_Row(row, contract_state(row, in_force=in_force, at=caller.at)) for row in found.rows]
    return Page(rows, found.next_cursor)


def _own(caller: Caller, data_set_id: str) -> DataSet:
    return get_owned_data_set(owner=caller.organization, data_set_id=data_set_id)


def _own_revision(caller: Caller, data_set_id: str, revision_id: str) -> Revision:
    return get_owned_revision(owner=caller.organization, data_set_id=data_set_id, revision_id=revision_id)


def _entitled(caller: Caller, data_set_id: str) -> DataSet:
    return get_entitled_data_set(organization=caller.organization, data_set_id=data_set_id, at=caller.at).data_set


class _YamlOnRequest(ApiView):
    """Gives the document as YAML to whoever asks for that by Accept."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **keywords: Any) -> Any:
        """Answer with the document alone, as YAML, where Accept names it before JSON."""
        accepted = request.headers.get("Accept", "")
        if request.method == "GET" and response.status_code == 200 and "yaml" in accepted.split(",")[0]:
            text = to_yaml(response.data["document"])
            name = f"contract-{response.data['version']}.odcs.yaml"
            response = HttpResponse(
                text, content_type="application/yaml", headers={"Content-Disposition": f'attachment; filename="{name}"'}
            )
        return super().finalize_response(request, response, *args, **keywords)


class ContractsView(ApiView):
    tag = "Contracts"

    @operation("list_contracts", scope="publish:read", lists=ContractShape)
    def get(self, caller: Caller, data_set_id: str, query: dict[str, Any]) -> Page:
        """List the versions of a data set's contract, the newest first."""
        return _page(_own(caller, data_set_id), caller, query)

    @operation("set_contract", scope="publish:write", takes=NewContract, gives=ContractDetail, status=201)
    def post(self, caller: Caller, data_set_id: str, body: dict[str, Any]) -> _Detail:
        """Set a new version of a data set's contract.

        A breaking change needs a new major version, and 30 days of notice where the data set has subscribers; they are
        told by a `SCHEMA_CHANGE` notification. From then on a revision is finalized only once it passed a check.
        """
        data_set = _own(caller, data_set_id)
        if ("document" in body) == ("text" in body):
            raise ValidationError({"document": ["Send either document or text."]})
        document = body["document"] if "document" in body else read(body["text"].encode("utf-8", "surrogatepass"))
        contract = contracts.set_contract(
            data_set=data_set,
            document=document,
            has_subscribers=has_readers(data_set=data_set, at=caller.at),
            actor=caller.actor,
            at=caller.at,
            effective_at=body.get("effective_at"),
            notice=body.get("notice", ""),
        )
        return _detail(contract, data_set, caller)


class ContractFromProfileView(ApiView):
    tag = "Contracts"

    @operation(
        "accept_measured_contract", scope="publish:write", takes=MeasuredContract, gives=ContractDetail, status=201
    )
    def post(self, caller: Caller, data_set_id: str, body: dict[str, Any]) -> _Detail:
        """Set a contract that promises what was measured of the newest revision.

        Types as they are, required where nothing is empty, and the keys that were found; under the least version that the
        changes need. Rules and descriptions of the newest version stay.
        """
        data_set = _own(caller, data_set_id)
        contract = contracts.accept_measured(
            data_set=data_set,
            has_subscribers=has_readers(data_set=data_set, at=caller.at),
            actor=caller.actor,
            at=caller.at,
            **body,
        )
        return _detail(contract, data_set, caller)


class ContractView(_YamlOnRequest):
    tag = "Contracts"

    @operation("get_contract", scope="publish:read", gives=ContractDetail)
    def get(self, caller: Caller, data_set_id: str, version: str) -> _Detail:
        """Read a version with its document, as JSON; `Accept: application/yaml` gives the document alone as YAML."""
        data_set = _own(caller, data_set_id)
        return _detail(get_contract(data_set=data_set, version=version), data_set, caller)

    @operation("withdraw_contract", scope="publish:write")
    def delete(self, caller: Caller, data_set_id: str, version: str) -> None:
        """Take back a version that is not in force yet; whoever was told of it is told again."""
        contract = get_contract(data_set=_own(caller, data_set_id), version=version)
        contracts.withdraw_contract(contract=contract, actor=caller.actor, at=caller.at)


class RevisionCheckView(ApiView):
    tag = "Contracts"

    @operation("get_revision_check", scope="publish:read", gives=CheckShape)
    def get(self, caller: Caller, data_set_id: str, revision_id: str) -> ContractCheck:
        """Read the newest check of the files that a revision holds now, rule by rule, with the first failing rows."""
        return get_check(revision=_own_revision(caller, data_set_id, revision_id))

    @operation("check_revision", scope="publish:write", gives=CheckShape, status=202)
    def post(self, caller: Caller, data_set_id: str, revision_id: str) -> ContractCheck:
        """Check a revision against the contract in force; finalizing does so by itself.

        A check that goes on, or that these files passed, is answered as it is; one that failed is made again.
        """
        revision = _own_revision(caller, data_set_id, revision_id)
        return contract_checks.start_check(revision=revision, actor=caller.actor, at=caller.at)


class RevisionCheckOverrideView(ApiView):
    tag = "Contracts"

    @operation("override_revision_check", scope="publish:write", takes=CheckOverride, gives=CheckShape)
    def post(self, caller: Caller, data_set_id: str, revision_id: str, body: dict[str, Any]) -> ContractCheck:
        """Let a revision be finalized although its check failed; subscribers see the reason."""
        revision = _own_revision(caller, data_set_id, revision_id)
        return contract_checks.override_check(
            check=get_check(revision=revision), actor=caller.actor, at=caller.at, **body
        )


# --- as subscribers see them -------------------------------------------------------------------------------------------
class EntitledContractsView(ApiView):
    tag = "Contracts"

    @operation("list_entitled_contracts", scope="subscriptions:read", lists=ContractShape)
    def get(self, caller: Caller, data_set_id: str, query: dict[str, Any]) -> Page:
        """List the versions of the contract of a data set that your organization may read, those to come among them."""
        return _page(_entitled(caller, data_set_id), caller, query)


class EntitledContractView(_YamlOnRequest):
    tag = "Contracts"

    @operation("get_entitled_contract", scope="subscriptions:read", gives=ContractDetail)
    def get(self, caller: Caller, data_set_id: str, version: str) -> _Detail:
        """Read a version with its document, as JSON; `Accept: application/yaml` gives the document alone as YAML."""
        data_set = _entitled(caller, data_set_id)
        return _detail(get_contract(data_set=data_set, version=version), data_set, caller)


class EntitledCheckView(ApiView):
    tag = "Contracts"

    @operation("get_entitled_revision_check", scope="subscriptions:read", gives=CheckShape)
    def get(self, caller: Caller, data_set_id: str, revision_id: str) -> ContractCheck:
        """Read what was found when a revision was held against its contract, and why its publisher went on."""
        publication = get_entitled_revision(
            organization=caller.organization, data_set_id=data_set_id, revision_id=revision_id, at=caller.at
        )
        return get_check(revision=publication.revision)
