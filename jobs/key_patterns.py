"""Key patterns of exports. Source: AWS Data Exchange user guide, key patterns when exporting revisions."""

import re
from datetime import UTC, datetime

from marketplace.core.errors import Invalid

DEFAULT_FOR_JOBS = "${Asset.Name}"
DEFAULT_FOR_EVENT_ACTIONS = "${Revision.CreatedAt}/${Asset.Name}"
VARIABLES = (
    "Asset.Id",
    "Asset.Name",
    "Revision.Id",
    "Revision.CreatedAt",
    "Revision.CreatedAt.Day",
    "Revision.CreatedAt.Month",
    "Revision.CreatedAt.Year",
)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class KeyPatternRefused(Invalid):
    """The pattern cannot be used; nothing was stored."""


def check(pattern: str) -> str:
    """Return the pattern when each object gets a key of its own from it. Raises KeyPatternRefused."""
    pattern = pattern.strip()
    if not 1 <= len(pattern) <= 1024:
        raise KeyPatternRefused("The key pattern has 1 to 1,024 characters.", field="key_pattern")
    unknown = [name for name in _VARIABLE.findall(pattern) if name not in VARIABLES]
    if unknown or "${" in _VARIABLE.sub("", pattern):
        known = ", ".join(f"${{{name}}}" for name in VARIABLES)
        raise KeyPatternRefused(f"Unknown variable in the key pattern. Known: {known}.", field="key_pattern")
    if not {"Asset.Name", "Asset.Id"} & set(_VARIABLE.findall(pattern)):
        raise KeyPatternRefused(
            "The key pattern must contain ${Asset.Name} or ${Asset.Id}, so that each file gets a key of its own.",
            field="key_pattern",
        )
    if _leads_astray(pattern):
        raise KeyPatternRefused(
            "The key pattern must have no empty, `.` or `..` part between slashes, and no control characters.",
            field="key_pattern",
        )
    return pattern


def check_key(key: str) -> str:
    """Return an object key as it was given. Raises KeyPatternRefused for one that leads elsewhere."""
    if not 1 <= len(key.encode()) <= 1024 or _leads_astray(key):
        raise KeyPatternRefused(
            f"The key {key[:100]!r} cannot be used: 1 to 1,024 bytes, no empty, `.` or `..` part between slashes, no "
            "control characters.",
            field="Key",
        )
    return key


def _leads_astray(text: str) -> bool:
    # Stores that keep objects as files take `..` for the folder above, which may be another bucket.
    return bool({"", ".", ".."} & set(text.split("/"))) or any(ord(c) < 32 or ord(c) == 127 for c in text)


def timestamp(at: datetime) -> str:
    """Return `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def render(pattern: str, *, asset_id: str, asset_name: str, revision_id: str, created_at: datetime) -> str:
    """Return the key of one object; the same arguments always give the same key."""
    utc = created_at.astimezone(UTC)
    values = {
        "Asset.Id": asset_id,
        "Asset.Name": asset_name,
        "Revision.Id": revision_id,
        "Revision.CreatedAt": timestamp(created_at),
        "Revision.CreatedAt.Day": f"{utc:%d}",
        "Revision.CreatedAt.Month": f"{utc:%m}",
        "Revision.CreatedAt.Year": f"{utc:%Y}",
    }
    return _VARIABLE.sub(lambda found: values[found.group(1)], pattern)
