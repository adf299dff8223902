"""What somebody ticks of a bucket before an import: files, whole folders, on several pages."""

from dataclasses import dataclass, field

from django.http import QueryDict

from marketplace.core.errors import Invalid, LimitExceeded
from marketplace.core.storage import Bucket

#: what one form may carry: with the 200 lines of a page below the thousand fields that Django reads of a form
MOST_PICKED = 600
LONGEST_KEY = 1_024


@dataclass(frozen=True)
class Selection:
    """keys: of files, with the size in bytes that was shown beside them, 0 where it is not known. folders: prefixes.

    is_cut: more was ticked than MOST_PICKED, and the rest was left out.
    """

    keys: dict[str, int] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    is_cut: bool = False

    @property
    def only_folder(self) -> str | None:
        """Return the folder when nothing but one is ticked: what is below it need not be listed beforehand."""
        return self.folders[0] if len(self.folders) == 1 and not self.keys else None


def read_selection(form: QueryDict) -> Selection:
    """Return what a form carries: `file` as the size that was shown and the key, `folder` as a prefix."""
    keys: dict[str, int] = {}
    for text in form.getlist("file"):
        size, _, key = text.partition(" ")
        if _is_key(key):
            keys[key] = int(size) if size.isascii() and size.isdigit() and len(size) < 16 else 0
    folders = dict.fromkeys(f for f in form.getlist("folder") if _is_key(f) and f.endswith("/"))
    kept = dict(list(keys.items())[:MOST_PICKED])
    room = MOST_PICKED - len(kept)
    return Selection(keys=kept, folders=tuple(folders)[:room], is_cut=len(keys) + len(folders) > MOST_PICKED)


def expand(bucket: Bucket, picked: Selection, *, most: int) -> list[str]:
    """Return the keys of all files that are ticked or lie in a ticked folder, each once; folder markers are no files.

    Raises Invalid when that is none, LimitExceeded above `most`, StorageFault.
    """
    keys = dict.fromkeys(picked.keys)
    for folder in picked.folders:
        for found in bucket.walk(folder):
            if not found.key.endswith("/"):
                keys[found.key] = None
            if len(keys) > most:
                raise _too_many(picked, most)
    if len(keys) > most:
        raise _too_many(picked, most)
    if not keys:
        raise Invalid("There is no file in these folders." if picked.folders else "Tick at least one file.")
    return list(keys)


def _too_many(picked: Selection, most: int) -> LimitExceeded:
    what = _and(_count(len(picked.folders), "folder"), _count(len(picked.keys), "file"))
    words = (
        f"What is ticked ({what}) holds more than {most} files, which is the most of one import. Tick less, or one folder"
        " alone: everything below it is imported without this limit."
    )
    return LimitExceeded("Assets per import job from Amazon S3", most, words)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


def _and(*parts: str) -> str:
    return " and ".join(part for part in parts if part)


def _is_key(key: str) -> bool:
    return bool(key) and len(key.encode(errors="replace")) <= LONGEST_KEY and "\x00" not in key
