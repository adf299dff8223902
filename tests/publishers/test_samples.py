"""Samples: which files become a table, what is told of their columns, and that no file takes much time or memory."""

import gzip
import json

import pytest

from marketplace.core.errors import Invalid
from publishers.operations.names import clean_name, content_type_of
from publishers.operations.samples import COLUMNS, SHOWN_ROWS, columns_of, first_lines, parse

CSV = b"id,delay,day,late,carrier\n1,5,2013-01-01,true,UA\n2,NA,2013-01-02,false,AA\n3,-3.5,,true,NA\n"


def column(preview, name):
    return next(c for c in preview["columns"] if c["name"] == name)


def test_a_csv_file_becomes_rows_and_columns_with_their_types():
    preview = parse(CSV, "flights.csv")
    assert [(c["name"], c["type"]) for c in preview["columns"]] == [
        ("id", "integer"),
        ("delay", "number"),
        ("day", "date"),
        ("late", "boolean"),
        ("carrier", "string"),
    ]
    assert preview["rows"][1] == ["2", None, "2013-01-02", "false", "AA"]
    assert (preview["row_count"], preview["is_whole"]) == (3, True)
    delay = column(preview, "delay")
    assert (delay["nulls"], delay["distinct"], delay["least"], delay["greatest"]) == (1, 2, "-3.5", "5")
    assert (len(delay["histogram"]), sum(delay["histogram"])) == (12, 2)
    # NA is nothing among numbers, and a value among words: it may be a carrier
    assert (column(preview, "carrier")["nulls"], preview["rows"][2][4]) == (0, "NA")
    assert column(preview, "late")["histogram"] == [1, 2]


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.tsv", b"a\tb\n1\tx\n", [["1", "x"]]),
        ("a.csv", b"a;b\n1,5;x\n", [["1,5", "x"]]),
        ("a.csv", b"a|b\n1|x\n", [["1", "x"]]),
        ("a.csv", "a,b\nä,ß\n".encode("latin-1"), [["ä", "ß"]]),
        ("a.csv", "a,b\nä,ß\n".encode("utf-16"), [["ä", "ß"]]),
        ("a.csv", "\ufeffa,b\nä,ß\n".encode(), [["ä", "ß"]]),
        ("a.csv", b'a,b\n"1\n2","x, y"\n', [["1\n2", "x, y"]]),
        ("a.csv", b"a,b\n1\n1,2,3\n", [["1", None], ["1", "2"]]),
        ("a.csv.gz", gzip.compress(b"a,b\n1,x\n", mtime=0), [["1", "x"]]),
        (
            "A.JSON",
            b' [ {"a": 1, "b": null}, {"b": "x", "c": [1, true]} ]',
            [["1", None, None], [None, "x", "[1, true]"]],
        ),
        ("a.ndjson", b'{"a": true}\n\n{"a": 2.5}\n', [["true"], ["2.5"]]),
        ("a.jsonl.gz", gzip.compress(b'{"a": "x"}', mtime=0), [["x"]]),
    ],
)
def test_tables_are_read_in_the_forms_that_people_have(name, content, rows):
    assert parse(content, name)["rows"] == rows


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", b"PAR1"),
        ("a.zip", b"PK\x03\x04" + b"\x00" * 100),
        ("a.xlsx", CSV),
        ("README", CSV),
        ("a.csv", b""),
        ("a.csv", b"\x00\x01" * 50),
        ("a.csv", b"a" * 5_000_000),
        ("a.csv", b'"' * 5_000_000),
        ("a.csv.gz", b"no gzip"),
        ("a.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 8_000_000, mtime=0)),
        ("a.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 500_000, mtime=0)),
        ("a.json", b"{}"),
        ("a.json", b"[1, 2]"),
        ("a.json", b'[{"a": 1} {"a": 2}]'),
        ("a.json", b"[" * 200_000),
        ("a.json", b'[{"a": ' * 200_000),
        ("a.json", b'[{"a": [' + b"{}," * 2_000_000 + b"1]}]"),
        ("a.json", b'[{"a": ' + b"9" * 5000 + b"}]"),
        ("a.ndjson", b'{"a": 1}\nnot json\n'),
        ("a.ndjson", b'{"a": "' + b"x" * 3_000_000 + b'"}\n'),
    ],
)
def test_anything_else_is_a_file_without_a_table(name, content):
    assert parse(content, name) == {}


