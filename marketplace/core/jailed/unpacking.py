"""Unpacks what was packed, to files, within a ratio and within the room that there is."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import zstandard

from .engine import Refused
from .scanning import CHUNK, GZIP, MOST_RATIO, RATIO_FROM, inflated

ZSTANDARD = b"\x28\xb5\x2f\xfd"
ZIP = b"PK\x03\x04"
MOST_MEMBERS = 10_000
_BITE = 4096
#: an archive that is one file of another format: what stands in it is not unpacked
_OFFICE = ("[Content_Types].xml", "mimetype", "META-INF/manifest.xml")


@dataclass
class Room:
    """Where unpacked files go, and how many bytes may still be written there."""

    directory: str
    free: int
    made: int = 0

    def path(self) -> str:
        """Return the path of a new file."""
        self.made += 1
        return os.path.join(self.directory, f"{self.made:06}")

    def take(self, size: int, name: str) -> None:
        """Count bytes that are written. Raises Refused when there is no room for them."""
        if size > self.free:
            raise Refused("StorageFull", f"The exchange has no room to unpack and read {name} at the moment.")
        self.free -= size

    def give_back(self, path: str) -> None:
        """Remove a file of this directory."""
        if os.path.dirname(path) == self.directory and os.path.exists(path):
            self.free += os.path.getsize(path)
            os.remove(path)


def start_of(path: str, length: int = 16) -> bytes:
    """Return the first bytes of a file."""
    with open(path, "rb") as file:
        return file.read(length)


def unpacked(path: str, name: str, room: Room) -> Iterator[tuple[str, str] | Refused]:
    """Yield (path, name) of the files in a file, itself when nothing is packed; a Refused for what cannot be unpacked."""
    start = start_of(path)
    if start.startswith(GZIP):
        yield _written(_from_gzip(path, name), _without(name, (".gz", ".gzip")), room)
    elif start.startswith(ZSTANDARD):
        yield _written(_from_zstandard(path, name), _without(name, (".zst", ".zstd")), room)
    elif start.startswith(ZIP) and not _is_office(path):
        yield from _from_zip(path, name, room)
    else:
        yield path, name


def _without(name: str, endings: tuple[str, ...]) -> str:
    return next((name[: -len(ending)] for ending in endings if name.lower().endswith(ending)), name)


def _written(chunks: Iterator[bytes], name: str, room: Room) -> tuple[str, str] | Refused:
    target = room.path()
    try:
        with open(target, "wb") as file:
            for chunk in chunks:
                room.take(len(chunk), name)
                file.write(chunk)
    except Refused as refusal:
        room.give_back(target)
        return refusal
    return target, name


def _from_gzip(path: str, name: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield from inflated(file, name)


def _from_zstandard(path: str, name: str) -> Iterator[bytes]:
    """Yield what a Zstandard file holds, frame after frame; small bites, because 4 bytes can mean 128 KiB."""
    # a window above this is refused: it would be held in memory
    engine = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    read = written = 0
    frame, is_open = engine.decompressobj(), False
    try:
        with open(path, "rb") as file:
            while data := file.read(_BITE):
                read += len(data)
                while data:
                    chunk = frame.decompress(data)
                    written += len(chunk)
                    _check_ratio(written, read, name)
                    if chunk:
                        yield chunk
                    is_open, data = not frame.eof, frame.unused_data if frame.eof else b""
                    if frame.eof:
                        frame = engine.decompressobj()
    except zstandard.ZstdError:
        is_open = True
    if is_open:
        raise Refused("NotZstandard", f"{name} is damaged or cut off: it cannot be unpacked to its end.")


def _check_ratio(written: int, read: int, name: str) -> None:
    if written > RATIO_FROM and written > MOST_RATIO * read:
        raise Refused("GrowsTooMuch", f"{name} grows more than {MOST_RATIO} times when it is unpacked.")


def _is_office(path: str) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name in archive.NameToInfo for name in _OFFICE)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _from_zip(path: str, name: str, room: Room) -> Iterator[tuple[str, str] | Refused]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        yield Refused("NotZip", f"{name} is damaged or cut off: it cannot be unpacked.")
        return
    with archive:
        members = [
            member
            for member in archive.infolist()
            if not member.is_dir() and not member.filename.startswith("__MACOSX/")
        ]
        if len(members) > MOST_MEMBERS:
            yield Refused("TooManyMembers", f"{name} holds {len(members):,} files; {MOST_MEMBERS:,} are the most.")
            return
        for member in members:
            inner = f"{name}/{member.filename}"
            found = _written(_from_member(archive, member, inner), inner, room)
            if not isinstance(found, Refused) and _is_packed(found[0]):
                room.give_back(found[0])
                found = Refused("PackedTwice", f"{inner} is packed again; only one level is unpacked.")
            yield found


def _is_packed(path: str) -> bool:
    start = start_of(path)
    return start.startswith((GZIP, ZSTANDARD)) or (start.startswith(ZIP) and not _is_office(path))


def _from_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    try:
        written = 0
        with archive.open(member) as reader:
            while chunk := reader.read(CHUNK):
                written += len(chunk)
                _check_ratio(written, max(member.compress_size, 1), name)
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError):
        raise Refused(
            "NotZip", f"{name} cannot be unpacked: it is damaged, encrypted or packed in an odd way."
        ) from None
