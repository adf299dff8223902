"""What a contract says, taken out of its document."""

from dataclasses import dataclass, field
from typing import Any

LOGICAL_TYPES = ("string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean")
#: first word of a physical type, in lower case -> the logical type that it means where none is given
PHYSICAL_TYPES: dict[str, str] = {
    **dict.fromkeys(("varchar", "char", "character", "text", "string", "nvarchar", "nchar", "uuid", "clob"), "string"),
    **dict.fromkeys(
        ("int", "integer", "bigint", "smallint", "tinyint", "int2", "int4", "int8", "long", "serial"), "integer"
    ),
    **dict.fromkeys(("double", "float", "real", "decimal", "numeric", "number", "money", "float4", "float8"), "number"),
    **dict.fromkeys(("bool", "boolean", "bit"), "boolean"),
    **dict.fromkeys(("timestamp", "timestamptz", "datetime", "datetime2"), "timestamp"),
    **dict.fromkeys(("date",), "date"),
    **dict.fromkeys(("time",), "time"),
    **dict.fromkeys(("json", "jsonb", "struct", "map", "object"), "object"),
    **dict.fromkeys(("array", "list"), "array"),
}
#: the comparison of a rule, as the standard names it -> in words
OPERATORS: dict[str, str] = {
    "mustBe": "must be",
    "mustNotBe": "must not be",
    "mustBeGreaterThan": "must be more than",
    "mustBeGreaterOrEqualTo": "must be at least",
    "mustBeLessThan": "must be less than",
    "mustBeLessOrEqualTo": "must be at most",
    "mustBeBetween": "must be between",
    "mustNotBeBetween": "must not be between",
}
#: as ODCS 3.0 had them
OLDER_OPERATORS = {
    "mustBeGreaterThanOrEqualTo": "mustBeGreaterOrEqualTo",
    "mustBeLessThanOrEqualTo": "mustBeLessOrEqualTo",
}
METRICS: dict[str, str] = {
    "nullValues": "empty values",
    "missingValues": "missing values",
    "invalidValues": "values that are not valid",
    "duplicateValues": "rows whose value is not the only one",
    "rowCount": "rows",
}


@dataclass(frozen=True)
class Metric:
    """A measure of the standard's library and what it has to be. value: a number, or two of them for the "between"s."""

    metric: str
    operator: str
    value: Any
    is_percent: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)
    blocks: bool = True
    description: str = ""

    @property
    def identity(self) -> tuple[str, str, bool, str]:
        """Return what makes two rules the same rule, perhaps with another figure."""
        return (self.metric, self.operator, self.is_percent, repr(sorted(self.arguments.items(), key=repr)))

    @property
    def words(self) -> str:
        """Return the rule as a sentence without a full stop."""
        unit = " %" if self.is_percent else ""
        figure = " and ".join(f"{each:,}" for each in self.value) if isinstance(self.value, list) else f"{self.value:,}"
        return f"{METRICS[self.metric]} {OPERATORS[self.operator]} {figure}{unit}".capitalize()


@dataclass(frozen=True)
class Column:
    """A property of a table. key_position: its place in the primary key, None when it is not in it."""

    name: str
    physical_name: str = ""
    logical_type: str = ""
    physical_type: str = ""
    is_required: bool = False
    is_unique: bool = False
    key_position: int | None = None
    description: str = ""
    classification: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    quality: tuple[Metric, ...] = ()

    @property
    def kind(self) -> str:
        """Return the logical type, or the one that the physical type means; empty when neither says it."""
        word = self.physical_type.lower().replace("(", " ").replace("<", " ").split()
        return self.logical_type or (PHYSICAL_TYPES.get(word[0], "") if word else "")


@dataclass(frozen=True)
class Table:
    """A schema object with its columns."""

    name: str
    physical_name: str = ""
    description: str = ""
    columns: tuple[Column, ...] = ()
    quality: tuple[Metric, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """Return the names of the columns of the primary key, in its order."""
        placed = [column for column in self.columns if column.key_position is not None]
        return tuple(column.name for column in sorted(placed, key=lambda column: column.key_position or 0))


@dataclass(frozen=True)
class ServiceLevel:
    """A promise about service: property as the standard names it (frequency, latency, retention …), value and unit."""

    property: str
    value: Any
    unit: str = ""
    element: str = ""
    description: str = ""


@dataclass(frozen=True)
class Unchecked:
    """Something in the document that is kept and shown, and that no check looks at. path: where, as JSON path."""

    path: str
    reason: str


@dataclass(frozen=True)
class Document:
    """A contract. raw: the document whole, members that are not known here among it."""

    id: str
    version: tuple[int, int, int]
    name: str = ""
    status: str = ""
    tables: tuple[Table, ...] = ()
    service_levels: tuple[ServiceLevel, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    raw: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def version_text(self) -> str:
        """Return the version as it is written, "1.2.0"."""
        return ".".join(str(part) for part in self.version)
