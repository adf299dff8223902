"""Pages of rows: which rows, in which order, with which types."""

import json

import duckdb
import pytest
from django.core import signing

from dataapi import views
from tests.dataapi.conftest import path_of

pytestmark = pytest.mark.django_db(transaction=True)


def parquet_of(tmp_path, query: str) -> bytes:
    target = tmp_path / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")
    return target.read_bytes()


def numbered(count: int) -> bytes:
    return b"n,word\n" + b"".join(b"%d,w%d\n" % (n, n * 7 % count) for n in range(count))


def test_rows_are_typed_and_carry_where_they_come_from(program, publish, entitled_data_set):
    path = publish("tides.csv", b"time,height_m\n05:01,3.2\n17:22,3.0\n")
    answer = program.read(f"{path}/rows")
    assert answer == {
        "data_set_id": entitled_data_set.pk,
        "revision_id": path.split("/")[4],
        "asset_id": path.split("/")[6],
        "columns": [{"name": "time", "type": "VARCHAR"}, {"name": "height_m", "type": "DOUBLE"}],
        "rows": [{"time": "05:01", "height_m": 3.2}, {"time": "17:22", "height_m": 3.0}],
        "row_count": 2,
        "next_cursor": None,
    }


def test_pages_hold_every_row_once_in_the_order_of_the_file(program, publish):
    path = publish("numbers.csv", numbered(2345))
    seen, pages, query = [], 0, {"limit": 1000}
    while query:
        answer = program.read(f"{path}/rows", **query)
        assert answer["row_count"] == 2345
        seen += [(row["n"], row["word"]) for row in answer["rows"]]
        pages += 1
        query = {"limit": 1000, "cursor": answer["next_cursor"]} if answer["next_cursor"] else {}
    assert seen == [(n, f"w{n * 7 % 2345}") for n in range(2345)]
    assert pages == 3


def test_a_page_has_100_rows_unless_asked_otherwise(program, publish):
    path = publish("numbers.csv", numbered(150))
    assert len(program.read(f"{path}/rows")["rows"]) == 100
    assert len(program.read(f"{path}/rows", limit=1)["rows"]) == 1


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "ten", "1.5", "99999999999999999999", "١"])
def test_a_limit_that_is_no_number_from_1_to_1000_is_refused(program, publish, limit):
    answer = program.get(f"{publish('a.csv', b'a,b' + bytes([10]))}/rows", limit=limit)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "limit"


def test_a_cursor_that_was_changed_or_belongs_to_another_file_is_refused(program, publish):
    first, second = publish("one.csv", numbered(10)), publish("two.csv", numbered(10) + b"10,x\n")
    cursor = program.read(f"{first}/rows", limit=3)["next_cursor"]
    assert [r["n"] for r in program.read(f"{first}/rows", limit=3, cursor=cursor)["rows"]] == [3, 4, 5]
    forged = signing.dumps([0, 0, 0, 0, 5], key="not our key", salt="dataapi.rows", compress=True)
    for path, wrong in (
        (second, cursor),
        (first, cursor[:-1] + ("A" if cursor[-1] != "A" else "B")),
        (first, "." + cursor),
        (first, "5"),
        (first, forged),
        (first, "\x00"),
    ):
        answer = program.get(f"{path}/rows", cursor=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "BadCursor"), wrong


def test_latest_means_the_newest_readable_revision(program, make_revision, entitled_data_set):
    old = make_revision({"old.csv": b"a\n1\n"})
    assert program.read(f"{path_of(entitled_data_set, old, revision_id='latest')}/rows")["rows"] == [{"a": 1}]
    new = make_revision({"new.csv": b"a\n2\n"})
    assert program.get(f"{path_of(entitled_data_set, old, revision_id='latest')}/rows").status_code == 404
    answer = program.read(f"{path_of(entitled_data_set, new, revision_id='latest')}/rows")
    assert (answer["rows"], answer["revision_id"]) == ([{"a": 2}], new.pk)


