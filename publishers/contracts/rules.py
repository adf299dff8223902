"""A contract as the rules that a check goes through, in plain data for the jailed program."""

from typing import Any

from publishers.contracts.model import Column, Document, Metric, Table

#: option of a column -> how it is said
_OPTION_WORDS = {
    "minimum": "{column} is at least {value}",
    "maximum": "{column} is at most {value}",
    "exclusiveMinimum": "{column} is more than {value}",
    "exclusiveMaximum": "{column} is less than {value}",
    "multipleOf": "{column} is a multiple of {value}",
    "minLength": "{column} has at least {value} characters",
    "maxLength": "{column} has at most {value} characters",
    "pattern": "{column} matches {value}",
    "format": "{column} is written as {value}",
    "enum": "{column} is one of {value}",
}


def rules_of(document: Document) -> list[dict[str, Any]]:
    """Return the tables of a contract: {"name", "physical_name", "key", "columns", "rules"}.

    columns: [{"name", "physical_name", "type"}]. rules: [{"rule", "column", "text", "blocks"} and what the kind needs].
    """
    return [_table(table) for table in document.tables]


def _table(table: Table) -> dict[str, Any]:
    rules: list[dict[str, Any]] = []
    for column in table.columns:
        rules += _column_rules(column)
    if table.key:
        words = f"The key {', '.join(table.key)} is complete and stands once"
        rules.append({"rule": "key", "column": "", "columns": list(table.key), "text": words, "blocks": True})
    rules += [_metric(rule, "") for rule in table.quality]
    return {
        "name": table.name,
        "physical_name": table.physical_name,
        "key": list(table.key),
        "columns": [
            {"name": column.name, "physical_name": column.physical_name, "type": column.kind}
            for column in table.columns
        ],
        "rules": rules,
    }


def _column_rules(column: Column) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []

    def add(rule: str, text: str, **more: Any) -> None:
        made.append({"rule": rule, "column": column.name, "text": text, "blocks": True, **more})

    if column.kind in {"string", "integer", "number", "boolean", "date", "timestamp", "time"}:
        add("type", f"{column.name} is of the type {column.kind}", type=column.kind)
    if column.is_required:
        add("required", f"{column.name} is never empty")
    if column.is_unique:
        add("unique", f"{column.name} never stands twice")
    for option, value in column.options.items():
        shown = ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)
        words = _OPTION_WORDS[option].format(
            column=column.name, value=shown if len(shown) <= 200 else f"{shown[:199]}…"
        )
        add(option, words, value=value, type=column.kind)
    made += [_metric(rule, column.name) for rule in column.quality]
    return made


def _metric(rule: Metric, column: str) -> dict[str, Any]:
    words = rule.description or (f"{column}: {rule.words}" if column else rule.words)
    return {
        "rule": rule.metric,
        "column": column,
        "text": words,
        "blocks": rule.blocks,
        "operator": rule.operator,
        "value": rule.value,
        "is_percent": rule.is_percent,
        "arguments": rule.arguments,
    }
