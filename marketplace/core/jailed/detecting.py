"""Finds columns that hold personal data: by what stands in them, and by their names. Only counts leave this module.

Two steps: one cheap expression goes over every value, in DuckDB or here, and what it lets through is checked exactly, a
bounded number of distinct values a column. A column is a finding when a hundredth of its values, or FEW of them, are of a
kind, or when its name says so.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from . import checksums
from .naming import kind_of_name

if TYPE_CHECKING:  # the web process looks at rows of samples without DuckDB
    import duckdb

#: kind -> what it is called, after "holds what looks like"
KINDS: dict[str, str] = {
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "payment_card": "payment card numbers",
    "iban": "bank account numbers",
    "us_ssn": "US social security numbers",
    "uk_nino": "UK national insurance numbers",
    "es_dni": "Spanish identity numbers",
    "it_codice_fiscale": "Italian tax codes",
    "nl_bsn": "Dutch citizen service numbers",
    "fr_nir": "French social security numbers",
    "de_steuer_id": "German tax ids",
    "br_cpf": "Brazilian taxpayer numbers",
    "in_aadhaar": "Aadhaar numbers",
    "ip_address": "IP addresses",
    "street_address": "street addresses",
    "person_name": "names of people",
    "first_name": "first names",
    "last_name": "last names",
    "birth_date": "birth dates",
    "passport": "passport numbers",
    "salary": "salaries",
    "health": "health data",
}
#: values of a kind that make a finding: this share of those that are there, or so many
SHARE, FEW = 0.01, 20
#: distinct values of a column that are checked exactly
CANDIDATES = 10_000
#: characters of a value; of a longer one only what stands around so many places that pass the gate is checked
LONGEST, AROUND = 2_000, 50
#: no value of any kind is shorter
SHORTEST = 6

#: what may be of some kind; one expression for both engines, so without looking around
GATE = "|".join(
    (
        r"[A-Za-z0-9_%+\-]@[A-Za-z0-9]",
        r"\+[1-9][0-9 ()./\-]{6}",
        r"\b00[1-9][0-9]{0,2}[ ()./\-]",
        r"(?:^|[^0-9./:\-])\(?0[1-9][0-9]{0,4}\)?[ ./\-]{1,2}[0-9]{2}",
        r"[2-9][0-9]{2}\)?[ .\-]{1,2}[2-9][0-9]{2}[ .\-][0-9]{4}",
        r"[6-9][0-9]{2} [0-9]{2} [0-9]{2} [0-9]{2}",
        r"\b[0-9](?:[ \-]?[0-9]){10}",
        r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}",
        r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
        r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        r"(?i:\b[0-9A-F]{1,4}::|\b[0-9A-F]{1,4}:[0-9A-F]{1,4}:[0-9A-F]{0,4}:)",
        r"(?i:\b[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4})",
        r"(?i:\b[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b)",
        r"(?i:\b[0-9XYZ]-?[0-9]{7}-?[A-Z]\b)",
        r"(?i:\b[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T])",
        r"(?i:\b[12] ?[0-9]{2} ?[0-9]{2} ?2[AB])",
    )
)
#: the same for a column whose name says that bare digits are a number of people
_NAMED_GATE = rf"{GATE}|[0-9]{{8,11}}"
_GATE, _NAMED = re.compile(GATE), re.compile(_NAMED_GATE)
_TEXTUAL = ("VARCHAR", "JSON", "ENUM", "STRUCT", "MAP", "UNION")
_WHOLE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)
_FILE_ENDINGS = frozenset(("png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "html", "pdf"))
_START, _END = r"(?<!\d[ -])(?<![\w.+-])", r"(?!\w|[.,-]\w)"


# --- exact checks -----------------------------------------------------------------------------------------------------
def _bare(text: str) -> str:
    return re.sub(r"[ .\-]", "", text).upper()


def _on_bare(check: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: check(_bare(text))


def _is_email(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    return not local.startswith(".") and ".." not in text and domain.rpartition(".")[2].lower() not in _FILE_ENDINGS


def _is_iban(text: str) -> bool:
    """Return True for an account number; in groups of four, words that follow may have been taken along."""
    account = _bare(text)
    return checksums.is_iban(account[: checksums.IBAN_LENGTHS.get(account[:2], 0)] if " " in text else account)


def _separators(text: str) -> list[str] | None:
    """Return what separates the groups of digits of a phone number; None where no such number is written so."""
    marks: list[str] = re.findall(r"[^\d+]+", text.strip("("))
    if len(marks) > 6 or any(len(mark) > 2 for mark in marks) or text.count("(") != text.count(")"):
        return None
    has_point = "." in "".join(marks)
    return None if has_point and (len(marks) < 2 or set(marks) != {"."}) else marks


def _is_international(text: str) -> bool:
    marks, digits = _separators(text), re.sub(r"\D", "", text)
    if marks is None:
        return False
    if text.startswith("00"):
        return bool(marks) and 10 <= len(digits) <= 17
    return (8 if marks else 10) <= len(digits) <= 15


def _is_national(text: str) -> bool:
    """Return True for 9 to 11 digits after a trunk 0, in groups; not a date, a ZIP code or an ISBN."""
    groups, marks = re.findall(r"\d+", text), _separators(text)
    if not marks or len(groups[0]) < 2 or re.match(r"\d\d[./ -]\d\d[./ -](?:19|20)\d\d(?!\d)", text):
        return False
    count = sum(map(len, groups))
    return 10 <= count <= 11 or (count == 9 and len(groups[0]) == 2)


def _is_ip(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.is_unspecified or address.is_loopback or address.is_multicast:
        return False
    return address.version == 4 or address.packed[0] >> 5 == 1 or address.packed[0] in {0xFC, 0xFD, 0xFE}


@dataclass(frozen=True)
class _Detector:
    """pattern: what is a candidate. trust: the share of candidates that must pass; chance alone lets some of any number.

    is_named: only in a column whose name names the kind.
    """

    kind: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool]
    trust: float = 0.0
    is_named: bool = False


def _detector(kind: str, pattern: str, check: Callable[[str], bool], **more: Any) -> _Detector:
    return _Detector(kind, re.compile(pattern, re.IGNORECASE), check, **more)


_DETECTORS = (
    _detector(
        "email",
        r"(?<![\w.%+'-])[\w.%+'-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}(?![\w-])",
        _is_email,
    ),
    _detector("phone", r"(?<!\d[ -])(?<![\w.+])(?:\+|00)[1-9][\d ()./-]{6,22}\d(?!\w|[.,:]\d)", _is_international),
    _detector("phone", r"(?<!\d[ (])(?<![\w.+/:-])\(?0[1-9][\d ()./-]{6,16}\d(?!\w|[.,:/-]\d)", _is_national),
    _detector(
        "phone", rf"{_START}(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{{4}}{_END}", lambda _: True
    ),
    _detector("phone", rf"{_START}[6-9]\d\d \d\d \d\d \d\d(?! ?\d){_END}", lambda _: True),
    _detector("payment_card", rf"{_START}\d(?:[ -]?\d){{12,18}}(?! \d){_END}", _on_bare(checksums.is_card), trust=0.5),
    _detector(
        "iban",
        r"(?<!\w)[A-Z]{2}\d\d(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)(?!\w)",
        _is_iban,
        trust=0.5,
    ),
    _detector("us_ssn", rf"{_START}\d{{3}}-\d\d-\d{{4}}{_END}", _on_bare(checksums.is_ssn), trust=0.5),
    _detector("us_ssn", rf"{_START}\d{{3}} ?\d\d ?\d{{4}}{_END}", _on_bare(checksums.is_ssn), trust=0.5, is_named=True),
    _detector("uk_nino", r"(?<!\w)[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D](?!\w)", _on_bare(checksums.is_nino), trust=0.5),
    _detector("es_dni", r"(?<![\w-])(?:\d{8}|[XYZ]-?\d{7})-?[A-Z](?!\w)", _on_bare(checksums.is_dni), trust=0.5),
    _detector(
        "it_codice_fiscale",
        r"(?<!\w)[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z](?!\w)",
        _on_bare(checksums.is_codice_fiscale),
        trust=0.5,
    ),
    _detector("nl_bsn", rf"{_START}\d{{8,9}}{_END}", checksums.is_bsn, trust=0.5, is_named=True),
    _detector(
        "fr_nir",
        rf"{_START}[12] ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{{3}} ?\d{{3}} ?\d\d(?! \d){_END}",
        _on_bare(checksums.is_nir),
        trust=0.5,
    ),
    _detector(
        "de_steuer_id",
        rf"{_START}\d\d ?\d{{3}} ?\d{{3}} ?\d{{3}}{_END}",
        _on_bare(checksums.is_steuer_id),
        trust=0.5,
        is_named=True,
    ),
    _detector(
        "br_cpf", rf"{_START}(?:\d{{3}}\.\d{{3}}\.\d{{3}}-\d\d|\d{{11}}){_END}", _on_bare(checksums.is_cpf), trust=0.5
    ),
    _detector(
        "in_aadhaar",
        rf"{_START}[2-9]\d{{3}}([ -]?)\d{{4}}\1\d{{4}}(?! \d){_END}",
        _on_bare(checksums.is_aadhaar),
        trust=0.5,
    ),
    _detector("ip_address", r"(?:^|(?<=[,;] ))(?:\d{1,3}\.){3}\d{1,3}(?=$|:\d|[,; ])", _is_ip),
    _detector("ip_address", r"(?<![\w:.])(?=[0-9a-f:]*::|(?:[0-9a-f]{1,4}:){7})[0-9a-f:]{3,39}(?![\w:.])", _is_ip),
)


# --- a column ---------------------------------------------------------------------------------------------------------
class _Column:
    """What was found in a column so far. present: values that are there; checked: how many of them were looked at exactly."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.named = kind_of_name(name)
        self.present = self.passed = self.checked = 0
        self._candidates: dict[str, float] = {}
        self._found: dict[str, float] = {}

    def see(self, text: str) -> None:
        """Look at a value of a small table."""
        self.present += 1
        gate = _NAMED if self.named else _GATE
        if len(text) < SHORTEST or not gate.search(text):
            return
        if len(text) > LONGEST:
            places = islice(gate.finditer(text), AROUND)
            text = " ".join(text[max(0, place.start() - 64) : place.end() + 64] for place in places)
        self.passed += 1
        if self.checked < CANDIDATES:
            self.check(text, 1)

    def check(self, text: str, count: int) -> None:
        """Check a value that passed the gate and stands there so many times."""
        self.checked += count
        candidates, found = set(), set()
        for detector in _DETECTORS:
            if detector.kind in found or (detector.is_named and detector.kind != self.named):
                continue
            for match in detector.pattern.finditer(text):
                candidates.add(detector.kind)
                if detector.check(match[0]):
                    found.add(detector.kind)
                    break
        for kind in candidates:
            self._candidates[kind] = self._candidates.get(kind, 0) + count
        for kind in found:
            self._found[kind] = self._found.get(kind, 0) + count

    def findings(self) -> list[dict[str, Any]]:
        """Return the findings of the column, most values first; where not all were checked, counts are projected."""
        scale = self.passed / self.checked if self.checked else 1.0
        least = min(FEW, self.present * SHARE)
        counts = {
            kind: min(self.present, round(found * scale))
            for kind, found in self._found.items()
            if found * scale >= least and found >= _TRUST[kind] * self._candidates[kind]
        }
        found = [self._told(kind, "values", count) for kind, count in counts.items() if count]
        if self.named and self.named not in counts and self.present:
            found.append(self._told(self.named, "name", self.present))
        return sorted(found, key=lambda finding: (-finding["count"], finding["kind"]))

    def _told(self, kind: str, by: str, count: int) -> dict[str, Any]:
        share = round(count / self.present, 6)
        return {"column": self.name, "kind": kind, "by": by, "count": count, "share": share}


