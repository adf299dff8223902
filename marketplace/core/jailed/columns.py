"""The type of each column, found over all of its values; no type is taken that would lose a digit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import duckdb

from .engine import identifier, literal
from .tables import NO_VALUE, TESTS

FIRST, SAMPLE = 512, 20_480
#: a test holds about a megabyte while it runs
TESTS_AT_ONCE = 80
_GROUPED = r"[+-]?(0|[1-9][0-9]{{0,2}})(,[0-9]{{3}})*"
#: Cheaper tests that say yes to most values of a kind; what they do not know is asked of the exact test.
_QUICK = {
    "DOUBLE": r"regexp_full_match({c}, '-?(0|[1-9][0-9]{{0,14}})(\.[0-9]{{1,15}})?')",
    "DATE": "length({c}) = 10 AND {v}::VARCHAR = {c}",
    "TIMESTAMP": "length({c}) >= 19 AND length({c}) <= 26 AND {v}::VARCHAR = {c}",
}
_EXACT = {
    **TESTS,
    "GROUPED BIGINT": f"regexp_full_match({{c}}, '{_GROUPED}') AND TRY_CAST(replace({{c}}, ',', '') AS BIGINT) IS NOT NULL",
    "GROUPED DOUBLE": (
        rf"regexp_full_match({{c}}, '{_GROUPED}(\.[0-9]+)?') AND length({{c}}) < 20"
        " AND isfinite(TRY_CAST(replace({c}, ',', '') AS DOUBLE))"
    ),
}
#: the narrower first
KINDS = (
    "BOOLEAN",
    "BIGINT",
    "DOUBLE",
    "GROUPED BIGINT",
    "GROUPED DOUBLE",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE",
)
_STAMPED = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*"
#: what a text of a kind looks like at least
_FORMS = {
    "BOOLEAN": re.compile(r"true|false", re.IGNORECASE),
    "BIGINT": re.compile(r"-?\d+"),
    "DOUBLE": re.compile(r"[-+.\deE]+"),
    "GROUPED BIGINT": re.compile(r"[-+\d,]+"),
    "GROUPED DOUBLE": re.compile(r"[-+\d,.]+"),
    "DATE": re.compile(r"\d{4}-\d\d-\d\d"),
    "TIMESTAMP": re.compile(_STAMPED, re.DOTALL),
    "TIMESTAMP WITH TIME ZONE": re.compile(_STAMPED, re.DOTALL),
}
TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
NUMBERS = ("BOOLEAN", "BIGINT", "DOUBLE")
_DECLARED = re.compile(
    r"(BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|FLOAT|DOUBLE|DATE|TIME|TIMESTAMP"
    r"|TIMESTAMP WITH TIME ZONE|VARCHAR|UUID|DECIMAL\([0-9]{1,2},[0-9]{1,2}\))"
)


@dataclass
class Typing:
    """What is known of the columns of a relation of texts. fitting: kinds that are still possible, the narrower first."""

    fitting: dict[str, list[str]] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)


def declared_types(wanted: dict[str, str], names: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the declared types of columns that there are, and what of the declaration is not known as a type."""
    by_name = {name.casefold(): name for name in names}
    taken, unknown = {}, []
    for column, kind in wanted.items():
        cleaned = " ".join(str(kind).upper().split()).replace(", ", ",")
        if column.casefold() in by_name and _DECLARED.fullmatch(cleaned):
            taken[by_name[column.casefold()]] = cleaned
        elif column.casefold() in by_name:
            unknown.append(column)
    return taken, unknown


def guess(connection: duckdb.DuckDBPyConnection, source: str, hints: dict[str, tuple[str, ...]]) -> Typing:
    """Return what the first rows allow."""
    typing = Typing({name: list(kinds) for name, kinds in hints.items()})
    connection.execute(f"CREATE OR REPLACE TEMP TABLE sample AS SELECT * FROM {source} LIMIT {SAMPLE}")
    # A cast that fails costs far more than one that works, and a statement of many tests costs more to plan than to run:
    # most candidates fall at a look at the first rows already.
    _look(connection, typing)
    _narrow(connection, "sample", typing, set(typing.fitting))
    connection.execute("DROP TABLE sample")
    return typing


def _look(connection: duckdb.DuckDBPyConnection, typing: Typing) -> None:
    """Drop the kinds whose form some text of the first rows does not have."""
    names = list(typing.fitting)
    chosen = ", ".join(map(identifier, names))
    if not names:
        return
    rows = connection.execute(f"SELECT {chosen} FROM sample LIMIT {FIRST}").fetchall()
    for name, texts in zip(names, zip(*rows, strict=True), strict=False):
        present = {text for text in texts if text is not None and text not in NO_VALUE}
        typing.fitting[name] = [
            kind for kind in typing.fitting[name] if all(_FORMS[kind].fullmatch(text) for text in present)
        ]


