"""Holds the rows of tables against rules: how many rows break each, exactly, and the first of them.

Rules come as data. Whatever a row decides by itself is counted in one pass over the table; duplicates need one of their own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

import duckdb

from .conditions import Unreadable, breaking, duplicate_columns
from .engine import connect, identifier, literal
from .pipe import answer

EXAMPLES = 20
LONGEST_VALUE = 200
#: conditions that one pass counts
_AT_ONCE = 100
#: rows whose values are grouped at once; more are grouped part by part, so that memory does not grow with the table
_GROUPED_ROWS = 2_000_000

#: what DuckDB says of a value that is not of the type that a rule takes it for
_NOT_FITTING = (
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.BinderException,
    duckdb.OutOfRangeException,
)

Result = dict[str, Any]


def main(data: str, requests: Iterable[dict[str, Any]]) -> None:
    """Answer a request {"tables": […]} with {"progress", "of"} after each table, and at last {"results": [[…], …]}."""
    for request in requests:
        tables = request["tables"]
        results = []
        for number, table in enumerate(tables, start=1):
            results.append(check_table(data, table))
            answer(json.dumps({"progress": number, "of": len(tables)}).encode())
        answer(json.dumps({"results": results}).encode())


def check_table(data: str, table: dict[str, Any]) -> list[Result]:
    """Return a result for each rule: {"rule", "column", "passed", "failing", "text", "blocks", "examples"}.

    table: parquet [[path below data, rows before it]]; found [{"name", "type"}], its columns; is_typed, the files themselves
    knew their types; key and columns [{"name", "physical_name", "type"}] by the contract's names; rules, in whose order the
    results are. examples: [{"row", "values"}], rows from 1.
    """
    paths = [(os.path.join(data, path), before) for path, before in table["parquet"]]
    connection = connect(":memory:", files=[path for path, _ in paths], read_only=False)
    try:
        return _Table(connection, paths, table).results()
    finally:
        connection.close()


class _Table:
    def __init__(
        self, connection: duckdb.DuckDBPyConnection, paths: list[tuple[str, int]], table: dict[str, Any]
    ) -> None:
        self.connection, self.table = connection, table
        if paths:
            described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(paths[0][0])})").fetchall()
        else:
            described = [(column["name"], column["type"]) for column in table["found"]]
        self.types = {row[0]: row[1] for row in described}
        self.row = "row"
        while self.row.casefold() in {name.casefold() for name in self.types}:
            self.row += "_"
        columns = ", ".join(identifier(name) for name in self.types)
        parts = [
            f"SELECT {columns}, file_row_number + {int(before) + 1} AS {identifier(self.row)}"
            f" FROM read_parquet({literal(path)}, file_row_number = true)"
            for path, before in paths
        ]
        if not paths:  # a table without rows has no file
            empty = [f"NULL::{kind} AS {identifier(name)}" for name, kind in self.types.items()]
            parts = [f"SELECT {', '.join([*empty, f'1 AS {identifier(self.row)}'])} WHERE false"]
        connection.execute(f"CREATE VIEW t AS {' UNION ALL '.join(parts)}")
        self.names = self._match()
        (self.rows,) = self._one("SELECT count(*) FROM t")

    def _one(self, statement: str) -> tuple[Any, ...]:
        return tuple(self.connection.execute(statement).fetchall()[0])

    def _match(self) -> dict[str, str]:
        """Return {name in the contract: name in the file}, without regard to case."""
        found = {name.casefold(): name for name in self.types}
        names = {}
        for column in self.table["columns"]:
            for wanted in (column["physical_name"], column["name"]):
                if wanted and wanted.casefold() in found:
                    names[column["name"]] = found[wanted.casefold()]
                    break
        return names

    def results(self) -> list[Result]:
        presence = [
            self._result(_presence(column["name"]), 0 if column["name"] in self.names else 1)
            for column in self.table["columns"]
        ]
        done: dict[int, Result] = {}  # place of the rule -> result
        conditions: list[tuple[int, str]] = []
        for place, rule in enumerate(self.table["rules"]):
            if not self._has_columns(rule):
                continue
            duplicates = duplicate_columns(rule)
            try:
                if rule["rule"] == "rowCount":
                    done[place] = self._result(rule, self.rows)
                elif duplicates:
                    done[place] = self._duplicates(rule, [self.names[name] for name in duplicates])
                else:
                    conditions.append((place, self._condition(rule)))
            except (Unreadable, *_NOT_FITTING):
                done[place] = _unreadable(rule)
        for start in range(0, len(conditions), _AT_ONCE):
            done |= self._counted(conditions[start : start + _AT_ONCE])
        return [*presence, *(done[place] for place in sorted(done))]

    def _has_columns(self, rule: dict[str, Any]) -> bool:
        """Return True unless a column is missing: that is a result already."""
        wanted = [rule["column"]] if rule["column"] else duplicate_columns(rule)
        return all(name in self.names for name in wanted)

    def _condition(self, rule: dict[str, Any]) -> str:
        """Return what holds for a row that breaks the rule. Raises Unreadable and what DuckDB says of a wrong value."""
        name = self.names[rule["column"]]
        made = breaking(rule, identifier(name), self.types[name], is_typed=self.table["is_typed"])
        self.connection.execute(f"SELECT {made} FROM t LIMIT 0").fetchall()
        return made

    def _counted(self, conditions: list[tuple[int, str]]) -> dict[int, Result]:
        asked = ", ".join(f"count(*) FILTER (WHERE {condition})" for _, condition in conditions)
        try:
            counts = self._one(f"SELECT {asked} FROM t")
        except _NOT_FITTING:
            if len(conditions) == 1:
                place = conditions[0][0]
                return {place: _unreadable(self.table["rules"][place])}
            return {place: made for each in conditions for place, made in self._counted([each]).items()}
        done = {}
        for (place, condition), count in zip(conditions, counts, strict=True):
            rule = self.table["rules"][place]
            made = done[place] = self._result(rule, count)
            if count and not made["passed"]:
                made["examples"] = self._examples(f"WHERE {condition}", [self.names[rule["column"]]])
        return done

    def _duplicates(self, rule: dict[str, Any], names: list[str]) -> Result:
        """Count the rows whose values are not the only ones, and for a key those with an empty value."""
        columns = ", ".join(identifier(name) for name in names)
        complete = " AND ".join(f"{identifier(name)} IS NOT NULL" for name in names)
        parts = self.rows // _GROUPED_ROWS + 1
        count, repeated = 0, ""
        for part in range(parts):
            where = complete if parts == 1 else f"{complete} AND hash({columns}) % {parts} = {part}"
            groups = f"SELECT {columns}, count(*) AS n FROM t WHERE {where} GROUP BY ALL HAVING count(*) > 1"
            (found,) = self._one(f"SELECT coalesce(sum(n), 0)::BIGINT FROM ({groups})")
            count += found
            repeated = repeated or (f"SELECT {columns} FROM ({groups}) ORDER BY ALL LIMIT {EXAMPLES}" if found else "")
        where = f"({columns}) IN ({repeated})" if repeated else "false"
        if rule["rule"] == "key":
            (empty,) = self._one(f"SELECT count(*) FROM t WHERE NOT ({complete})")
            count += empty
            where = f"NOT ({complete}) OR {where}" if empty else where
        made = self._result(rule, count)
        if count and not made["passed"]:
            made["examples"] = self._examples(f"WHERE {where}", names)
        return made

    def _examples(self, where: str, names: list[str]) -> list[dict[str, Any]]:
        """Return the first rows that break a rule: their number, the values of the key and of the columns."""
        key = [self.names[name] for name in self.table["key"] if name in self.names]
        shown = list(dict.fromkeys([*key, *names]))
        values = ", ".join(f"left({identifier(name)}::VARCHAR, {LONGEST_VALUE})" for name in shown)
        row = identifier(self.row)
        found = self.connection.execute(f"SELECT {row}, {values} FROM t {where} ORDER BY {row} LIMIT {EXAMPLES}")
        return [{"row": number, "values": dict(zip(shown, texts, strict=True))} for number, *texts in found.fetchall()]

    def _result(self, rule: dict[str, Any], count: int) -> Result:
        passed = count == 0
        text = rule["text"]
        if "operator" in rule:
            measure = (100 * count / self.rows if self.rows else 0.0) if rule["is_percent"] else count
            passed = _holds(rule["operator"], measure, rule["value"])
            shown = f"{measure:.4g} %" if rule["is_percent"] else f"{measure:,}"
            text = f"{text} (is {shown})"
        return {
            "rule": rule["rule"],
            "column": rule["column"],
            "passed": passed,
            "failing": count if rule["rule"] != "rowCount" else 0,
            "text": text,
            "blocks": rule["blocks"],
            "examples": [],
        }


def _presence(name: str) -> dict[str, Any]:
    return {"rule": "present", "column": name, "text": f"Column {name} is there", "blocks": True}


def _unreadable(rule: dict[str, Any]) -> Result:
    """Return the result of a rule that cannot be held against this column: it does not pass."""
    text = f"{rule['text']}: this rule cannot be held against what the column holds"
    return {name: rule[name] for name in ("rule", "column", "blocks")} | {
        "passed": False,
        "failing": 0,
        "text": text,
        "examples": [],
    }


def _holds(operator: str, measure: float, value: Any) -> bool:
    if operator in {"mustBeBetween", "mustNotBeBetween"}:
        return bool(value[0] <= measure <= value[1]) == (operator == "mustBeBetween")
    return bool(
        {
            "mustBe": measure == value,
            "mustNotBe": measure != value,
            "mustBeGreaterThan": measure > value,
            "mustBeGreaterOrEqualTo": measure >= value,
            "mustBeLessThan": measure < value,
            "mustBeLessOrEqualTo": measure <= value,
        }[operator]
    )
