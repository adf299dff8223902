"""A contract as pages show it: one table at a time, some columns at a time, each promise in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator

from publishers.contracts.model import Column, Document, Table
from publishers.contracts.parsing import parse
from publishers.contracts.rules import rules_of
from publishers.models import Contract, ContractCheck, DataSet
from publishers.queries.contracts import list_contracts

COLUMNS_PER_PAGE = 100
RESULTS_SHOWN = 100


@dataclass(frozen=True)
class ColumnRow:
    """A column with what it promises beside its type, in words."""

    column: Column
    promises: list[str]


def contract_context(data_set: DataSet, at: datetime) -> dict[str, Any]:
    """Return the versions that matter now, in one statement: the one in force and the next that is announced."""
    versions = list(list_contracts(data_set=data_set)[:20])
    return {
        "in_force": next((row for row in versions if row.effective_at <= at), None),
        "announced": next((row for row in reversed(versions) if row.effective_at > at), None),
        "version_count": len(versions),
    }


def shown(contract: Contract | None, *, table: str = "", page: str = "") -> dict[str, Any]:
    """Return the context that publishers/_contract.html needs, without a query. table: a number from 1."""
    if contract is None:
        return {"document": None}
    document = parse(contract.document)
    tables = document.tables
    number = int(table) - 1 if table.isascii() and table.isdigit() and len(table) < 6 else 0
    chosen = tables[number] if 0 <= number < len(tables) else (tables[0] if tables else None)
    columns = Paginator(_rows(chosen), COLUMNS_PER_PAGE).get_page(page) if chosen else None
    return {
        "document": document,
        "shown_table": chosen,
        "shown_columns": columns,
        "levels": [(level.property, f"{level.value} {level.unit}".strip()) for level in document.service_levels],
        "purpose": _purpose(document),
    }


def _purpose(document: Document) -> str:
    described = document.raw.get("description")
    text = described.get("purpose") if isinstance(described, dict) else described
    return text if isinstance(text, str) else ""


def _rows(table: Table) -> list[ColumnRow]:
    by_column: dict[str, list[str]] = {}
    for rule in rules_of(Document(id="", version=(0, 0, 0), tables=(table,)))[0]["rules"]:
        if rule["rule"] not in {"type", "required", "unique", "key"}:
            by_column.setdefault(rule["column"], []).append(rule["text"])
    return [ColumnRow(column, by_column.get(column.name, [])) for column in table.columns]


def check_context(check: ContractCheck | None) -> dict[str, Any]:
    """Return the context that publishers/_check_results.html needs: what failed first, the rest as a count."""
    results = check.results if check else []
    failed = [result for result in results if not result["passed"]]
    return {
        "check": check,
        "failed": failed[:RESULTS_SHOWN],
        "failed_count": len(failed),
        "blocking_count": sum(1 for result in failed if result["blocks"]),
        "passed_results": [result for result in results if result["passed"]][:RESULTS_SHOWN],
        "passed_count": len(results) - len(failed),
        "check_is_live": check is not None and check.state in {"WAITING", "RUNNING"},
    }