_TRUST = {detector.kind: detector.trust for detector in _DETECTORS}


class Watch:
    """Looks at the rows of a small table as they come."""

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}

    def see(self, column: str, text: str | None) -> None:
        """Look at a cell; None and empty texts are no values."""
        found = self._columns.get(column)
        if found is None:
            found = self._columns[column] = _Column(column)
        if text:
            found.see(text)

    @property
    def checked(self) -> int:
        """Return how many cells were checked exactly."""
        return sum(column.checked for column in self._columns.values())

    def findings(self) -> list[dict[str, Any]]:
        """Return what was found, column by column; see findings_of_rows."""
        return [finding for column in self._columns.values() for finding in column.findings()]


def findings_of_rows(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> list[dict[str, Any]]:
    """Return the findings of a small table: [{"column", "kind", "by", "count", "share"}].

    kind: of KINDS. by: "values" where that many of them are of the kind, "name" where the column's name says so; count is
    then that of all its values. share: of the values that are there, 0 to 1.
    """
    watch = Watch()
    for row in rows:
        for column, text in zip(columns, row, strict=False):
            watch.see(column, text)
    return watch.findings()


# --- a table of DuckDB ------------------------------------------------------------------------------------------------
def findings(
    connection: duckdb.DuckDBPyConnection, table_sql: str, columns: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """Return the findings of a table of any size, as findings_of_rows has them.

    table_sql: what stands after FROM, a quoted name or a query in parentheses. columns: those to look at, by default all.
    Raises duckdb.Error.
    """
    types = {row[0]: str(row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {table_sql}").fetchall()}
    found = []
    for name in types if columns is None else columns:
        if name in types:
            found += _findings_of_column(connection, table_sql, name, types[name])
    return found


def _findings_of_column(
    connection: duckdb.DuckDBPyConnection, table_sql: str, name: str, type_name: str
) -> list[dict[str, Any]]:
    column = _Column(name)
    if _holds_texts(type_name):
        _check_values(connection, table_sql, column)
    elif column.named and type_name != "BOOLEAN":
        row: Any = connection.execute(f"SELECT count({_quoted(name)}) FROM {table_sql}").fetchone()
        column.present = int(row[0])
    return column.findings()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _holds_texts(type_name: str) -> bool:
    if type_name.startswith("DECIMAL"):
        return type_name.endswith(",0)")
    return type_name.startswith(_TEXTUAL) or type_name.endswith("]") or type_name in _WHOLE


def _check_values(connection: duckdb.DuckDBPyConnection, table_sql: str, column: _Column) -> None:
    """Pass all values through the gate, then check distinct ones that came through; of too many, those that a hash draws."""
    gate = _NAMED_GATE if column.named else GATE
    passing = f"(SELECT CAST({_quoted(column.name)} AS VARCHAR) AS v FROM {table_sql})"
    row: Any = connection.execute(
        f"SELECT count(v), count(p), approx_count_distinct(p) FROM"
        f" (SELECT v, CASE WHEN strlen(v) >= {SHORTEST} AND regexp_matches(v, $gate) THEN v END AS p FROM {passing})",
        {"gate": gate},
    ).fetchone()
    column.present, column.passed, distinct = int(row[0]), int(row[1]), int(row[2])
    if not column.passed:
        return
    # the estimate of distinct values is some per cent off
    one_of = max(1, -(-distinct * 5 // (CANDIDATES * 4)))
    drawn = connection.execute(
        "SELECT CASE WHEN strlen(v) <= $longest THEN v"
        f" ELSE array_to_string(regexp_extract_all(v, $around)[1:{AROUND}], ' ') END AS shown, count(*)"
        f" FROM {passing} WHERE strlen(v) >= {SHORTEST} AND hash(v) % $one_of = 0 AND regexp_matches(v, $gate)"
        f" GROUP BY shown LIMIT {CANDIDATES}",
        {"gate": gate, "longest": LONGEST, "around": rf"(?s).{{0,64}}(?:{gate}).{{0,64}}", "one_of": one_of},
    )
    while rows := drawn.fetchmany(1000):
        for text, count in rows:
            column.check(text, int(count))
