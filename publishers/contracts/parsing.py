"""Takes what a contract says out of its document. Source: Open Data Contract Standard 3.1.0, bitol-io."""

import re
from typing import Any

from marketplace.core.errors import Invalid
from publishers.contracts import reading
from publishers.contracts.model import (
    LOGICAL_TYPES,
    METRICS,
    OLDER_OPERATORS,
    OPERATORS,
    Column,
    Document,
    Metric,
    ServiceLevel,
    Table,
    Unchecked,
)

MOST_TABLES, MOST_COLUMNS, MOST_RULES = 500, 4096, 2000
_VERSION = re.compile(r"v?(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?")
_SELECT = re.compile(r"\s*(select|with)\b[^;]*;?\s*", re.IGNORECASE | re.DOTALL)
_RANGE = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
#: logical type -> the options that are checked
CHECKED_OPTIONS: dict[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern", "format", "enum"),
    "integer": (*_RANGE, "multipleOf", "format", "enum"),
    "number": (*_RANGE, "multipleOf", "enum"),
    "date": (*_RANGE, "enum"),
    "timestamp": _RANGE,
    "time": _RANGE,
    "boolean": (),
    "array": (),
    "object": (),
    "": (*_RANGE, "minLength", "maxLength", "pattern", "enum"),
}
STRING_FORMATS = ("email", "uuid", "uri", "ipv4", "date", "date-time", "hostname")
INTEGER_FORMATS = ("i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64", "u128")
#: what the matcher, which never takes more than linear time, does not have
_NOT_REGULAR = re.compile(r"\(\?(?:[=!]|<[=!])|\\[1-9]")
LONGEST_PATTERN = 1000


