"""What changed from one contract to the next, and which version number that needs.

Breaking: what a reader may rely on is gone or different, or what a publisher has to keep is stricter: a table or column
removed, a type changed or narrowed, a key changed, a promise added to what is there (required, unique, a rule) or taken
back. Minor: an optional column, a wider type or range, another service level that is no worse. Patch: words.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from publishers.contracts.model import Column, Document, Metric, ServiceLevel, Table

Level = Literal["major", "minor", "patch"]
Version = tuple[int, int, int]
#: type -> the types that hold all its values and read alike
_WIDER: dict[str, set[str]] = {"integer": {"number"}, "date": {"timestamp"}}
_LOWER, _UPPER = ("minimum", "exclusiveMinimum", "minLength"), ("maximum", "exclusiveMaximum", "maxLength")
#: units of a period -> days
_DAYS: dict[str, float] = {
    **dict.fromkeys(("s", "second", "seconds"), 1 / 86_400),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 1 / 1440),
    **dict.fromkeys(("h", "hour", "hours"), 1 / 24),
    **dict.fromkeys(("d", "day", "days"), 1),
    **dict.fromkeys(("w", "week", "weeks"), 7),
    **dict.fromkeys(("mo", "month", "months"), 365.25 / 12),
    **dict.fromkeys(("y", "yr", "year", "years"), 365.25),
}
_LESS_IS_BETTER, _MORE_IS_BETTER = {"frequency", "latency"}, {"retention"}


@dataclass(frozen=True)
class Change:
    """One difference. kind: ADD, REMOVE or MODIFY, as notifications have it. name: the table, or table.column."""

    kind: Literal["ADD", "REMOVE", "MODIFY"]
    name: str
    text: str
    level: Level

    @property
    def is_breaking(self) -> bool:
        """Return True when it needs another major version."""
        return self.level == "major"


def compare(old: Document, new: Document) -> list[Change]:
    """Return what changed, tables in their order. Two documents that say the same give nothing."""
    found = [*_tables(old, new), *_levels(old, new)]
    if not found and _words(old.raw) != _words(new.raw):
        found.append(Change("MODIFY", "contract", "Texts or other members of the document changed.", "patch"))
    return found


def least_version(version: Version, changes: Iterable[Change]) -> Version:
    """Return the smallest version number that a contract with these changes may have."""
    major, minor, patch = version
    levels = {change.level for change in changes}
    if "major" in levels:
        return (major + 1, 0, 0)
    if "minor" in levels:
        return (major, minor + 1, 0)
    return (major, minor, patch + 1)


def _words(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name != "version"}


def _tables(old: Document, new: Document) -> Iterator[Change]:
    before, after = _by_name(old.tables), _by_name(new.tables)
    for key, table in before.items():
        if key not in after:
            yield Change("REMOVE", table.name, f"Table {table.name} removed.", "major")
        else:
            yield from _table(table, after[key])
    for key, table in after.items():
        if key not in before:
            yield Change("ADD", table.name, f"Table {table.name} added.", "minor")


def _by_name(rows: Iterable[Any]) -> dict[str, Any]:
    return {row.name.casefold(): row for row in rows}


def _table(old: Table, new: Table) -> Iterator[Change]:
    before, after = _by_name(old.columns), _by_name(new.columns)
    for key, column in before.items():
        if key not in after:
            yield Change("REMOVE", f"{old.name}.{column.name}", f"Column {column.name} removed.", "major")
        else:
            yield from _column(old.name, column, after[key])
    for key, column in after.items():
        if key not in before:
            level: Level = "major" if column.is_required and before else "minor"
            words = "Required column" if column.is_required else "Column"
            yield Change("ADD", f"{new.name}.{column.name}", f"{words} {column.name} added.", level)
    if [name.casefold() for name in old.key] != [name.casefold() for name in new.key]:
        words = f"Key changed from {', '.join(old.key) or 'none'} to {', '.join(new.key) or 'none'}."
        yield Change("MODIFY", new.name, words, "major")
    yield from _rules(new.name, old.quality, new.quality)
    if old.description != new.description:
        yield Change("MODIFY", new.name, "Description changed.", "patch")
    if old.physical_name != new.physical_name:
        yield Change("MODIFY", new.name, "Name of its files changed.", "patch")


def _column(table: str, old: Column, new: Column) -> Iterator[Change]:
    name = f"{table}.{new.name}"
    yield from _type(name, old, new)
    for label, was, now in (
        ("required", old.is_required, new.is_required),
        ("unique", old.is_unique, new.is_unique),
    ):
        if was != now:
            yield Change("MODIFY", name, f"{new.name} is {'now' if now else 'no longer'} {label}.", "major")
    for option in sorted(set(old.options) | set(new.options)):
        before, after = old.options.get(option), new.options.get(option)
        if before != after:
            yield Change(
                "MODIFY", name, f"{option}: {_said(before)} to {_said(after)}.", _option_level(option, before, after)
            )
    yield from _rules(name, old.quality, new.quality)
    if (old.description, old.classification) != (new.description, new.classification):
        yield Change("MODIFY", name, "Description changed.", "patch")
    if (old.physical_name or old.name).casefold() != (new.physical_name or new.name).casefold():
        yield Change("MODIFY", name, f"Its name in files is {new.physical_name or new.name} now.", "major")


def _type(name: str, old: Column, new: Column) -> Iterator[Change]:
    if old.kind != new.kind:
        level: Level = "minor" if new.kind in _WIDER.get(old.kind, set()) else "major"
        words = f"Type changed from {old.kind or 'not said'} to {new.kind or 'not said'}."
        yield Change("MODIFY", name, words, level)
    elif old.physical_type.lower() != new.physical_type.lower():
        level = "minor" if old.kind else "major"
        words = f"Physical type changed from {old.physical_type or 'not said'} to {new.physical_type or 'not said'}."
        yield Change("MODIFY", name, words, level)


def _said(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _option_level(option: str, was: Any, now: Any) -> Level:
    """A range that lets more in is wider; everything else that is another range is stricter, or different."""
    if now is None:
        return "minor"
    if was is None:
        return "major"
    if option == "enum":
        return "minor" if all(each in now for each in was) else "major"
    try:
        if (option in _LOWER and now < was) or (option in _UPPER and now > was):
            return "minor"
    except TypeError:
        return "major"
    return "major"


def _rules(name: str, old: Iterable[Metric], new: Iterable[Metric]) -> Iterator[Change]:
    before = {rule.identity: rule for rule in old}
    after = {rule.identity: rule for rule in new}
    for key, rule in before.items():
        now = after.get(key)
        if now is None:
            yield Change("MODIFY", name, f"Rule removed: {rule.words}.", "major" if rule.blocks else "minor")
        elif (now.value, now.blocks) != (rule.value, rule.blocks):
            yield Change("MODIFY", name, f"Rule changed: {rule.words}, now {now.words.lower()}.", "major")
        elif now.description != rule.description:
            yield Change("MODIFY", name, "Words of a rule changed.", "patch")
    for key, rule in after.items():
        if key not in before:
            yield Change("MODIFY", name, f"Rule added: {rule.words}.", "major" if rule.blocks else "minor")


def _levels(old: Document, new: Document) -> Iterator[Change]:
    before = {(level.property.lower(), level.element): level for level in old.service_levels}
    after = {(level.property.lower(), level.element): level for level in new.service_levels}
    for key, level in before.items():
        now = after.get(key)
        if now is None:
            yield Change("MODIFY", level.property, f"Service level {level.property} removed.", "major")
        elif (now.value, now.unit) != (level.value, level.unit):
            words = f"Service level {level.property}: {_promise(level)} to {_promise(now)}."
            yield Change("MODIFY", level.property, words, _promise_level(level, now))
    for key, level in after.items():
        if key not in before:
            yield Change("MODIFY", level.property, f"Service level {level.property}: {_promise(level)}.", "minor")


def _promise(level: ServiceLevel) -> str:
    return f"{level.value} {level.unit}".strip()


def _promise_level(old: ServiceLevel, new: ServiceLevel) -> Level:
    name, was, now = old.property.lower(), days_of(old), days_of(new)
    if name not in _LESS_IS_BETTER | _MORE_IS_BETTER:
        return "minor"
    if was is None or now is None:
        return "major"
    worse = now > was if name in _LESS_IS_BETTER else now < was
    return "major" if worse else "minor"


def days_of(level: ServiceLevel) -> float | None:
    """Return a period in days; None for a value that is no period."""
    factor = _DAYS.get(level.unit.strip().lower() or "d")
    if factor is None or isinstance(level.value, bool) or not isinstance(level.value, int | float):
        return None
    return level.value * factor if level.value > 0 else None
