"""Runs the check of a revision: its measured tables go into the jail with the contract's rules, results come out."""

import json
import logging
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.urls import reverse

from marketplace.core import audit, jail, storage, work
from marketplace.core.actors import Actor
from marketplace.core.errors import DomainError, NotFound
from marketplace.core.events import publish_on_commit
from marketplace.core.operations.inbox import tell_members
from publishers.contracts.rules import rules_of
from publishers.models import CheckState, ContractCheck, Profile, ProfiledTable, ProfileState, Revision
from publishers.operations import revisions
from publishers.operations.contract_checks import LIVE
from publishers.operations.contracts import document_of
from publishers.operations.local_copies import local_copies
from publishers.operations.locking import lock_revision
from publishers.operations.names import extension_of
from publishers.operations.profiles import ensure_profile
from publishers.queries.manifests import manifest_digest

logger = logging.getLogger(__name__)

#: for one table
CHECK_S = 1800
#: looked at again after so long where the event of the finished profile was not enough
LOOK_AGAIN_S = 30
_LARGEST_ANSWER = 64 << 20
#: files whose values are text until somebody reads them as something
_TEXT_FILES = {"csv", "tsv", "txt", "json", "ndjson", "jsonl"}
_PACKED = (".gz", ".zst", ".zip")

Result = dict[str, Any]


class _CannotCheck(Exception):
    """The check ends without a result; the sentence says why."""


def run_check(*, check: ContractCheck, at: datetime, look: int = 0) -> None:
    """Check a revision and keep what was found; one that waits for its profile is looked at again.

    Harmless when it runs twice: a check that ended stays as it is. look: how often it has waited.
    """
    revision = check.revision
    if check.state not in LIVE:
        return
    if manifest_digest(revision=revision) != check.digest:
        end_check(check=check, state=CheckState.ERROR, error="The files changed since. Check again.", at=at)
        return
    profile = ensure_profile(revision=revision, at=at)
    if profile.is_live or (profile.state == ProfileState.DONE and profile.digest != check.digest):
        work.enqueue(
            "publishers.check_revision",
            key=f"{check.pk}:{check.created_at.isoformat()}:{look + 1}",
            organization_id=revision.data_set.owner_id,
            delay_s=LOOK_AGAIN_S,
            check_id=check.pk,
            look=look + 1,
        )
        return
    ContractCheck.objects.filter(pk=check.pk, state__in=LIVE).update(state=CheckState.RUNNING)
    try:
        results = _results(check, profile)
    except _CannotCheck as failure:
        end_check(check=check, state=CheckState.ERROR, error=str(failure), at=at)
        return
    has_failed = any(not result["passed"] and result["blocks"] for result in results)
    state = CheckState.FAILED if has_failed else CheckState.PASSED
    end_check(check=check, state=state, results=results, at=at)


@transaction.atomic
def end_check(
    *, check: ContractCheck, state: str, at: datetime, results: list[Result] | None = None, error: str = ""
) -> None:
    """Keep the outcome of a check that has none yet; finalize the revision where that waited for it."""
    try:
        revision = lock_revision(check.revision_id)
    except NotFound:
        return
    found = ContractCheck.objects.select_for_update().filter(pk=check.pk, state__in=LIVE).first()
    if found is None:
        return
    if manifest_digest(revision=revision) != found.digest and state != CheckState.ERROR:
        state, results, error = CheckState.ERROR, [], "The files changed while they were checked. Check again."
    found.state, found.results, found.error, found.finished_at = state, results or [], error[:500], at
    found.save(update_fields=["state", "results", "error", "finished_at"])
    owner_id = revision.data_set.owner_id
    actor = Actor(kind="system", organization_id=owner_id)
    audit.record("revision.checked", actor=actor, subject=revision, detail={"check_id": found.pk, "state": state})
    publish_on_commit("revision.checked", organization_id=owner_id, check_id=found.pk)
    if state == CheckState.PASSED and found.finalizes and not revision.is_finalized:
        _finalize(revision, actor, at)