def decide(connection: duckdb.DuckDBPyConnection, source: str, typing: Typing, only: set[str]) -> None:
    """Narrow to what all rows allow; a column without a value is text."""
    _narrow(connection, source, typing, only)
    for name in typing.unseen & only:
        typing.fitting[name] = []
    typing.unseen -= only


def _narrow(connection: duckdb.DuckDBPyConnection, rows: str, typing: Typing, only: set[str]) -> None:
    tests = [(name, kind) for name in typing.fitting if name in only for kind in typing.fitting[name]]
    for start in range(0, len(tests), TESTS_AT_ONCE):
        part = tests[start : start + TESTS_AT_ONCE]
        asked = ", ".join(_test(name, kind) for name, kind in part)
        found = connection.execute(f"SELECT {asked} FROM {rows}").fetchall()[0]
        for (name, kind), value in zip(part, found, strict=True):
            if value["fits"] is False or (kind.startswith("GROUPED") and value["seen"] and not value["marked"]):
                typing.fitting[name].remove(kind)
            if not value["seen"]:
                typing.unseen.add(name)
            else:
                typing.unseen.discard(name)


def _present(name: str) -> str:
    """Return the test that a text stands for a value. Written out: DuckDB makes a join of a NOT IN with so many words."""
    column = identifier(name)
    words = " AND ".join(f"{column} <> {literal(word)}" for word in NO_VALUE)
    return f"(strlen({column}) > {max(map(len, NO_VALUE))} OR ({words}))"


def _fits(name: str, kind: str, value: str) -> str:
    """Return the test of a text. value: the expression of the text cast to the kind, NULL where that cannot be."""
    column = identifier(name)
    if kind == "BIGINT":
        return f"coalesce({value}::VARCHAR = {column}, false)"
    exact = _EXACT[kind].format(c=column)
    if kind in _QUICK:
        return f"CASE WHEN {_QUICK[kind].format(c=column, v=value)} THEN true ELSE coalesce({exact}, false) END"
    return f"coalesce({exact}, false)"


def _cast(name: str, kind: str) -> str:
    column = identifier(name)
    text = f"replace({column}, ',', '')" if kind.startswith("GROUPED") else column
    return f"TRY_CAST({text} AS {kind.removeprefix('GROUPED ')})"


def _test(name: str, kind: str) -> str:
    marked = f"bool_or(contains({identifier(name)}, ','))" if kind.startswith("GROUPED") else "NULL"
    return (
        f"{{'fits': bool_and({_fits(name, kind, _cast(name, kind))}) FILTER (WHERE {_present(name)}),"
        f" 'seen': count(*) FILTER (WHERE {_present(name)}), 'marked': {marked}}}"
    )


def typed(source: str, typing: Typing, names: list[str], *, checked: bool) -> str:
    """Return a relation of typed columns over one of texts; other columns of the source pass as they are.

    checked: a value that does not fit ends the statement; see is_misfit. The casts stand below the tests, so that each value
    is cast once.
    """
    kinds = {name: typing.fitting[name][0] for name in names if typing.fitting.get(name)}
    if not kinds:
        return source
    values = {name: identifier(f"entrepot {place}") for place, name in enumerate(kinds)}
    casts = ", ".join(f"{_cast(name, kind)} AS {values[name]}" for name, kind in kinds.items())
    replaced = ", ".join(
        f"{_chosen(name, kind, values[name], checked=checked)} AS {identifier(name)}" for name, kind in kinds.items()
    )
    hidden = ", ".join(values.values())
    return f"(SELECT * EXCLUDE ({hidden}) REPLACE ({replaced}) FROM (SELECT *, {casts} FROM {source}))"


def _chosen(name: str, kind: str, value: str, *, checked: bool) -> str:
    if not checked:
        return f"CASE WHEN {_present(name)} THEN {value} END"
    absent = f"{identifier(name)} IS NULL OR NOT ({_present(name)})"
    misfit = f"error({literal('misfit ' + kind)})"
    return f"CASE WHEN {_fits(name, kind, value)} THEN {value} WHEN {absent} THEN NULL ELSE {misfit} END"


def is_misfit(error: duckdb.Error) -> bool:
    """Return True for what a checked relation raises."""
    return "misfit " in str(error)
