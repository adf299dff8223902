"""Requests by botocore come out as the members that went in; wrong ones are named."""

import json
import random
from typing import Any

import pytest

from marketplace.awsapi.parser import WireRequest, bind, json_object
from marketplace.awsapi.service import build_service, load_service
from marketplace.awsapi.validator import validate
from marketplace.awsapi.values import MOST_PROBLEMS, Unreadable
from tests.awsapi.examples import example, prepared, wire_of

SERVICE = load_service("dataexchange")
ID = "0f" * 16


def labels_of(name: str, members: dict[str, Any]) -> dict[str, str]:
    shape = SERVICE.operations[name].input
    return {n: members[n] for n, m in shape.members.items() if m.location == "uri"} if shape else {}


@pytest.mark.parametrize("name", SERVICE.operations)
def test_what_botocore_sends_is_what_the_handler_gets_and_it_is_valid(name: str) -> None:
    operation = SERVICE.operations[name]
    assert operation.input is not None
    for seed in range(30):
        dice = random.Random(f"{name}{seed}")
        members = example(operation.input, dice, whole=seed == 0)
        if name == "SendApiAsset":  # headers are Latin-1, and a parameter's name is kept as sent
            members |= dict.fromkeys(("AssetId", "DataSetId", "RevisionId", "Method", "Path"), "plain")
            members["RequestHeaders"] = {"accept": "text/csv"}
            members["QueryStringParameters"] = {"a": "1+2 é", "X-Other": "/"}
            members["Body"] = "text ü"
        request = prepared(name, members)
        if name == "SendApiAsset":
            members["Body"] = "text ü".encode()
        found = bind(operation, wire_of(request, labels_of(name, members)))
        assert {n: v for n, v in found.items() if v != {}} == {n: v for n, v in members.items() if v != {}}
        assert validate(operation, found) == ""


def bound(name: str, body: Any = None, *, query: str = "", raw: bytes | None = None) -> dict[str, Any]:
    operation = SERVICE.operations[name]
    shape = operation.input
    labels = {n: ID for n, m in shape.members.items() if m.location == "uri"} if shape else {}
    return bind(operation, WireRequest(labels, query, {}, raw if raw is not None else json.dumps(body).encode()))


def problem(name: str, body: Any = None, *, query: str = "") -> str:
    return validate(SERVICE.operations[name], bound(name, body, query=query))


def test_unknown_members_are_dropped_and_null_is_absent() -> None:
    assert bound("UpdateRevision", {"Comment": None, "Finalized": False, "Nonsense": 1}) == {
        "DataSetId": ID,
        "RevisionId": ID,
        "Finalized": False,
    }


def test_an_absent_body_is_an_empty_one() -> None:
    assert bound("UpdateRevision", raw=b"") == {"DataSetId": ID, "RevisionId": ID}
    assert bound("UpdateRevision", raw=b" {} ") == {"DataSetId": ID, "RevisionId": ID}


