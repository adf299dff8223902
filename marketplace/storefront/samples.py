"""From a sample's stored preview and the page's URL to the rows and columns that are shown."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import QueryDict

ROWS_PER_PAGE = 10
COLUMNS_PER_PAGE = 10
LONGEST_FIND = 100
#: parameters that say which part of the sample is shown
PARAMETERS = ("sample", "rows", "find", "cols")


@dataclass(frozen=True)
class SampleColumn:
    """A column with its statistics in words; empty texts where nothing is known."""

    name: str
    type: str
    histogram: list[float]
    label: str
    least: str
    greatest: str
    empty: str
    is_number: bool


@dataclass(frozen=True)
class SampleTable:
    """One page of a sample. rows: (number in the sample, [(text or None, whether it holds what was looked for)]).

    scope: how much of the sample can be looked at, in words.
    """

    columns: list[SampleColumn]
    rows: list[tuple[int, list[tuple[str | None, bool]]]]
    page: Page[Any]
    column_page: Page[Any]
    find: str
    scope: str
    is_whole: bool


def share(part: int, whole: int) -> str:
    """Say a part of a whole in per cent: 0 % and 100 % only when that is exactly so."""
    if whole <= 0:
        return ""
    per_cent = 100 * part / whole
    if 0 < per_cent < 1:
        return "< 1 %"
    return f"{int(per_cent)} %"


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _short(value: object, longest: int = 24) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _column(told: dict[str, Any], row_count: int) -> SampleColumn:
    name, kind = str(told.get("name", "")), str(told.get("type", ""))
    least, greatest, distinct = told.get("least"), told.get("greatest"), _number(told.get("distinct"))
    values = [float(v) for v in told.get("histogram") or [] if isinstance(v, int | float)]
    nulls = _number(told.get("nulls"))
    if kind in {"string", "boolean"}:
        label = f"{name}: the most frequent of {distinct:,} values"
        ends = (_short(least), f"{distinct:,} value{'' if distinct == 1 else 's'}")
    else:
        label = f"{name}: distribution from {_short(least)} to {_short(greatest)}"
        ends = (_short(least), _short(greatest))
    return SampleColumn(
        name=name,
        type=kind,
        histogram=values,
        label=label,
        least=ends[0],
        greatest=ends[1],
        empty=f"{share(nulls, row_count)} empty" if nulls else "",
        is_number=kind in {"integer", "number"},
    )


def filled_and_distinct(preview: dict[str, Any] | None) -> dict[str, tuple[str, int]]:
    """Return for each column of a sample how much of it is filled, in words, and how many distinct values it has."""
    if not preview:
        return {}
    count = _number(preview.get("row_count"))
    return {
        str(told.get("name", "")): (share(count - _number(told.get("nulls")), count), _number(told.get("distinct")))
        for told in preview.get("columns") or []
    }


def sample_table(preview: dict[str, Any], params: QueryDict) -> SampleTable:
    """Return the page of a sample that the URL asks for; what makes no sense in it is left out.

    ?find= keeps the rows of which a cell holds the text, whatever its case; ?rows= and ?cols= are numbers of pages.
    """
    find = " ".join(params.get("find", "").replace("\x00", "").split())[:LONGEST_FIND]
    stored: list[list[Any]] = preview.get("rows") or []
    numbered = list(enumerate(stored, start=1))
    wanted = find.casefold()
    if find:
        numbered = [(n, row) for n, row in numbered if any(wanted in str(v).casefold() for v in row if v is not None)]
    count = max(_number(preview.get("row_count")), len(stored))
    columns = Paginator(list(enumerate(preview.get("columns") or [])), COLUMNS_PER_PAGE).get_page(params.get("cols"))
    places = [place for place, _ in columns.object_list]
    page = Paginator(numbered, ROWS_PER_PAGE).get_page(params.get("rows"))
    rows = []
    for number, row in page.object_list:
        texts = [None if place >= len(row) or row[place] is None else str(row[place]) for place in places]
        rows.append((number, [(text, bool(find and text and wanted in text.casefold())) for text in texts]))
    is_whole = len(stored) == count
    return SampleTable(
        columns=[_column(told, count) for _, told in columns.object_list],
        rows=rows,
        page=page,
        column_page=columns,
        find=find,
        scope=f"{count:,} row{'' if count == 1 else 's'}" if is_whole else f"First {len(stored):,} of {count:,} rows",
        is_whole=is_whole,
    )
