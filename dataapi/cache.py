"""Keeps one table per file on this machine: built once, read-only, the least recently used one goes first.

Reading rows straight from a CSV costs a pass over the file per page, so the first request of a file has a table built: the
object is streamed to disk outside of the jail (its SHA-256 is compared), typed and stored inside, and moved into place by
one rename. A build goes on in a thread of its own; whoever asked waits a while and is then told to come back.

CACHE_DIRECTORY/rows/
    entries/<asset>-<sha256>-<version>/  rows.duckdb and table.json, or table.json alone when the file cannot be read
    building/<same name>/                what is being built; found there at the next build, it is removed
    locks/<nn>                           held while building: one build per file, whatever the number of processes
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from dataapi.tables import Format, Table, format_of, unreadable
from marketplace.core import jail, storage
from publishers.models import Asset

logger = logging.getLogger(__name__)
#: Changes when tables are built differently: old ones are then left to age out.
VERSION = "v1"
BUILD_S = 900
_LOCKS = 64
_MOST_WAITING_BUILDS = 16
_RESERVE = 64 * jail.MIB
_LARGEST_ANSWER = 4 * jail.MIB
_LEFT_OVER_S = 2 * 3600
_TOUCH_S = 30


class NotNow(Exception):
    """Rows cannot be read at the moment; `code` is a stable word, `retry_after_s` None when waiting will not help."""

    def __init__(self, code: str, sentence: str, retry_after_s: int | None) -> None:
        self.code = code
        self.sentence = sentence
        self.retry_after_s = retry_after_s
        super().__init__(sentence)


@dataclass(slots=True)
class _Build:
    """A build that goes on in this process."""

    done: threading.Event = field(default_factory=threading.Event)
    failure: Exception | None = None


_builds: dict[str, _Build] = {}
_guard = threading.Lock()
#: A jailed reader of a large file takes a core and up to 1.25 GiB: one at a time in each web process.
_turn = threading.BoundedSemaphore(1)


def get_table(asset: Asset, *, wait_s: float) -> Table:
    """Return the table of a file, building it first where there is none.

    Waits up to `wait_s`; a build that takes longer goes on without the caller. Raises NotTabular and UnreadableTable for
    files that have no rows, NotNow while the table is being built or cannot be, and jail.NoJail.
    """
    form = format_of(asset)
    key = key_of(asset)
    found = _find(key, asset)
    if found is not None:
        return found
    jail.check()
    if asset.size_bytes * 2 > settings.DATA_CACHE_BYTES:
        refused = {
            "code": "TableTooLarge",
            "sentence": f"{asset.name} is too large to be read by rows here. Download it.",
        }
        raise unreadable(refused, asset)
    build = _begin(key, asset, form)
    if not build.done.wait(wait_s):
        raise NotNow("TableIsBeingBuilt", f"{asset.name} is being prepared for reading. Try again in a moment.", 2)
    if build.failure is not None:
        raise build.failure
    found = _find(key, asset)
    if found is None:  # built, and pushed out again by others before it was read
        raise NotNow("TableIsBeingBuilt", f"{asset.name} is being prepared for reading. Try again in a moment.", 2)
    return found


def key_of(asset: Asset) -> str:
    """Return the name of a file's table: bound to its bytes, so that nothing ever has to be invalidated."""
    return f"{asset.pk}-{asset.sha256[:32]}-{VERSION}"


def forget(table: Table) -> None:
    """Remove a table that turned out to be damaged; the next request builds it again."""
    jail.discard(table.path.parent)


def _root(name: str) -> Path:
    directory = Path(settings.CACHE_DIRECTORY) / "rows" / name
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory


def _find(key: str, asset: Asset) -> Table | None:
    description = _root("entries") / key / "table.json"
    try:
        content = json.loads(description.read_text())
        status = description.stat()
    except (FileNotFoundError, ValueError):
        return None
    if time.time() - status.st_mtime > _TOUCH_S:
        with suppress(OSError):
            os.utime(description)  # what is used stays longest
    if "refused" in content:
        raise unreadable(content["refused"], asset)
    path = description.with_name("rows.duckdb")
    return Table(path, tuple(content["columns"]), content["row_count"]) if path.exists() else None


def _begin(key: str, asset: Asset, form: Format) -> _Build:
    with _guard:
        build = _builds.get(key)
        if build is not None:
            return build
        if len(_builds) >= _MOST_WAITING_BUILDS:
            raise NotNow("TooManyBuilds", "Many files are being prepared for reading. Try again in a moment.", 5)
        build = _builds[key] = _Build()
    # A daemon: when the server ends, the lock and the jailed process go with it, and the next request starts over.
    threading.Thread(target=_run, args=(key, asset, form, build), name="table-build", daemon=True).start()
    return build