def test_a_large_table_is_told_by_its_first_rows_and_counted_to_its_end():
    preview = parse(b"a,b\n" + b"".join(b"%d,x%d\n" % (n, n % 3) for n in range(120_000)), "a.csv")
    assert (len(preview["rows"]), preview["row_count"], preview["is_whole"]) == (SHOWN_ROWS, 120_000, False)
    assert column(preview, "a")["greatest"] == "99999"
    wide = parse(b",".join(b"c%d" % n for n in range(300)) + b"\n" + b",".join([b"1"] * 300) + b"\n", "a.csv")
    assert (len(wide["columns"]), len(wide["rows"][0])) == (COLUMNS, COLUMNS)
    long = parse(b"a\n" + b"x" * 5000 + b"\n", "a.csv")
    assert len(long["rows"][0][0]) == 200


def test_what_postgresql_cannot_store_is_taken_out():
    preview = parse(b'[{"a\\u0000b": "x\\u0000y\\ud800z"}]', "a.json")
    assert preview["columns"][0]["name"] == "ab"
    assert preview["rows"] == [["xy?z"]]
    json.dumps(preview).encode()


def test_formulas_stay_the_data_that_they_are():
    assert parse(b"a\n=cmd|' /C calc'!A0\n@SUM(1)\n", "a.csv")["rows"] == [["=cmd|' /C calc'!A0"], ["@SUM(1)"]]


def test_the_head_of_a_file_ends_with_a_whole_row():
    assert first_lines(b"a,b\n1,x\n2,y\n3,", "a.csv", is_cut=True) == b"a,b\n1,x\n2,y\n"
    assert first_lines(b"a,b\n1,x\n2,y", "a.csv", is_cut=False) == b"a,b\n1,x\n2,y"
    assert first_lines(b'a,b\n1,"x\ny"\n2,"z', "a.csv", is_cut=True) == b'a,b\n1,"x\ny"\n'
    assert first_lines("a,b\nä,ö\nü".encode()[:-1], "a.csv", is_cut=True) == "a,b\nä,ö\n".encode()
    assert first_lines(b'[{"a": 1}, {"a": 2}, {"a"', "a.json", is_cut=True) == b'{"a": 1}\n{"a": 2}\n'
    assert first_lines(b'{"a": 1}\n{"a"', "a.ndjson", is_cut=True) == b'{"a": 1}\n'
    many = b"a\n" + b"1\n" * 10_000
    assert first_lines(many, "a.csv", is_cut=False).count(b"\n") == SHOWN_ROWS + 1
    packed = gzip.compress(many, mtime=0)
    assert first_lines(packed[: len(packed) - 5], "a.csv.gz", is_cut=True).startswith(b"a\n1\n1\n")
    for content in (b"", b"a,b", b"a,b\n1"):
        with pytest.raises(ValueError, match="no whole row"):
            first_lines(content, "a.csv", is_cut=True)


def test_a_dictionary_begins_with_what_the_sample_holds():
    assert columns_of(parse(CSV, "a.csv"))[:2] == [
        {"column": "id", "type": "integer", "meaning": ""},
        {"column": "delay", "type": "number", "meaning": ""},
    ]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("flights.csv", "flights.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\data.csv", "data.csv"),
        ("a\r\nSet-Cookie: x.csv", "aSet-Cookie x.csv"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("<script>alert(1)</script>.csv", "script.csv"),
        ('"quoted".csv', "quoted.csv"),
        ("..csv..", "csv"),
        ("n" * 300 + ".csv", "n" * 116 + ".csv"),
        ("données été.csv", "données été.csv"),
        ("\x00a.csv", "a.csv"),
    ],
)
def test_a_file_keeps_its_own_name_and_nothing_else(given, kept):
    assert clean_name(given) == kept


@pytest.mark.parametrize("given", ["", "/", "...", "\u202e", "con", "NUL.csv", "a/"])
def test_a_name_of_nothing_is_refused(given):
    with pytest.raises(Invalid, match="needs a name"):
        clean_name(given)


def test_a_content_type_is_what_the_content_looks_like():
    assert content_type_of(b"%PDF-1.7", "a.csv") == "application/pdf"
    assert content_type_of(b"a,b", "a.csv") == "text/csv"
    assert content_type_of(b"\x00\x01", "a.csv") == "application/octet-stream"
    assert content_type_of(b"<html>", "a.html") == "application/octet-stream"
