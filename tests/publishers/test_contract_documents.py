"""Contracts as documents: the standard's own examples are read, hostile ones are refused, changes get their weight."""

import json
import os
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft201909Validator

from publishers.contracts.comparing import compare, least_version
from publishers.contracts.parsing import ContractInvalid, parse, parse_text
from publishers.contracts.reading import DocumentUnreadable, read
from publishers.contracts.writing import from_tables, to_yaml, with_form

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "standards"
STANDARDS = Path(os.environ.get("ENTREPOT_STANDARDS", _BESIDE))
HEAD = {"version": "1.0.0", "apiVersion": "v3.1.0", "kind": "DataContract", "id": "c", "status": "active"}


def document(**column):
    """Return a contract over a table `trips` with the columns id and delay; `column` is what delay has."""
    columns = [
        {"name": "id", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 1},
        {"name": "delay", "logicalType": "integer", **column},
    ]
    return {**deepcopy(HEAD), "schema": [{"name": "trips", "properties": columns}]}


def levels(old, new):
    return [(change.kind, change.name, change.level) for change in compare(parse(old), parse(new))]


# --- reading ----------------------------------------------------------------------------------------------------------
@pytest.mark.skipif(not STANDARDS.is_dir(), reason="the standard's examples are not at hand (ENTREPOT_STANDARDS)")
def test_the_standards_own_examples_are_read_and_written_back_the_same():
    found = {path.name: parse_text(path.read_bytes()) for path in sorted((STANDARDS / "odcs-examples").glob("*.yaml"))}
    assert {
        name: (len(each.tables), sum(len(table.columns) for table in each.tables)) for name, each in found.items()
    } == {
        "all-data-types.odcs.yaml": (1, 10),
        "column-validity.odcs.yaml": (1, 1),
        "database-table-sla.odcs.yaml": (0, 0),
        "full-example.odcs.yaml": (2, 7),
        "postgresql-adventureworks-contract.odcs.yaml": (68, 456),
        "table-columns-with-partition.odcs.yaml": (1, 4),
    }
    full = found["full-example.odcs.yaml"]
    assert (full.version, full.tables[1].key) == ((1, 1, 0), ("id", "country_code"))
    assert [level.property for level in full.service_levels][:5] == [
        "latency", "generalAvailability", "endOfSupport", "endOfLife", "retention",
    ]  # fmt: skip
    assert full.tables[0].quality[0].words == "Rows must be more than 1,000,000"
    for each in found.values():
        assert parse_text(to_yaml(each.raw).encode()) == each
        assert compare(each, parse_text(json.dumps(each.raw).encode())) == []


@pytest.mark.skipif(not STANDARDS.is_dir(), reason="the standard's schema is not at hand (ENTREPOT_STANDARDS)")
def test_what_is_accepted_from_a_profile_keeps_the_standards_schema():
    columns = [
        {"name": "id", "type": "BIGINT", "nulls": 0},
        {"name": "day", "type": "DATE", "nulls": 0},
        {"name": "fare", "type": "DECIMAL(18,2)", "nulls": 3},
        {"name": "tags", "type": "VARCHAR[]", "nulls": 0},
    ]
    made = from_tables([{"name": "trips", "columns": columns, "keys": [["id"], ["day", "fare"]]}], id="x", name="Trips")
    form = {
        "required": True,
        "unique": False,
        "key": False,
        "description": "Paid",
        "minimum": 0,
        "maximum": "",
        "pattern": "",
    }
    made = with_form(made, {"tables": {"trips": {"least_rows": 5, "columns": {"fare": form}}}, "frequency": (1, "d")})
    schema = json.loads((STANDARDS / "odcs-json-schema-v3.1.0.json").read_text())
    assert list(Draft201909Validator(schema).iter_errors(made)) == []
    table = parse(made).tables[0]
    assert [(c.name, c.kind, c.is_required, c.is_unique) for c in table.columns] == [
        ("id", "integer", True, True),
        ("day", "date", True, False),
        ("fare", "number", True, False),
        ("tags", "array", True, False),
    ]
    assert (table.key, table.columns[2].options, table.quality[0].value) == (("id",), {"minimum": 0}, 5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: &a [x, x, x, x, x, x, x, x, x, x]\n" + b"\n".join(
            f"{n}: &{n} [*{p}, *{p}, *{p}, *{p}, *{p}, *{p}, *{p}, *{p}, *{p}, *{p}]".encode()
            for p, n in zip("abcdefg", "bcdefgh", strict=True)), "100,000 values"),
        (b"a: &a [*a]", "stands for nothing"),
        (b"a: !!python/object/apply:os.system ['true']", "tags"),
        (b"a: !include /etc/passwd", "tags"),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "nested"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested"),
        (b"a: 1\na: 2", "twice"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"? [1]\n: 2", "text"),
        (b"a: .nan", "NaN"),
        (b'{"a": "\\ud800"}', "cannot be stored"),
        (b"\xff\xfe", "UTF-8"),
        (b"- a", "mapping"),
        (b"---\na: 1\n---\nb: 2", "more than one"),
        (b"x" * (1024 * 1024 + 1), "bytes"),
        (b" ", "empty"),
    ],
)  # fmt: skip
def test_hostile_documents_are_refused_with_a_sentence(content, said):
    with pytest.raises(DocumentUnreadable) as caught:
        read(content)
    assert said in caught.value.message