class ContractInvalid(Invalid):
    """The document is no contract; the sentence begins with the place, as JSON path."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}", field="document")


def parse(raw: dict[str, Any]) -> Document:
    """Return what a document says. Raises ContractInvalid, DocumentUnreadable."""
    reading.check_plain(raw)
    return _Parser().document(raw)


def parse_text(content: bytes) -> Document:
    """Return what a document in YAML or JSON says. Raises ContractInvalid, DocumentUnreadable."""
    return _Parser().document(reading.read(content))


def parse_version(text: str, path: str = "$.version") -> tuple[int, int, int]:
    """Return a version "1.2.0" as numbers; parts that are left out are 0. Raises ContractInvalid."""
    found = _VERSION.fullmatch(text.strip())
    if not found:
        raise ContractInvalid(path, "a version is three numbers, such as 1.2.0.")
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major, minor, patch


class _Parser:
    def __init__(self) -> None:
        self.unchecked: list[Unchecked] = []
        self.rules = 0

    def leave(self, path: str, reason: str) -> None:
        self.unchecked.append(Unchecked(path, reason))

    def document(self, raw: dict[str, Any]) -> Document:
        if raw.get("kind") != "DataContract":
            raise ContractInvalid("$.kind", "must be DataContract.")
        standard = _text(raw, "apiVersion", "$", needed=True)
        if not re.fullmatch(r"v3\.\d+\.\d+", standard):
            raise ContractInvalid("$.apiVersion", "must be v3.1.0; contracts of version 3 of the standard are read.")
        version = parse_version(_text(raw, "version", "$", needed=True))
        tables = tuple(
            self.table(each, f"$.schema[{number}]")
            for number, each in enumerate(_list(raw, "schema", "$", MOST_TABLES))
        )
        _check_once([table.name for table in tables], "$.schema", "table")
        levels = _list(raw, "slaProperties", "$", 200)
        return Document(
            id=_text(raw, "id", "$", needed=True),
            version=version,
            name=_text(raw, "name", "$"),
            status=_text(raw, "status", "$", needed=True),
            tables=tables,
            service_levels=tuple(_service_level(each, f"$.slaProperties[{n}]") for n, each in enumerate(levels)),
            unchecked=tuple(self.unchecked),
            raw=raw,
        )

    def table(self, raw: Any, path: str) -> Table:
        raw = _mapping(raw, path)
        columns = tuple(
            self.column(each, f"{path}.properties[{number}]")
            for number, each in enumerate(_list(raw, "properties", path, MOST_COLUMNS))
        )
        _check_once([column.name for column in columns], f"{path}.properties", "column")
        if raw.get("relationships"):
            self.leave(f"{path}.relationships", "Relationships between tables are shown and not checked.")
        return Table(
            name=_text(raw, "name", path, needed=True),
            physical_name=_text(raw, "physicalName", path),
            description=_text(raw, "description", path),
            columns=columns,
            quality=self.quality(raw, path, is_column=False),
        )

    def column(self, raw: Any, path: str) -> Column:
        raw = _mapping(raw, path)
        logical = _text(raw, "logicalType", path)
        if logical and logical not in LOGICAL_TYPES:
            raise ContractInvalid(f"{path}.logicalType", f"must be one of {', '.join(LOGICAL_TYPES)}.")
        for inner in ("properties", "items", "relationships"):
            if raw.get(inner):
                self.leave(f"{path}.{inner}", "What is inside a value is shown and not checked.")
        position = raw.get("primaryKeyPosition", -1)
        if not isinstance(position, int) or isinstance(position, bool):
            raise ContractInvalid(f"{path}.primaryKeyPosition", "must be a whole number.")
        made = Column(
            name=_text(raw, "name", path, needed=True),
            physical_name=_text(raw, "physicalName", path),
            logical_type=logical,
            physical_type=_text(raw, "physicalType", path),
            is_required=_flag(raw, "required", path),
            is_unique=_flag(raw, "unique", path),
            key_position=max(position, 1) if _flag(raw, "primaryKey", path) else None,
            description=_text(raw, "description", path),
            classification=_text(raw, "classification", path),
            quality=self.quality(raw, path, is_column=True),
        )
        options = raw.get("logicalTypeOptions")
        return made if options is None else _with_options(self, made, options, f"{path}.logicalTypeOptions")

    def quality(self, raw: dict[str, Any], path: str, *, is_column: bool) -> tuple[Metric, ...]:
        found = []
        for number, each in enumerate(_list(raw, "quality", path, MOST_RULES)):
            self.rules += 1
            if self.rules > MOST_RULES:
                raise ContractInvalid(f"{path}.quality", f"a contract has at most {MOST_RULES:,} quality rules.")
            rule = self.rule(_mapping(each, f"{path}.quality[{number}]"), f"{path}.quality[{number}]", is_column)
            if rule is not None:
                found.append(rule)
        return tuple(found)

    def rule(self, raw: dict[str, Any], path: str, is_column: bool) -> Metric | None:
        kind = raw.get("type", "library")
        if kind == "sql":
            query = raw.get("query")
            if not isinstance(query, str) or not _SELECT.fullmatch(query):
                raise ContractInvalid(f"{path}.query", "a rule in SQL must be one SELECT; others are refused.")
            self.leave(path, "A rule in SQL is shown and not run: use a metric of the library where it has to hold.")
            return None
        if kind in {"text", "custom"}:
            words = "A rule in words is for people." if kind == "text" else "A rule of another engine is not run here."
            self.leave(path, words)
            return None
        if kind != "library":
            raise ContractInvalid(f"{path}.type", "must be library, text, sql or custom.")
        if "metric" not in raw:
            if isinstance(raw.get("rule"), str):
                self.leave(path, "The rule is named as before version 3.1 of the standard. Name a metric instead.")
                return None
            raise ContractInvalid(f"{path}.metric", f"is needed: one of {', '.join(METRICS)}.")
        return _metric(raw, path, is_column)


def _metric(raw: dict[str, Any], path: str, is_column: bool) -> Metric:
    metric = raw["metric"]
    if metric not in METRICS:
        raise ContractInvalid(f"{path}.metric", f"must be one of {', '.join(METRICS)}.")
    given = [(OLDER_OPERATORS.get(name, name), raw[name]) for name in (*OPERATORS, *OLDER_OPERATORS) if name in raw]
    if len(given) != 1:
        raise ContractInvalid(path, f"needs exactly one of {', '.join(OPERATORS)}.")
    operator, value = given[0]
    arguments = _mapping(raw.get("arguments") or {}, f"{path}.arguments")
    _check_arguments(metric, arguments, path, is_column)
    unit = raw.get("unit", "rows")
    if unit not in {"rows", "percent"} or (unit == "percent" and metric == "rowCount"):
        raise ContractInvalid(f"{path}.unit", "must be rows or percent, and rows for rowCount.")
    return Metric(
        metric=metric,
        operator=operator,
        value=_figure(operator, value, path),
        is_percent=unit == "percent",
        arguments=arguments,
        blocks=str(raw.get("severity", "error")).lower() not in {"warning", "warn", "info"},
        description=_text(raw, "description", path),
    )


def _check_arguments(metric: str, arguments: dict[str, Any], path: str, is_column: bool) -> None:
    where = f"{path}.arguments"
    if not is_column and metric in {"nullValues", "missingValues", "invalidValues"}:
        raise ContractInvalid(f"{path}.metric", f"{metric} belongs to a column.")
    if not is_column and metric == "duplicateValues":
        names = arguments.get("properties")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise ContractInvalid(
                f"{where}.properties", "duplicateValues of a table names the columns that it looks at."
            )
    for name in ("missingValues", "validValues"):
        values = arguments.get(name, [])
        if not isinstance(values, list) or any(isinstance(each, list | dict) for each in values):
            raise ContractInvalid(f"{where}.{name}", "must be a list of texts and numbers.")
    if metric == "missingValues" and not arguments.get("missingValues"):
        raise ContractInvalid(f"{where}.missingValues", "is needed: the values that mean that there is none.")
    if metric == "invalidValues" and not (arguments.get("validValues") or arguments.get("pattern")):
        raise ContractInvalid(where, "invalidValues needs validValues or a pattern.")
    if "pattern" in arguments:
        reason = _pattern_fault(arguments["pattern"])
        if reason:
            raise ContractInvalid(f"{where}.pattern", reason)


def _figure(operator: str, value: Any, path: str) -> Any:
    def is_number(each: Any) -> bool:
        return isinstance(each, int | float) and not isinstance(each, bool)

    if operator in {"mustBeBetween", "mustNotBeBetween"}:
        if not isinstance(value, list) or len(value) != 2 or not all(is_number(each) for each in value):
            raise ContractInvalid(f"{path}.{operator}", "must be a list of two numbers.")
        return sorted(value)
    if not is_number(value):
        raise ContractInvalid(f"{path}.{operator}", "must be a number.")
    return value


def _with_options(parser: _Parser, column: Column, raw: Any, path: str) -> Column:
    options = _mapping(raw, path)
    checked: dict[str, Any] = {}
    for name, value in sorted(options.items()):
        where = f"{path}.{name}"
        if name not in CHECKED_OPTIONS[column.kind]:
            parser.leave(where, f"{name} of a {column.kind or 'column without a type'} is shown and not checked.")
            continue
        fault = _option_fault(column.kind, name, value)
        if fault:
            raise ContractInvalid(where, fault)
        if name == "format" and value not in (INTEGER_FORMATS if column.kind == "integer" else STRING_FORMATS):
            parser.leave(where, f"The format {str(value)[:60]} is shown and not checked.")
            continue
        checked[name] = value
    return Column(**{**column.__dict__, "options": checked})


def _option_fault(kind: str, name: str, value: Any) -> str:
    """Return what is wrong with the value of an option; empty when it can be checked."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in _RANGE:
        if kind in {"date", "timestamp", "time"}:
            return "" if isinstance(value, str) and re.match(r"[0-9]{2}", value) else f"must be a {kind} in quotes."
        return "" if is_number or not kind else "must be a number."
    if name == "multipleOf":
        return "" if is_number and value > 0 else "must be a number above 0."
    if name in {"minLength", "maxLength"}:
        is_length = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return "" if is_length else "must be a whole number, 0 or more."
    if name == "pattern":
        return _pattern_fault(value)
    if name == "enum":
        is_list = isinstance(value, list) and value and not any(isinstance(each, list | dict) for each in value)
        return "" if is_list else "must be a list of the values that are allowed."
    return "" if isinstance(value, str) else "must be text."