def test_a_body_of_a_get_is_ignored() -> None:
    assert bound("GetDataSet", raw=b"not json") == {"DataSetId": ID}


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b"1",
        b'"x"',
        b"\xff",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"[" * 100_000,
        b'{"a":' + b"1" * 5000 + b"}",
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        json_object(raw)
    assert caught.value.path == "request body"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"Name": 1}, "name"),
        ({"Name": ["x"]}, "name"),
        ({"Name": "a\x00b"}, "name"),
        ({"Name": "\ud800"}, "name"),
        ({"Tags": []}, "tags"),
        ({"Tags": {"a": 1}}, "tags.a.member"),
        ({"Tags": {"a": None}}, "tags.a.member"),
    ],
)
def test_a_wrong_json_type_names_its_member(body: dict[str, Any], path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        bound("CreateDataSet", {"AssetType": "S3_SNAPSHOT", "Description": "d"} | body)
    assert caught.value.path == path


def test_a_wrong_type_deep_inside_has_its_whole_path() -> None:
    details = {"ImportAssetsFromS3": {"AssetSources": [{"Bucket": "b", "Key": "k"}, {"Bucket": 5, "Key": "k"}]}}
    with pytest.raises(Unreadable) as caught:
        bound("CreateJob", {"Type": "IMPORT_ASSETS_FROM_S3", "Details": details})
    assert caught.value.path == "details.importAssetsFromS3.assetSources.2.member.bucket"


@pytest.mark.parametrize(
    "query", ["maxResults=x", "maxResults=1&maxResults=2", "maxResults=", "maxResults=1_0", "origin=%FF"]
)
def test_an_unreadable_parameter_is_refused(query: str) -> None:
    with pytest.raises(Unreadable):
        bound("ListDataSets", query=query)


def test_repeated_parameters_make_a_list_and_signature_parameters_are_no_members() -> None:
    assert bound("UntagResource", query="tagKeys=a&tagKeys=b%2Fc&X-Amz-Signature=x")["TagKeys"] == ["a", "b/c"]
    found = bound("SendApiAsset", query="a=1&a=2&X-Amz-Signature=x&x-amz-date=y")
    assert found["QueryStringParameters"] == {"a": "1"}


def test_all_problems_stand_in_one_message() -> None:
    assert problem("CreateDataSet", {"AssetType": "CSV", "Description": "d", "Name": "n" * 257}) == (
        "2 validation errors detected: "
        "Value 'CSV' at 'assetType' failed to satisfy constraint: Member must satisfy enum value set: "
        "[S3_SNAPSHOT, REDSHIFT_DATA_SHARE, API_GATEWAY_API, S3_DATA_ACCESS, LAKE_FORMATION_DATA_PERMISSION]; "
        "Value at 'name' failed to satisfy constraint: Member must have length less than or equal to 256"
    )


def test_a_missing_member_is_null() -> None:
    assert problem("UpdateAsset", {}) == (
        "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"
    )


@pytest.mark.parametrize(
    ("value", "bound_text"), [("0", "greater than or equal to 1"), ("201", "less than or equal to 200")]
)
def test_page_sizes_have_bounds(value: str, bound_text: str) -> None:
    assert problem("ListDataSets", query=f"maxResults={value}") == (
        f"1 validation error detected: Value '{value}' at 'maxResults' failed to satisfy constraint: "
        f"Member must have value {bound_text}"
    )
    assert problem("ListDataSets", query="maxResults=1") == problem("ListDataSets", query="maxResults=200") == ""


@pytest.mark.parametrize("given", ["short", "x" * 29, "x" * 41, "0f" * 16 + "\n", "٣" * 32])
def test_an_id_matches_as_a_whole(given: str) -> None:
    operation = SERVICE.operations["GetDataSet"]
    sentence = validate(operation, bind(operation, WireRequest({"DataSetId": given}, "", {}, b"")))
    assert "at 'dataSetId' failed to satisfy constraint: Member must satisfy regular expression pattern" in sentence


def test_text_and_list_bounds_are_inclusive() -> None:
    assert problem("RevokeRevision", {"RevocationComment": "x" * 10}) == ""
    assert problem("RevokeRevision", {"RevocationComment": "x" * 512}) == ""
    assert "length greater than or equal to 10" in problem("RevokeRevision", {"RevocationComment": "x" * 9})
    assert "length less than or equal to 512" in problem("RevokeRevision", {"RevocationComment": "x" * 513})
    details = {"CreateS3DataAccessFromS3Bucket": {"DataSetId": ID, "RevisionId": ID, "AssetSource": {"Bucket": "b"}}}
    keys = [{"KmsKeyArn": "k"}] * 11
    details["CreateS3DataAccessFromS3Bucket"]["AssetSource"]["KmsKeysToGrant"] = keys  # type: ignore[index]
    assert "length less than or equal to 10" in problem(
        "CreateJob", {"Type": "EXPORT_ASSETS_TO_S3", "Details": details}
    )


def test_a_secret_is_never_repeated() -> None:
    model = {
        "metadata": {"protocol": "rest-json", "apiVersion": "1"},
        "operations": {"Put": {"http": {"method": "POST", "requestUri": "/put"}, "input": {"shape": "PutRequest"}}},
        "shapes": {
            "PutRequest": {
                "type": "structure",
                "members": {"ApiKey": {"shape": "Short"}, "Marked": {"shape": "Hidden"}, "Choice": {"shape": "Choice"}},
            },
            "Short": {"type": "string", "max": 3},
            "Hidden": {"type": "string", "max": 3, "sensitive": True},
            "Choice": {
                "type": "structure",
                "union": True,
                "members": {"A": {"shape": "Short"}, "B": {"shape": "Short"}},
            },
        },
    }
    operation = build_service("other", model).operations["Put"]
    sentence = validate(operation, {"ApiKey": "hunter2", "Marked": "hunter3", "Choice": {"A": "a", "B": "b"}})
    assert sentence.startswith("3 validation errors detected") and "hunter" not in sentence
    assert "at 'choice' failed to satisfy constraint: Exactly one member of [A, B] must be set" in sentence
    assert validate(operation, {"Choice": {"B": "b"}}) == ""


def test_a_thousand_wrong_values_give_a_short_answer() -> None:
    details = {"ImportAssetsFromS3": {"DataSetId": ID, "RevisionId": ID, "AssetSources": [{}] * 1000}}
    sentence = problem("CreateJob", {"Type": "IMPORT_ASSETS_FROM_S3", "Details": details})
    assert sentence.startswith("2000 validation errors detected")
    assert sentence.count("failed to satisfy") == MOST_PROBLEMS