def test_the_short_path_reads_the_newest_table_and_a_cursor_stays_with_its_revision(
    program, make_revision, entitled_data_set
):
    old = make_revision({"table.csv": numbered(5), "notes.txt": b"words"})
    first = program.read(f"/data/{entitled_data_set.pk}/rows", limit=2)
    assert (first["revision_id"], [r["n"] for r in first["rows"]]) == (old.pk, [0, 1])
    new = make_revision({"table.csv": b"n\n70\n", "other.csv": b"n\n80\n"})
    further = program.read(f"/data/{entitled_data_set.pk}/rows", limit=2, cursor=first["next_cursor"])
    assert (further["revision_id"], [r["n"] for r in further["rows"]]) == (old.pk, [2, 3])
    unclear = program.get(f"/data/{entitled_data_set.pk}/rows")
    assert (unclear.status_code, unclear.json()["errors"][0]["field"]) == (422, "file")
    named = program.read(f"/data/{entitled_data_set.pk}/rows", file="other.csv")
    assert (named["revision_id"], named["rows"]) == (new.pk, [{"n": 80}])
    assert program.get(f"/data/{entitled_data_set.pk}/rows", file="none.csv").status_code == 404


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", "-2", ""], "BIGINT", [1, -2, None]),
        (["1", "NA", "null"], "BIGINT", [1, None, None]),
        (["9223372036854775807", "1"], "BIGINT", [9223372036854775807, 1]),
        (["9223372036854775808", "1"], "VARCHAR", ["9223372036854775808", "1"]),
        (["007", "8"], "VARCHAR", ["007", "8"]),
        (["1.5", "-2e3", "7"], "DOUBLE", [1.5, -2000.0, 7.0]),
        (["1.5", "NaN"], "DOUBLE", [1.5, None]),
        (["1.5", "inf"], "VARCHAR", ["1.5", "inf"]),
        (["1,5", "2"], "VARCHAR", ["1,5", "2"]),
        (["true", "FALSE"], "BOOLEAN", [True, False]),
        (["2013-01-31", "2014-02-28"], "DATE", ["2013-01-31", "2014-02-28"]),
        (["2013-01-31", "2013-02-30"], "VARCHAR", ["2013-01-31", "2013-02-30"]),
        (["01/02/2013"], "VARCHAR", ["01/02/2013"]),
        (
            ["2013-01-01T05:00:00.25", "2013-01-01 06:00"],
            "TIMESTAMP",
            ["2013-01-01T05:00:00.25", "2013-01-01T06:00:00"],
        ),
        (["2013-01-01T05:00:00+02:00"], "TIMESTAMP WITH TIME ZONE", ["2013-01-01T03:00:00Z"]),
        (["2013-01-01T05:00:00Z", "2013-01-01T05:00:00"], "VARCHAR", ["2013-01-01T05:00:00Z", "2013-01-01T05:00:00"]),
        (["x", "NA", ""], "VARCHAR", ["x", "NA", None]),
        (['"a ""b"", c\nd"', "é"], "VARCHAR", ['a "b", c\nd', "é"]),
        (["=1+1", "\\N"], "VARCHAR", ["=1+1", "\\N"]),
    ],
)
def test_a_column_of_text_gets_the_narrowest_type_that_loses_nothing(program, publish, values, kind, expected):
    quoted = [value if value.startswith('"') or "," not in value else f'"{value}"' for value in values]
    content = "id,v\n" + "".join(f"{n},{value}\n" for n, value in enumerate(quoted))
    answer = program.read(f"{publish('v.csv', content.encode())}/rows")
    assert answer["columns"][1] == {"name": "v", "type": kind}
    assert [row["v"] for row in answer["rows"]] == expected


def test_the_type_of_a_column_is_decided_by_its_last_row_too(program, publish):
    content = b"n\n" + b"".join(b"%d\n" % n for n in range(30_000)) + b"last\n"
    answer = program.read(f"{publish('late.csv', content)}/rows", limit=1)
    assert (answer["columns"], answer["rows"], answer["row_count"]) == (
        [{"name": "n", "type": "VARCHAR"}],
        [{"n": "0"}],
        30_001,
    )


def test_columns_of_the_same_or_no_name_can_be_told_apart(program, publish):
    answer = program.read(f"{publish('names.csv', b'a,A,a,,a_2' + bytes([10]) + b'1,2,3,4,5' + bytes([10]))}/rows")
    assert answer["rows"] == [{"a": 1, "A_3": 2, "a_4": 3, "column_4": 4, "a_2": 5}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("semicolons.csv", b"a;b\n1;2,5\n"),
        ("tabs.tsv", b"a\tb\n1\t2,5\n"),
        ("pipes.csv", b"a|b\r\n1|2,5\r\n"),
        ("mark.csv", b'\xef\xbb\xbfa,b\n1,"2,5"\n'),
    ],
)
def test_delimiters_line_ends_and_the_byte_order_mark_are_understood(program, publish, name, content):
    assert program.read(f"{publish(name, content)}/rows")["rows"] == [{"a": 1, "b": "2,5"}]