def _run(key: str, asset: Asset, form: Format, build: _Build) -> None:
    started = time.monotonic()
    try:
        with _turn, _locked(key):
            if not (_root("entries") / key / "table.json").exists():
                _build(key, asset, form)
                fields = {"asset_id": asset.pk, "size_bytes": asset.size_bytes}
                duration_s = round(time.monotonic() - started, 3)
                logger.info("table prepared", extra={"fields": fields | {"duration_s": duration_s}})
    except NotNow as failure:
        build.failure = failure
    except Exception:
        logger.exception("table not prepared", extra={"fields": {"asset_id": asset.pk}})
        build.failure = NotNow("PreparationFailed", f"{asset.name} could not be prepared for reading. Try again.", 10)
    finally:
        with _guard:
            _builds.pop(key, None)
        build.done.set()


@contextmanager
def _locked(key: str) -> Iterator[None]:
    """Hold the lock that all processes on this machine share for the key."""
    number = int(hashlib.sha256(key.encode()).hexdigest(), 16) % _LOCKS
    with (_root("locks") / f"{number:02}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(key: str, asset: Asset, form: Format) -> None:
    work = _root("building") / key
    jail.discard(work)
    _sweep()
    _make_room(asset.size_bytes * 3 + _RESERVE)
    out = work / "out"
    try:
        out.mkdir(parents=True, mode=0o700)
        _download(asset, work / "asset")
        result = _run_jailed(asset, form, work / "asset", out)
        entry = work / "entry"
        entry.mkdir(mode=0o700)
        if "refused" not in result:
            made = out / "rows.duckdb"
            if not stat.S_ISREG(made.lstat().st_mode):
                raise ValueError("The table is not a file.")
            made.rename(entry / "rows.duckdb")
            (entry / "rows.duckdb").chmod(0o400)
        (entry / "table.json").write_text(json.dumps(result))
        jail.discard(_root("entries") / key)
        entry.rename(_root("entries") / key)
    except OSError as error:
        logger.warning("cache not written", extra={"fields": {"asset_id": asset.pk, "error": error.strerror or "?"}})
        raise _storage_full() from None
    except storage.StorageFault as fault:
        raise NotNow("StoreIsAway", f"The file could not be fetched from the store: {fault}", 10) from None
    finally:
        jail.discard(work)
    _make_room(0, keep=key)


def _download(asset: Asset, path: Path) -> None:
    """Stream the object to a file and compare its digest."""
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for chunk in storage.vault().read(asset.vault_key):
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != asset.sha256:
        raise NotNow("DamagedObject", f"The stored bytes of {asset.name} do not match their checksum.", None)
    path.chmod(0o444)


def _run_jailed(asset: Asset, form: Format, data: Path, out: Path) -> dict[str, Any]:
    limits = jail.Limits(cpu_s=BUILD_S, file_bytes=max(settings.DATA_CACHE_BYTES // 2, 1))
    request = {"name": asset.name.rsplit("/", 1)[-1], "format": form.kind, "delimiter": form.delimiter}
    run = f"from jailed.tables import main; main(data, out, {request!r})"
    process = jail.start(run=run, limits=limits, data=data, out=out)
    try:
        result = json.loads(process.receive(within_s=BUILD_S, most_bytes=_LARGEST_ANSWER))
    except jail.JailFailed as failure:
        logger.warning("jailed build ended", extra={"fields": {"asset_id": asset.pk, "reason": str(failure)}})
        too_long = failure.reason == "deadline"
        words = "takes too long to read" if too_long else "cannot be read within the limits of this exchange"
        return {"refused": {"code": "BeyondLimits", "sentence": f"{asset.name} {words}. Download the file instead."}}
    finally:
        process.kill()
    if result.get("refused", {}).get("code") == "StorageFull":
        raise _storage_full()
    return _checked(result)


def _checked(result: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of the jailed process in the only shapes that it may have."""
    if "refused" in result:
        return {"refused": {name: result["refused"].get(name) for name in ("code", "sentence", "line")}}
    columns = [{"name": str(column["name"]), "type": str(column["type"])} for column in result["columns"]]
    return {"columns": columns, "row_count": int(result["row_count"])}


def _storage_full() -> NotNow:
    return NotNow(
        "StorageFull", "The exchange has no room to prepare this file at the moment. Download it instead.", 60
    )


def _size(directory: Path) -> int:
    total = 0
    with suppress(OSError):
        for item in directory.iterdir():
            total += item.lstat().st_size
    return total


def _make_room(needed: int, *, keep: str = "") -> None:
    """Remove tables, longest unused first, until the bound holds and the disk has `needed` bytes. Raises NotNow."""
    entries = []
    for directory in _root("entries").iterdir():
        with suppress(OSError):
            entries.append(((directory / "table.json").stat().st_mtime, _size(directory), directory))
    total = sum(size for _, size, _ in entries)

    def is_enough() -> bool:
        return total <= settings.DATA_CACHE_BYTES and shutil.disk_usage(_root("entries")).free >= needed

    for _, size, directory in sorted(entries):
        if is_enough():
            return
        if directory.name != keep:
            jail.discard(directory)  # whoever reads it now has it open and reads on
            total -= size
    if needed and not is_enough():
        raise _storage_full()


def _sweep() -> None:
    """Remove what builds left behind whose process was killed."""
    for directory in _root("building").iterdir():
        with suppress(OSError):
            if time.time() - directory.stat().st_mtime > _LEFT_OVER_S:
                jail.discard(directory)
