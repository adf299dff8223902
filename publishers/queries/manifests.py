"""What exactly a revision holds, as a text that anybody can write again, and the digest over it that names the content.

The manifest has one line for each file, `{sha256}  {size in bytes}  {name}`, in UTF-8, each ended by a line feed; the lines
are sorted by their bytes. In names a backslash, a line feed and a carriage return are written \\\\, \\n and \\r. The digest is
the SHA-256 of that text in hexadecimal. Assets that are no files have no bytes and are left out; a revision without files
has no digest.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from publishers.models import Asset, Revision

_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})
_LINE = r"""convert_to(
    a.sha256 || '  ' || a.size_bytes || '  '
    || replace(replace(replace(a.name, E'\\', E'\\\\'), E'\n', E'\\n'), E'\r', E'\\r') || E'\n', 'UTF8'
)"""
_DIGEST = f"encode(sha256(string_agg({_LINE}, ''::bytea ORDER BY {_LINE})), 'hex')"


def manifest_of(assets: Iterable[Asset]) -> str:
    """Return the manifest of some assets; empty where none is a file."""
    lines = [
        f"{asset.sha256}  {asset.size_bytes}  {asset.name.translate(_ESCAPED)}\n" for asset in assets if asset.is_file
    ]
    return "".join(sorted(lines, key=str.encode))


def digest_of(manifest: str) -> str:
    """Return the digest of a manifest; empty for that of no files."""
    return hashlib.sha256(manifest.encode()).hexdigest() if manifest else ""


def manifest_digest(*, revision: Revision) -> str:
    """Return the digest over the files that a revision holds now, in one statement; empty without files."""
    return manifest_digests(revision_ids=[revision.pk]).get(revision.pk, "")


def manifest_digests(*, revision_ids: Iterable[str]) -> dict[str, str]:
    """Return {revision id: digest}, reckoned by the database; revisions without files are left out."""
    return dict(_rows("a.revision_id = ANY (%s)", [list(revision_ids)]))


def revisions_with_digest(*, digest: str, among: QuerySet[Any, Any]) -> list[str]:
    """Return the ids of the revisions that have a digest, in one statement. among: a queryset of revision ids.

    No digest is stored: those of all the revisions are reckoned.
    """
    inner, parameters = among.query.sql_with_params()
    found = _rows(f"a.revision_id IN ({inner})", [*parameters, digest], having=f"HAVING {_DIGEST} = %s")
    return [revision_id for revision_id, _ in found]


def _rows(among: str, parameters: list[Any], *, having: str = "") -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT a.revision_id, {_DIGEST} FROM publishers_asset a
            WHERE a.vault_key <> '' AND {among} GROUP BY a.revision_id {having}
            """,
            parameters,
        )
        return list(cursor.fetchall())