def _pattern_fault(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_PATTERN:
        return f"must be a regular expression of 1 to {LONGEST_PATTERN:,} characters."
    if _NOT_REGULAR.search(value):
        return "look-ahead, look-behind and back-references are refused: they cannot be matched in linear time."
    return ""


def _service_level(raw: Any, path: str) -> ServiceLevel:
    raw = _mapping(raw, path)
    if "value" not in raw or isinstance(raw["value"], list | dict):
        raise ContractInvalid(f"{path}.value", "is needed: a number or a text.")
    return ServiceLevel(
        property=_text(raw, "property", path, needed=True),
        value=raw["value"],
        unit=_text(raw, "unit", path),
        element=_text(raw, "element", path),
        description=_text(raw, "description", path),
    )


def _mapping(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ContractInvalid(path, "must be a mapping of names and values.")
    return value


def _list(raw: dict[str, Any], name: str, path: str, most: int) -> list[Any]:
    value = raw.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ContractInvalid(f"{path}.{name}", "must be a list.")
    if len(value) > most:
        raise ContractInvalid(f"{path}.{name}", f"has {len(value):,} entries; {most:,} are the most.")
    return value


def _text(raw: dict[str, Any], name: str, path: str, *, needed: bool = False) -> str:
    value = raw.get(name)
    if value is None or value == "":
        if needed:
            raise ContractInvalid(f"{path}.{name}", "is needed.")
        return ""
    if name == "version" and isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        if name == "description" and isinstance(value, dict):
            return str(value.get("purpose") or "")
        raise ContractInvalid(f"{path}.{name}", "must be text. Put it in quotes.")
    return value


def _flag(raw: dict[str, Any], name: str, path: str) -> bool:
    value = raw.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise ContractInvalid(f"{path}.{name}", "must be true or false.")
    return value


def _check_once(names: list[str], path: str, noun: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise ContractInvalid(path, f"has the {noun} {name[:100]} twice.")
        seen.add(name.casefold())
