"""Files that are not what their names say, are broken, or want too much: a clear sentence, and nothing left behind."""

import gzip
import io
import os
import zipfile

import duckdb
import pytest

from publishers.models import Asset

pytestmark = pytest.mark.django_db(transaction=True)


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("inside.csv", "a,b\n1,2\n")
    return target.getvalue()


CORPUS = [
    ("empty.csv", b"", "EmptyFile", "empty.csv is empty.", None),
    ("archive.csv", zipped(), "NotCsv", "archive.csv is a zip archive, not CSV.", None),
    ("noise.csv", bytes(range(256)) * 40, "NotCsv", "Line 1 of noise.csv holds a NUL byte", 1),
    ("page.csv", b"%PDF-1.7\n%\xe2\xe3", "NotCsv", "page.csv is a PDF document", None),
    ("wide.csv", "a,b\n1,é\n".encode("utf-16"), "NotCsv", "wide.csv is UTF-16 text", None),
    ("latin.csv", b"a,b\n1,2\n3,\xe9\n", "NotUtf8", "Line 3 of latin.csv is not UTF-8 text.", 3),
    ("cut-character.csv", b"a,b\n1,\xc3", "NotUtf8", "Line 2 of cut-character.csv is not UTF-8 text.", 2),
    ("ragged.csv", b"a,b\n1,2\n1,2,3\n", "RaggedLine", "Line 3 of ragged.csv has 3 values, the first line names 2", 3),
    ("short.csv", b"a,b,c\n1,2,3\n1\n", "RaggedLine", "Line 3 of short.csv has 1 value, the first line names 3", 3),
    ("late.csv", b"a,b\n" + b"1,2\n" * 60_000 + b"1\n", "RaggedLine", "Line 60002 of late.csv has 1 value", 60_002),
    ("open.csv", b'a,b\n1,"x\n', "BadQuoting", "Line 2 of open.csv has a quoted value that is not closed", 2),
    ("blank.csv", b"\n\na,b\n", "NotCsv", "The first line of blank.csv is empty", 1),
    ("line.csv", b"a,b\n1," + b"x" * 3_000_000, "LineTooLong", "Line 2 of line.csv is longer than 2 MB.", 2),
    ("many.csv", b",".join(b"c%d" % n for n in range(5000)), "TooManyColumns", "many.csv has 5000 columns", 1),
    ("cut.csv.gz", gzip.compress(os.urandom(4000).hex().encode())[:-30], "NotGzip", "cut.csv.gz is cut off", None),
    ("plain.csv.gz", b"a,b\n1,2\n", "NotGzip", "plain.csv.gz is not compressed with gzip", None),
    ("packed.csv.gz", gzip.compress(zipped()), "NotCsv", "packed.csv.gz is a zip archive", None),
    ("bomb.csv.gz", gzip.compress(b"a\n" + b"1" * 90_000_000), "GrowsTooMuch", "grows more than 50 times", None),
    ("fake.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "Unreadable", "fake.parquet cannot be read", None),
    ("table.parquet", b"a,b\n1,2\n", "NotParquet", "table.parquet is something else, not Parquet.", None),
    ("cut.parquet", b"PAR1" + b"x" * 100, "NotParquet", "cut.parquet is cut off", None),
]


@pytest.mark.parametrize(("name", "content", "code", "sentence", "line"), CORPUS, ids=[entry[0] for entry in CORPUS])
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    program, publish, own_cache, name, content, code, sentence, line
):
    path = publish(name, content)
    for _ in range(2):  # the second answer comes from the cache, and is the same
        answer = program.get(f"{path}/rows")
        assert answer.status_code == 422, answer.content
        problem = answer.json()
        assert (problem["code"], problem["line"]) == (code, line)
        assert sentence in problem["detail"]
    (left,) = (own_cache / "rows" / "entries").iterdir()
    assert [item.name for item in left.iterdir()] == ["table.json"]
    assert list((own_cache / "rows" / "building").iterdir()) == []
    assert program.get(f"{path}/download").status_code == 200


@pytest.mark.parametrize("name", ["notes.txt", "picture.png", "data.json", "csv", "table.csv.zip"])
def test_a_file_of_another_kind_is_refused_without_being_opened(program, publish, own_cache, name):
    answer = program.get(f"{publish(name, b'anything')}/rows")
    assert (answer.status_code, answer.json()["code"]) == (422, "NotTabular")
    assert not (own_cache / "rows").exists()


def test_a_parquet_file_that_unfolds_in_memory_ends_in_its_limits(program, publish, tmp_path):
    target = tmp_path / "bomb.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT repeat('a', 60_000_000) AS x FROM range(60)) TO '{target}' (FORMAT parquet)")
    assert target.stat().st_size < 10_000_000
    answer = program.get(f"{publish('bomb.parquet', target.read_bytes())}/rows")
    assert answer.status_code == 422
    assert answer.json()["code"] in {"TableTooLarge", "BeyondLimits"}


def test_a_name_cannot_break_out_of_the_statement_that_reads_it(program, publish):
    name = "it's \"; DROP TABLE t; --'.csv"
    content = b"a'b,x\"y,select\n1,2,3\n"
    rows = program.read(f"{publish(name, content)}/rows")["rows"]
    assert rows == [{"a'b": 1, 'x"y': 2, "select": 3}]
    assert Asset.objects.filter(name=name).count() == 1
