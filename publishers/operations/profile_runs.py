"""Measures the files of a revision: copies come to this machine, the jail reads them, typed rows go into the vault."""

import json
import logging
import re
import stat
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from marketplace.core import jail, storage, work
from marketplace.core.errors import DomainError
from marketplace.core.ids import new_id
from publishers.models import Asset, Profile, ProfiledTable
from publishers.operations import profiles
from publishers.operations.local_copies import DamagedObject, free_bytes, local_copies, work_directory
from publishers.queries.profiles import parquet_keys

logger = logging.getLogger(__name__)

_RUN = "from jailed.profiling import main; main(data, out, requests())"
_FOLDERS = ("staged", "tables", "spill")
#: names of files that may hold tables; others are not fetched at all
_TABLE = re.compile(
    r"(^|/)[^/.]+$|\.(csv|tsv|tab|psv|txt|dat|data|json|ndjson|jsonl|geojson|parquet|pq|arrow|arrows|feather|ftr|ipc"
    r"|xlsx|xlsm|xlsb|xls|ods|zip|gz|gzip|zst|zstd)$",
    re.IGNORECASE,
)
#: The jail may take a second for half a megabyte, and ten minutes for anything.
_LEAST_S, _BYTES_PER_S = 600, 500_000
#: A file that takes the jail down is left out and the others are read again, so often.
_ATTEMPTS = 4
_LARGEST_ANSWER = 64 * jail.MIB
_PROCESSES, _OPEN_FILES = 16, 1024
_STEP_S = 1.0
_LONGEST_TEXT = 1000
NO_JAIL = "This machine cannot close off a process that opens files of others, so nothing is measured here."


class _Stopped(Exception):
    """The profile was cancelled, or belongs to another run by now."""


class _Failed(Exception):
    """The run ends without a result; the sentence says why."""


def run_profile(*, revision_id: str, token: str, at: datetime) -> None:
    """Measure a revision and keep what was found. Harmless when it runs twice; what was ended meanwhile leaves nothing.

    Raises TemporaryFailure when the store is away, LeaseLost.
    """
    profile = profiles.begin_run(revision_id=revision_id, token=token, at=at)
    if profile is None:
        return
    run, reason = _Run(profile, new_id(), at), ""
    try:
        jail.check()
        run.run()
    except jail.NoJail:
        reason = NO_JAIL
    except _Failed as failure:
        reason = str(failure)
    except DomainError as error:
        reason = error.message
    except storage.StorageFault as fault:
        if fault.is_temporary:
            raise work.TemporaryFailure(str(fault)) from None
        reason = str(fault)
    except _Stopped:
        logger.info("profile stopped", extra={"fields": {"revision_id": revision_id}})
    if reason:
        profiles.fail_profile(revision_id=revision_id, token=token, reason=reason, at=run.now())
    sweep_objects(revision_id=revision_id)


def sweep_objects(*, revision_id: str) -> int:
    """Remove the objects below a revision's folder that its profile does not name; return how many.

    While it is being measured nothing is removed: that run sweeps when it ends. What it writes after the listing is not in
    it, so that the question is asked in time.
    """
    vault = storage.vault()
    found = [listed.key for listed in vault.walk(f"{profiles.VAULT_FOLDER}/{revision_id}/")]
    if not found or Profile.objects.filter(pk=revision_id, state__in=profiles.LIVE).exists():
        return 0
    left = set(found) - parquet_keys(revision_id=revision_id)
    for key in sorted(left):
        vault.delete(key)
    return len(left)