def _finalize(revision: Revision, actor: Actor, at: datetime) -> None:
    try:
        with transaction.atomic():
            revisions.finalize_revision(revision=revision, actor=actor, at=at)
    except DomainError as refusal:  # it has changed since it was asked for; its publisher asks again
        logger.info("not finalized by itself", extra={"fields": {"revision_id": revision.pk, "code": refusal.code}})


def tell_of_check(*, check: ContractCheck, at: datetime) -> int:
    """Tell the publisher's members of a check that failed, or came to no result; return how many are new."""
    if check.state not in {CheckState.FAILED, CheckState.ERROR} or check.finished_at is None:
        return 0
    revision, version = check.revision, check.contract.version
    failed = sum(1 for result in check.results if not result["passed"] and result["blocks"])
    words = f"breaks contract {version}: {failed} rule{'' if failed == 1 else 's'} failed."
    if check.state == CheckState.ERROR:
        words = f"could not be checked against contract {version}: {check.error}"
    return tell_members(
        organization_ids=[revision.data_set.owner_id],
        topic="revision.check_failed",
        source_key=f"check:{check.pk}:{check.finished_at.isoformat()}",
        subject_key=f"own-data-set:{revision.data_set_id}",
        subject_label=revision.data_set.name,
        text=f"Revision {revision.pk[:8]} {words}",
        path=reverse("revision", args=[revision.data_set_id, revision.pk]) + "#checks",
        at=at,
    )


# --- what the rules are held against -------------------------------------------------------------------------------------
def _results(check: ContractCheck, profile: Profile) -> list[Result]:
    """Return a result for each rule. Raises _CannotCheck."""
    if profile.state != ProfileState.DONE:
        raise _CannotCheck(f"The files could not be measured: {profile.error or profile.get_state_display()}")
    wanted = rules_of(document_of(check.contract))
    found = list(profile.tables.order_by("position", "pk"))
    results: list[Result] = []
    asked: list[tuple[dict[str, Any], ProfiledTable]] = []
    for table, measured in match(wanted, found):
        results.append(_result("present", table["name"], "", measured is not None, f"Table {table['name']} is there"))
        if measured is not None:
            results += _whole(table["name"], measured)
            asked.append((table, measured))
    for (table, measured), checked in zip(asked, _in_jail(asked), strict=True):
        places = _Places(measured)
        results += [_placed(result, table["name"], places) for result in checked]
    return results


def match(
    wanted: list[dict[str, Any]], found: list[ProfiledTable]
) -> list[tuple[dict[str, Any], ProfiledTable | None]]:
    """Return each table of a contract with the measured one that it means, by name without regard to case and ending.

    One table alone means the only one that there is, whatever the two are called.
    """
    if len(wanted) == 1 and len(found) == 1:
        return [(wanted[0], found[0])]
    by_name: dict[str, ProfiledTable] = {}
    for table in reversed(found):
        by_name[table.name.casefold()] = by_name[_stem(table.name)] = table
    pairs = []
    for each in wanted:
        names = [name for given in (each["name"], each["physical_name"]) for name in (given.casefold(), _stem(given))]
        pairs.append((each, next((by_name[name] for name in names if name and name in by_name), None)))
    return pairs


def _stem(name: str) -> str:
    last = name.rsplit("/", 1)[-1].casefold()
    return last.partition(".")[0] or last


def _result(rule: str, table: str, column: str, passed: bool, text: str, failing: int | None = None) -> Result:
    return {
        "rule": rule,
        "table": table,
        "column": column,
        "passed": passed,
        "failing": (0 if passed else 1) if failing is None else failing,
        "text": text,
        "blocks": True,
        "examples": [],
    }


