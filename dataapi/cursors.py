"""Where a reader goes on: an opaque, signed place in one file."""

from __future__ import annotations

from dataclasses import dataclass

from django.core import signing

from marketplace.core.errors import Invalid

_SALT = "dataapi.rows"
LIFE_S = 24 * 3600


class BadCursor(Invalid):
    """The cursor is not ours, too old, or belongs to another file."""

    def __init__(self) -> None:
        super().__init__("The cursor is not valid for this file. Start again without it.", field="cursor")


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a file of a revision of an entitled data set; rows count from 0."""

    data_set_id: str
    revision_id: str
    asset_id: str
    sha256: str
    start: int

    def to_cursor(self) -> str:
        """Return the text that a caller hands back."""
        content = [self.data_set_id, self.revision_id, self.asset_id, self.sha256[:16], self.start]
        return signing.dumps(content, salt=_SALT, compress=True)


def read_cursor(cursor: str) -> Place:
    """Return the place that a cursor names; the file itself is still to be asked for. Raises BadCursor."""
    try:
        data_set_id, revision_id, asset_id, sha256, start = signing.loads(cursor, salt=_SALT, max_age=LIFE_S)
        return Place(data_set_id, revision_id, asset_id, sha256, int(start))
    except (signing.BadSignature, ValueError, TypeError):
        raise BadCursor from None
