"""CSV that we write for spreadsheets: no cell of it is a formula."""

import csv
import io
from collections.abc import Iterable

#: Source: OWASP, CSV injection
_FORMULA = ("=", "+", "-", "@")
_SPACES = ("\t", "\r", "\n")


def safe_cell(value: object) -> str:
    """Return a value as the text of a cell; text that a spreadsheet would calculate is kept from it by an apostrophe."""
    text = "" if value is None else str(value)
    if isinstance(value, int | float):
        return text
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(_SPACES) else text


def csv_line(values: Iterable[object]) -> str:
    """Return one line of CSV, ended by CR LF as RFC 4180 says."""
    line = io.StringIO()
    csv.writer(line).writerow([safe_cell(value) for value in values])
    return line.getvalue()
