"""Tags: up to 50 pairs of words on a resource, for its owner alone. Source: AWS Data Exchange user guide, tagging."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import Model

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Invalid, NotFound

MOST = 50
LONGEST_KEY, LONGEST_VALUE = 128, 256

M = TypeVar("M", bound=Model)


def check_tags(tags: Mapping[str, str] | None) -> dict[str, str]:
    """Return the tags. Raises Invalid for too many, too long or reserved ones."""
    tags = dict(tags or {})
    if len(tags) > MOST:
        raise Invalid(f"A resource has at most {MOST} tags.", field="tags")
    for key, value in tags.items():
        if not 1 <= len(key) <= LONGEST_KEY or len(value) > LONGEST_VALUE:
            message = f"A tag key has 1 to {LONGEST_KEY} characters, a tag value at most {LONGEST_VALUE}: {key[:40]!r}."
            raise Invalid(message, field="tags")
        if "\x00" in key + value:
            raise Invalid("A NUL character cannot be stored.", field="tags")
        if key.lower().startswith("aws:"):
            raise Invalid("Tag keys that start with aws: are reserved.", field="tags")
    return tags


@transaction.atomic
def change_tags(
    *,
    row: M,
    resource_type: str,
    actor: Actor,
    at: datetime,
    add: Mapping[str, str] | None = None,
    remove: Iterable[str] = (),
) -> M:
    """Merge tags into those of a row with `tags` and `updated_at`, and take others away. Raises Invalid, NotFound."""
    locked = type(row)._default_manager.select_for_update(of=("self",)).filter(pk=row.pk).first()
    if locked is None:
        raise NotFound(resource_type, str(row.pk))
    gone = frozenset(remove)
    before: dict[str, str] = locked.tags  # type: ignore[attr-defined]
    tags = check_tags({k: v for k, v in before.items() if k not in gone} | dict(add or {}))
    if tags != before:
        locked.tags = tags  # type: ignore[attr-defined]
        locked.save(update_fields=["tags"])
        audit.record("tags.changed", actor=actor, subject=locked, at=at, detail={"keys": sorted({*(add or {}), *gone})})
    return locked
