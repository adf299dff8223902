"""Copies of vault objects on this machine, for work that needs files: private while they are used, gone afterwards.

CACHE_DIRECTORY/copies/
    <id>/       the files of one piece of work
    <id>.lock   held while it lasts; the kernel lets go of it when its process dies, and the next one removes both
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from django.conf import settings

from marketplace.core import storage
from marketplace.core.errors import Conflict
from marketplace.core.ids import new_id

#: left free on the disk for everybody else
RESERVE_BYTES = 64 * 1024 * 1024


class DamagedObject(Conflict):
    message = "The stored bytes do not match their checksum."


class NoRoom(Conflict):
    message = "The disk of the exchange has no room for this at the moment."


@contextmanager
def local_copies(
    objects: Iterable[tuple[str, str, str]], *, ensure: Callable[[int], None] | None = None
) -> Iterator[Path]:
    """Yield a private directory that holds the objects as files, and remove it afterwards.

    objects: (vault_key, file_name, sha256 in hexadecimal or "" for one that is not compared); a file_name may have folders.
    ensure: called with the bytes copied so far, of all files, after each MiB; it may raise to stop. Raises DamagedObject,
    NoRoom, ValueError for a name that leads out of the directory, storage.StorageFault.
    """
    with work_directory() as directory:
        copied = 0
        for vault_key, file_name, sha256 in objects:
            copied = _copy(vault_key, directory / _inside(file_name), sha256, copied, ensure)
        yield directory


@contextmanager
def work_directory() -> Iterator[Path]:
    """Yield an empty private directory under CACHE_DIRECTORY/copies, and remove it afterwards."""
    root = _root()
    sweep()
    directory = root / new_id()
    with _held(directory.with_suffix(".lock")):
        directory.mkdir(mode=0o700)
        try:
            yield directory
        finally:
            _discard(directory)


def free_bytes() -> int:
    """Return how much may still be written below CACHE_DIRECTORY/copies."""
    return max(0, shutil.disk_usage(_root()).free - RESERVE_BYTES)


def sweep() -> int:
    """Remove what processes left behind that were killed; return how many directories."""
    removed = 0
    for lock in _root().glob("*.lock"):
        with suppress(OSError), lock.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _discard(lock.with_suffix(""))
            lock.unlink(missing_ok=True)
            removed += 1
    return removed


def _root() -> Path:
    root = Path(settings.CACHE_DIRECTORY) / "copies"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    return root


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold a lock file of our own. Another process may sweep it away between its making and its locking: then again."""
    while True:
        file: IO[bytes] = path.open("wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                break
        file.close()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        file.close()


def _discard(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\x00" in name:
        raise ValueError(f"{name!r} is no name for a file of a directory.")
    return path


def _copy(vault_key: str, path: Path, sha256: str, before: int, ensure: Callable[[int], None] | None) -> int:
    """Stream one object to a file, compare its digest, and return the bytes copied in all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    try:
        with path.open("xb") as file:
            for chunk in storage.vault().read(vault_key):
                if len(chunk) > free_bytes():
                    raise NoRoom
                digest.update(chunk)
                file.write(chunk)
                before += len(chunk)
                if ensure is not None:
                    ensure(before)
    except OSError as error:
        if error.errno in {28, 122, 27}:  # ENOSPC, EDQUOT, EFBIG
            raise NoRoom from None
        raise
    if sha256 and digest.hexdigest() != sha256:
        raise DamagedObject("ASSET", path.name, f"The stored bytes of {path.name} do not match their checksum.")
    path.chmod(0o444)
    return before