def test_words_that_look_like_other_things_stay_words():
    assert read(b"day: 2020-01-31\ncountry: NO\ntime: 12:30\nsmall: 1e-3\nlead: 007") == {
        "day": "2020-01-31",
        "country": "NO",
        "time": "12:30",
        "small": 0.001,
        "lead": 7,
    }


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"kind": "Contract"}, "$.kind"),
        ({"apiVersion": "v2.0.0"}, "$.apiVersion"),
        ({"version": "one"}, "$.version"),
        ({"schema": [{"name": "a"}, {"name": "A"}]}, "$.schema"),
        ({"schema": [{"name": "a", "properties": [{"name": "b", "logicalType": "int"}]}]}, "$.schema[0].properties[0].logicalType"),
        ({"schema": [{"name": "a", "properties": [{"name": "b", "required": "yes"}]}]}, "$.schema[0].properties[0].required"),
        ({"schema": [{"name": "a", "quality": [{"type": "sql", "query": "DROP TABLE a", "mustBe": 0}]}]}, "$.schema[0].quality[0].query"),
        ({"schema": [{"name": "a", "quality": [{"metric": "rowCount"}]}]}, "$.schema[0].quality[0]"),
        ({"schema": [{"name": "a", "properties": [
            {"name": "b", "logicalType": "string", "logicalTypeOptions": {"pattern": "(?=x)"}}]}]},
         "$.schema[0].properties[0].logicalTypeOptions.pattern"),
        ({"slaProperties": [{"property": "frequency"}]}, "$.slaProperties[0].value"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_place(change, path):
    with pytest.raises(ContractInvalid) as caught:
        parse({**HEAD, **change})
    assert caught.value.message.startswith(f"{path}: ")


def test_rules_that_are_not_run_are_listed_and_kept():
    quality = [
        {"type": "sql", "query": "SELECT count(*) FROM trips", "mustBe": 0},
        {"type": "text", "description": "Looks right."},
        {"type": "custom", "engine": "soda", "implementation": "x"},
    ]
    parsed = parse({**HEAD, "schema": [{"name": "trips", "quality": quality}]})
    assert [each.path for each in parsed.unchecked] == [f"$.schema[0].quality[{n}]" for n in range(3)]
    assert parsed.raw["schema"][0]["quality"] == quality


# --- comparing --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (document(), document(logicalType="number"), [("MODIFY", "trips.delay", "minor")]),
        (document(logicalType="number"), document(), [("MODIFY", "trips.delay", "major")]),
        (document(), document(required=True), [("MODIFY", "trips.delay", "major")]),
        (document(required=True), document(), [("MODIFY", "trips.delay", "major")]),
        (document(), document(primaryKey=True), [("MODIFY", "trips", "major")]),
        (document(), document(description="Minutes"), [("MODIFY", "trips.delay", "patch")]),
        (document(), document(businessName="Lateness"), [("MODIFY", "contract", "patch")]),
        (document(), document(logicalTypeOptions={"minimum": 0}), [("MODIFY", "trips.delay", "major")]),
        (
            document(logicalTypeOptions={"minimum": 0, "maximum": 9}),
            document(logicalTypeOptions={"minimum": -5, "maximum": 8}),
            [("MODIFY", "trips.delay", "major"), ("MODIFY", "trips.delay", "minor")],
        ),
        (document(), {**document(), "schema": []}, [("REMOVE", "trips", "major")]),
        (document(), {**document(), "slaProperties": [{"property": "frequency", "value": 1, "unit": "d"}]}, [("MODIFY", "frequency", "minor")]),
        (
            {**document(), "slaProperties": [{"property": "frequency", "value": 24, "unit": "h"}]},
            {**document(), "slaProperties": [{"property": "frequency", "value": 2, "unit": "d"}]},
            [("MODIFY", "frequency", "major")],
        ),
    ],
)  # fmt: skip
def test_each_change_has_its_weight(old, new, wanted):
    assert levels(old, new) == wanted


def test_the_least_version_is_that_of_the_heaviest_change():
    added = document()
    added["schema"][0]["properties"].append({"name": "gate", "logicalType": "string"})
    without = document()
    del without["schema"][0]["properties"][1]
    for new, version in ((added, (1, 3, 0)), (without, (2, 0, 0)), (document(description="x"), (1, 2, 4))):
        assert least_version((1, 2, 3), compare(parse(document()), parse(new))) == version


_names = st.sampled_from(["id", "delay", "gate", "day", "fare"])
_columns = st.builds(
    lambda name, logical, flags, options, rule: {
        "name": name,
        "logicalType": logical,
        **flags,
        **({"logicalTypeOptions": options} if logical in {"integer", "number"} else {}),
        **({"quality": [{"metric": "nullValues", "mustBeLessThan": rule}]} if rule else {}),
    },
    _names,
    st.sampled_from(["string", "integer", "number", "date"]),
    st.fixed_dictionaries(
        {}, optional={"required": st.booleans(), "unique": st.booleans(), "primaryKey": st.booleans()}
    ),
    st.fixed_dictionaries({}, optional={"minimum": st.integers(-5, 5), "maximum": st.integers(6, 9)}),
    st.integers(0, 3),
)
_contracts = st.builds(
    lambda columns, rows: {
        **HEAD,
        "schema": [
            {"name": "t", "properties": columns, "quality": [{"metric": "rowCount", "mustBeGreaterThan": rows}]}
        ],
    },
    st.lists(_columns, max_size=4, unique_by=lambda column: column["name"]),
    st.integers(0, 2),
)


@settings(max_examples=60, deadline=None)
@given(_contracts, _contracts)
def test_nothing_changes_from_a_contract_to_itself_and_what_breaks_one_way_is_seen(old, new):
    one, other = parse(old), parse(new)
    assert compare(one, parse_text(to_yaml(old).encode())) == []
    assert bool(compare(one, other)) == (one != other)
    missing = {column.name for column in one.tables[0].columns} - {column.name for column in other.tables[0].columns}
    removed = {change.name for change in compare(one, other) if change.kind == "REMOVE" and change.is_breaking}
    assert removed == {f"t.{name}" for name in missing}