def test_a_compressed_file_is_read_member_after_member(program, publish):
    import gzip

    content = gzip.compress(b"a\n1\n") + gzip.compress(b"2\n")
    assert program.read(f"{publish('packed.csv.gz', content)}/rows")["rows"] == [{"a": 1}, {"a": 2}]


def test_a_file_with_names_only_has_no_rows(program, publish):
    answer = program.read(f"{publish('none.csv', b'a,b')}/rows")
    assert (answer["rows"], answer["row_count"], answer["next_cursor"]) == ([], 0, None)
    assert [column["name"] for column in answer["columns"]] == ["a", "b"]


def test_parquet_values_of_every_kind_are_plain_json(program, publish, tmp_path):
    content = parquet_of(
        tmp_path,
        """SELECT 'NaN'::DOUBLE AS f, 'inf'::FLOAT AS g, ['inf'::DOUBLE, 1.5] AS l, 1.50::DECIMAL(9, 2) AS d,
        18446744073709551615::UBIGINT AS u, TIMESTAMP '2013-01-01 05:00:00.25' AS ts,
        TIMESTAMPTZ '2013-01-01 05:00:00+02' AS tz, DATE '2013-01-01' AS dd, TIME '05:00' AS t,
        'x' || chr(0) || '"é' AS s, 'abc'::BLOB AS bl, {'a': 1, 'b': 'NaN'::FLOAT} AS st, MAP {'k': DATE '2013-01-02'} AS m,
        '065fafc9-698e-4c12-aa3b-b6c0b8e8fbe4'::UUID AS id, NULL::INTEGER AS n, true AS b""",
    )
    answer = program.read(f"{publish('kinds.parquet', content)}/rows")
    assert answer["rows"] == [
        {
            "f": None,
            "g": None,
            "l": [None, 1.5],
            "d": "1.50",
            "u": 18446744073709551615,
            "ts": "2013-01-01T05:00:00.25",
            "tz": "2013-01-01T03:00:00Z",
            "dd": "2013-01-01",
            "t": "05:00:00",
            "s": 'x\x00"é',
            "bl": "YWJj",
            "st": {"a": 1, "b": None},
            "m": {"k": "2013-01-02"},
            "id": "065fafc9-698e-4c12-aa3b-b6c0b8e8fbe4",
            "n": None,
            "b": True,
        }
    ]
    kinds = {column["name"]: column["type"] for column in answer["columns"]}
    assert (kinds["d"], kinds["u"], kinds["l"]) == ("DECIMAL(9,2)", "UBIGINT", "DOUBLE[]")


def test_a_page_of_very_long_rows_ends_early_and_goes_on(program, publish):
    content = b"n,text\n" + b"".join(b"%d,%s\n" % (n, b"x" * 1_500_000) for n in range(12))
    path = publish("long.csv", content)
    seen, query = [], {"limit": 1000}
    while query:
        answer = program.get(f"{path}/rows", **query)
        assert len(answer.content) < 12_000_000
        page = json.loads(answer.content)
        seen += [row["n"] for row in page["rows"]]
        query = {"limit": 1000, "cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert seen == list(range(12))


def test_the_next_page_comes_from_a_reader_that_is_there_already(program, publish, settings):
    path = publish("numbers.csv", numbered(500))
    first = program.read(f"{path}/rows", limit=10)
    (reader,) = views.readers._readers
    pid = reader.process.process.pid
    program.read(f"{path}/rows", limit=10, cursor=first["next_cursor"])
    assert [r.process.process.pid for r in views.readers._readers] == [pid]


def test_a_reader_that_was_killed_is_replaced_without_the_caller_noticing(program, publish):
    path = publish("numbers.csv", numbered(20))
    program.read(f"{path}/rows")
    (reader,) = views.readers._readers
    reader.process.process.kill()
    reader.process.process.wait(5)
    assert len(program.read(f"{path}/rows")["rows"]) == 20


def test_no_more_readers_live_than_allowed(program, publish):
    for number in range(views.readers.MOST_READERS + 2):
        path = publish(f"{number}.csv", b"n\n%d\n" % number)
        assert program.read(f"{path}/rows")["rows"] == [{"n": number}]
    assert len(views.readers._readers) == views.readers.MOST_READERS
