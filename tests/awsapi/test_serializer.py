"""Answers are parsed by botocore into what the handler gave; anything beside the model is a fault of ours."""

import json
import random
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest

from marketplace.awsapi.serializer import respond
from marketplace.awsapi.service import load_service
from marketplace.awsapi.values import BadResponse, timestamp_text
from tests.awsapi.examples import example, parsed_by_botocore

SERVICE = load_service("dataexchange")
TIME = datetime(2019, 10, 11, 14, 12, 24, 640_999, tzinfo=UTC)


def without_additions(value: Any) -> Any:
    """Return an answer without the members that a vendor's client does not know, and drops."""
    if isinstance(value, dict):
        return {name: without_additions(item) for name, item in value.items() if name != "AssetIds"}
    return [without_additions(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", SERVICE.operations)
def test_botocore_reads_what_the_handler_answered(name: str) -> None:
    operation = SERVICE.operations[name]
    for seed in range(20):
        dice = random.Random(f"{name}{seed}")
        answer = example(operation.output, dice, whole=seed == 0) if operation.output else {}
        if name == "SendApiAsset":
            answer = {"Body": b"plain", "ResponseHeaders": {"x-rate": "1"}}
        wire = respond(operation, answer or None)
        assert wire.status == operation.status
        parsed = parsed_by_botocore(name, wire.status, wire.headers, wire.body)
        assert parsed.pop("ResponseMetadata")["HTTPStatusCode"] == operation.status
        if name == "SendApiAsset":
            assert parsed == {"Body": "plain", "ResponseHeaders": {"x-rate": "1"}}
        elif operation.status != 204:
            assert parsed == without_additions(answer)


@pytest.mark.parametrize(
    ("name", "status"),
    [("CreateDataSet", 201), ("StartJob", 202), ("CancelJob", 204), ("DeleteDataSet", 204), ("TagResource", 204)],
)
def test_the_status_is_the_models(name: str, status: int) -> None:
    wire = respond(SERVICE.operations[name], None)
    assert wire.status == status
    assert wire.body == (b"" if status == 204 else b"{}")


def test_tags_are_spelled_in_lower_case() -> None:
    assert (
        respond(SERVICE.operations["ListTagsForResource"], {"Tags": {"a": "ü"}}).body == '{"tags":{"a":"ü"}}'.encode()
    )


def test_timestamps_are_iso_8601_with_milliseconds_in_utc() -> None:
    assert timestamp_text(TIME) == "2019-10-11T14:12:24.640Z"
    assert timestamp_text(TIME.astimezone(timezone(timedelta(hours=5)))) == "2019-10-11T14:12:24.640Z"
    assert timestamp_text(TIME, "rfc822") == "Fri, 11 Oct 2019 14:12:24 GMT"
    assert timestamp_text(TIME, "unixTimestamp") == 1570803144.641


def test_none_is_left_out_and_a_word_of_an_enum_is_plain_text() -> None:
    class Origin(StrEnum):
        OWNED = "OWNED"

    body = respond(SERVICE.operations["GetDataSet"], {"Origin": Origin.OWNED, "SourceId": None}).body
    assert json.loads(body) == {"Origin": "OWNED"}


@pytest.mark.parametrize(
    "answer",
    [
        {"Colour": "red"},
        {"OriginDetails": {"Colour": "red"}},
        {"Name": 5},
        {"Origin": "STOLEN"},
        {"CreatedAt": TIME.replace(tzinfo=None)},
        {"CreatedAt": "2019-10-11T14:12:24.640Z"},
        {"Tags": ["a"]},
    ],
)
def test_what_the_model_does_not_describe_is_a_fault(answer: dict[str, Any]) -> None:
    with pytest.raises(BadResponse):
        respond(SERVICE.operations["GetDataSet"], answer)


def test_a_missing_required_member_is_a_fault() -> None:
    with pytest.raises(BadResponse, match="lacks Arn"):
        respond(SERVICE.operations["ListDataSets"], {"DataSets": [{"Id": "0f" * 16}]})


def test_an_answer_without_an_output_is_a_fault() -> None:
    with pytest.raises(BadResponse):
        respond(SERVICE.operations["TagResource"], {"Tags": {}})


def test_proxied_headers_cannot_frame_or_split_the_answer() -> None:
    operation = SERVICE.operations["SendApiAsset"]
    headers = {
        "Content-Length": "1",
        "Set-Cookie": "a=b",
        "Transfer-Encoding": "chunked",
        "X-A": "1",
        "Content-Type": "text/csv",
    }
    wire = respond(operation, {"Body": b"\xff\x00", "ResponseHeaders": headers})
    assert (wire.body, wire.headers) == (b"\xff\x00", {"X-A": "1", "Content-Type": "text/csv"})
    for bad in ({"X-A": "1\r\nX-B: 2"}, {"X A": "1"}, {"X-A\n": "1"}):
        with pytest.raises(BadResponse):
            respond(operation, {"ResponseHeaders": bad})