def _whole(name: str, measured: ProfiledTable) -> list[Result]:
    """Return what stands against a table before any rule: rows that cannot be read, and parts that were not."""
    made = []
    if measured.rejected_count:
        text = f"Every row of {name} can be read"
        refused = _result("readable", name, "", False, text, measured.rejected_count)
        refused["examples"] = [
            {"file": row.get("file", ""), "line": row.get("line"), "row": {"reason": row.get("reason", "")}}
            for row in measured.rejected[:20]
        ]
        made.append(refused)
    if measured.is_partial:
        made.append(_result("whole", name, "", False, f"{name} was measured whole, so that every row was checked"))
    return made


class _Places:
    """Where a row of a table stands in the publisher's files."""

    def __init__(self, table: ProfiledTable) -> None:
        rows = sum(int(file.get("rows") or 0) for file in table.files)
        self.files = table.files if rows == table.row_count else []
        self.only = table.files[0]["name"] if len(table.files) == 1 else ""

    def of(self, number: int) -> tuple[str, int]:
        """Return (file, row in it from 1) of a row of the table; the file is empty where that is not known."""
        if self.only:
            return self.only, number
        left = number
        for file in self.files:
            if left <= file["rows"]:
                return str(file["name"]), left
            left -= file["rows"]
        return "", number


def _placed(result: Result, table: str, places: _Places) -> Result:
    """Return a result of the jailed program in the only shape that it may have."""
    examples = []
    for example in result["examples"][:20]:
        file, number = places.of(int(example["row"]))
        values = {str(name): None if value is None else str(value) for name, value in example["values"].items()}
        examples.append({"file": file, "line": number, "row": values})
    return {
        "rule": str(result["rule"]),
        "table": table,
        "column": str(result["column"]),
        "passed": bool(result["passed"]),
        "failing": int(result["failing"]),
        "text": str(result["text"])[:500],
        "blocks": bool(result["blocks"]),
        "examples": examples,
    }


def _in_jail(asked: list[tuple[dict[str, Any], ProfiledTable]]) -> list[list[Result]]:
    if not asked:
        return []
    objects: list[tuple[str, str, str]] = []
    tables = []
    for number, (table, measured) in enumerate(asked):
        parquet, before = [], 0
        for part, stored in enumerate(measured.parquet):
            objects.append((stored["key"], f"{number}-{part}.parquet", ""))
            parquet.append([f"{number}-{part}.parquet", before])
            before += int(stored["rows"])
        columns = [{"name": column["name"], "type": column["type"]} for column in measured.columns]
        tables.append({**table, "parquet": parquet, "found": columns, "is_typed": _is_typed(measured)})
    lease = work.current_lease()
    try:
        with local_copies(objects, ensure=lambda _: lease.ensure() if lease else None) as directory:
            return _ask(directory, tables, lease)
    except storage.StorageFault as fault:
        raise work.TemporaryFailure(f"The store did not give the tables: {fault}") from None
    except jail.NoJail:
        raise _CannotCheck("This machine cannot close in a process, so files of others are not opened.") from None


def _is_typed(table: ProfiledTable) -> bool:
    return not any(_kind(str(file.get("name", ""))) in _TEXT_FILES for file in table.files)


def _kind(name: str) -> str:
    for ending in _PACKED:
        name = name.removesuffix(ending)
    return extension_of(name)


def _ask(directory: Path, tables: Iterable[dict[str, Any]], lease: work.Lease | None) -> list[list[Result]]:
    limits = jail.Limits(cpu_s=4 * CHECK_S, file_bytes=0)
    run = "from jailed.checks import main; main(data, requests())"
    process = jail.start(run=run, limits=limits, data=directory)
    try:
        process.send({"tables": list(tables)})
        while True:
            message = json.loads(process.receive(within_s=CHECK_S, most_bytes=_LARGEST_ANSWER))
            if lease is not None:
                lease.ensure()
            if "results" in message:
                return list(message["results"])
    except jail.JailFailed as failure:
        logger.warning("check ended", extra={"fields": {"reason": failure.reason}})
        words = "took too long" if failure.reason == "deadline" else "needs more than a check may use here"
        raise _CannotCheck(
            f"Holding the rows against the contract {words}. Check again, or with fewer rules."
        ) from None
    finally:
        process.kill()