class _Run:
    """One run over the files of a revision."""

    def __init__(self, profile: Profile, run_id: str, at: datetime) -> None:
        self.profile, self.run_id, self.at = profile, run_id, at
        self.lease = work.current_lease()
        self.notes: list[dict[str, Any]] = []
        self.files_done = self.bytes_done = 0
        self._stepped, self._started = 0.0, time.monotonic()

    def run(self) -> None:
        """Measure and keep. Raises _Stopped, _Failed, LeaseLost, StorageFault, DomainError."""
        assets = list(self._chosen())
        self._step(force=True)
        if not assets:
            self._keep({"tables": [], "notes": [], "is_partial": False}, {}, Path())
            return
        objects = [(asset.vault_key, f"{number:06}", asset.sha256) for number, asset in enumerate(assets)]
        by_name = {asset.name: asset for asset in assets}
        try:
            with local_copies(objects, ensure=self._copied) as data, work_directory() as out:
                result = self._measured(assets, data, out)
                self._keep(result, by_name, out / "tables")
        except DamagedObject as error:
            name = assets[int(error.resource_id)].name
            raise _Failed(f"The stored bytes of {name} do not match their checksum.") from None

    def _chosen(self) -> Iterator[Asset]:
        """Yield the files that are read, by name; notes say which are not and why."""
        most = min(settings.PROFILE_BYTES, free_bytes() // 3)
        total = 0
        for asset in self.profile.revision.assets.exclude(vault_key="").order_by("name", "pk"):
            if not _TABLE.search(asset.name):
                self._leave_out(asset, "is not of a format that holds tables.", is_partial=False)
            elif total + asset.size_bytes > most:
                limit = (
                    "than is measured of one revision"
                    if most == settings.PROFILE_BYTES
                    else "than the disk has room for"
                )
                self._leave_out(asset, f"is not read: with it there would be more bytes {limit}.", is_partial=True)
            else:
                total += asset.size_bytes
                yield asset

    def _leave_out(self, asset: Asset, reason: str, *, is_partial: bool) -> None:
        self.notes.append({"file": asset.name, "reason": f"{asset.name} {reason}", "is_partial": is_partial})
        self.files_done += 1
        self.bytes_done += asset.size_bytes

    def now(self) -> datetime:
        """Return the instant of the caller's clock and what has passed since: a run may take an hour."""
        return self.at + timedelta(seconds=time.monotonic() - self._started)

    # --- progress -----------------------------------------------------------------------------------------------------
    def _copied(self, size: int) -> None:
        self._step(size // 2)

    def _step(self, more_bytes: int = 0, more_files: int = 0, *, force: bool = False) -> None:
        """Write the progress once a second, and stop when the profile is no longer ours."""
        if self.lease is not None:
            self.lease.ensure()
        now = time.monotonic()
        if not force and now - self._stepped < _STEP_S:
            return
        self._stepped = now
        files, size = self.files_done + more_files, self.bytes_done + more_bytes
        if not profiles.record_progress(profile=self.profile, files_done=files, bytes_done=size):
            raise _Stopped

    # --- the jail -----------------------------------------------------------------------------------------------------
    def _measured(self, assets: list[Asset], data: Path, out: Path) -> dict[str, Any]:
        """Return the answer of the jail. A file that takes it down is left out of the next attempt, and said."""
        left_out: dict[str, str] = {}
        for _ in range(_ATTEMPTS):
            try:
                return self._jailed(assets, data, out, left_out)
            except jail.JailFailed as failure:
                self._step(force=True)
                culprit = str(failure.__notes__[0]) if getattr(failure, "__notes__", None) else ""
                logger.warning(
                    "jailed profile ended",
                    extra={"fields": {"revision_id": self.profile.pk, "reason": str(failure), "file": culprit}},
                )
                if not culprit or culprit in left_out:
                    break
                left_out[culprit] = f"{culprit} needs more memory or time to measure than one file may use here."
        raise _Failed("The files cannot be measured within the limits of this exchange.")

    def _jailed(self, assets: list[Asset], data: Path, out: Path, left_out: dict[str, str]) -> dict[str, Any]:
        for name in _FOLDERS:
            jail.discard(out / name)
            (out / name).mkdir(mode=0o700)
        total = sum(asset.size_bytes for asset in assets)
        seconds = _LEAST_S + total // _BYTES_PER_S
        room = free_bytes()
        limits = jail.Limits(
            cpu_s=2 * seconds, file_bytes=max(room, jail.MIB), processes=_PROCESSES, open_files=_OPEN_FILES
        )
        request = {
            "files": [{"path": f"{number:06}", "name": asset.name} for number, asset in enumerate(assets)],
            "declared": {},
            "sorted_by": {},
            "free_bytes": room // 2,
            "left_out": left_out,
        }
        process = jail.start(run=_RUN, limits=limits, data=data, out=out)
        try:
            process.send(request)
            return self._answers(process, time.monotonic() + seconds, total)
        finally:
            process.kill()

    def _answers(self, process: jail.Jailed, deadline: float, total: int) -> dict[str, Any]:
        """Take progress until the result comes. Raises JailFailed with the file that was being read as its note."""
        reading, done = "", {"files": 0, "bytes": 0}
        try:
            while True:
                while not process.is_ready(within_s=_STEP_S):
                    self._step((total + done["bytes"]) // 2, done["files"])
                    if time.monotonic() > deadline:
                        raise jail.JailFailed("deadline")
                answer = json.loads(process.receive(within_s=60, most_bytes=_LARGEST_ANSWER))
                if "result" in answer:
                    return dict(_cleaned(answer["result"]))
                told = answer["progress"]
                reading = str(told["file"]) if told["file"] else reading
                done = {name: min(int(told[name]), 2**62) for name in done}
                self._step((total + min(done["bytes"], total)) // 2, done["files"])
        except jail.JailFailed as failure:
            failure.add_note(reading)
            raise

    # --- what is kept -------------------------------------------------------------------------------------------------
    def _keep(self, result: dict[str, Any], by_name: dict[str, Asset], made: Path) -> None:
        notes = [*self.notes, *result["notes"]]
        rows = []
        for position, table in enumerate(result["tables"]):
            row = _row(self.profile, table, position, by_name)
            row.parquet = [self._stored(made, part, position) for part in table["parquet"]]
            rows.append(row)
        self._step(force=True)
        is_partial = any(note["is_partial"] for note in notes) or any(row.is_partial for row in rows)
        told = [{"file": str(note["file"])[:_LONGEST_TEXT], "reason": str(note["reason"])} for note in notes]
        if not profiles.finish_run(profile=self.profile, tables=rows, notes=told, is_partial=is_partial, at=self.now()):
            raise _Stopped

    def _stored(self, made: Path, part: dict[str, Any], position: int) -> dict[str, Any]:
        path = made / Path(str(part["file"])).name
        if not stat.S_ISREG(path.lstat().st_mode):
            raise _Failed("The measured rows are no file.")
        size = path.stat().st_size
        key = f"{profiles.VAULT_FOLDER}/{self.profile.pk}/{self.run_id}/{position:04}.parquet"
        with path.open("rb") as file:
            chunks = iter(lambda: file.read(storage.CHUNK), b"")
            storage.vault().write(
                key,
                chunks,
                content_type="application/vnd.apache.parquet",
                size_bytes=size,
                ensure=lambda: self._step(force=False, more_bytes=self.profile.bytes_total, more_files=0),
            )
        return {"key": key, "bytes": size, "rows": int(part["rows"])}


def _row(profile: Profile, table: dict[str, Any], position: int, by_name: dict[str, Asset]) -> ProfiledTable:
    """Return a table as it is kept, in the only shapes that it may have."""
    files = []
    for file in table["files"]:
        asset = by_name.get(file["source"])
        asset_id = asset.pk if asset is not None else ""
        files.append({"asset_id": asset_id, "name": str(file["name"]), "rows": int(file["rows"])})
    return ProfiledTable(
        profile=profile,
        name=str(table["name"])[:255],
        position=position,
        row_count=int(table["row_count"]),
        rejected_count=int(table["rejected_count"]),
        rejected=list(table["rejected"]),
        columns=list(table["columns"]),
        keys=list(table["keys"]),
        coverage=dict(table["coverage"]),
        files=files,
        findings=list(table["findings"]),
        is_partial=bool(table["is_partial"]),
    )


def _cleaned(value: Any) -> Any:
    """Return JSON that PostgreSQL takes: texts without NUL and halves of surrogates, none of them endless."""
    if isinstance(value, str):
        return value[:_LONGEST_TEXT].replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(each) for key, each in value.items()}
    return value
