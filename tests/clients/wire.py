"""Answers on the wire against the vendor's model, as botocore ships it: a reading of the model that shares nothing with ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

#: ISO 8601 in UTC with milliseconds, the one form that every SDK reads
TIMESTAMP = re.compile(r"\d{4}-(0[1-9]|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z")
#: The vendor's pattern has slashes around its anchors and matches nothing.
BROKEN_PATTERNS = {"AwsAccountId"}
#: What answers say beyond AWS: the assets that an import made. SDKs drop members that they do not know.
BEYOND = {
    ("CreateS3DataAccessFromS3BucketResponseDetails", "AssetIds"),
    ("ImportAssetFromApiGatewayApiResponseDetails", "AssetIds"),
    ("ImportAssetFromSignedUrlResponseDetails", "AssetIds"),
    ("ImportAssetsFromLakeFormationTagPolicyResponseDetails", "AssetIds"),
    ("ImportAssetsFromRedshiftDataSharesResponseDetails", "AssetIds"),
    ("ImportAssetsFromS3ResponseDetails", "AssetIds"),
}
_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "timestamp": (str,),
    "blob": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "float": (int, float),
}


def service_model(name: str) -> ServiceModel:
    """Return the vendor's model of a service."""
    return botocore.session.Session().get_service_model(name)


@dataclass(frozen=True)
class Answer:
    """An answer as it came: the operation that was called, status, headers by lower-case name, raw body."""

    operation: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """Return the name of the refusal, empty for an accepted call."""
        return self.headers.get("x-amzn-errortype", "").partition(":")[0]


class Recorder:
    """Collects what a boto3 client gets, below the parsing of botocore."""

    def __init__(self, client: Any) -> None:
        self.answers: list[Answer] = []
        service = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register(f"response-received.{service}", self._keep)

    def _keep(self, event_name: str, response_dict: dict[str, Any], **_: Any) -> None:
        if response_dict is not None:
            headers = {name.lower(): value for name, value in response_dict["headers"].items()}
            operation = event_name.rpartition(".")[2]
            self.answers.append(Answer(operation, response_dict["status_code"], headers, response_dict["body"]))


def problems_of(answer: Answer, model: OperationModel) -> list[str]:
    """Return everything about an accepted answer that the model does not allow."""
    found = []
    if answer.status != model.http.get("responseCode", 200):
        found.append(f"status {answer.status} instead of {model.http.get('responseCode', 200)}")
    if "x-amzn-requestid" not in answer.headers:
        found.append("no request id")
    shape = model.output_shape
    if shape is None or (answer.status == 204):
        return found + ([f"{len(answer.body)} bytes where there is no output"] if answer.body else [])
    if "payload" in shape.serialization:
        return found
    if answer.headers.get("content-type") != "application/json":
        found.append(f"content type {answer.headers.get('content-type')}")
    return found + list(_problems(shape, json.loads(answer.body or b"{}"), model.name))


def problems_of_refusal(answer: Answer, model: OperationModel, common: set[str]) -> list[str]:
    """Return everything about a refusal that neither the model nor the documented common refusals allow."""
    found = [] if "x-amzn-requestid" in answer.headers else ["no request id"]
    shapes = {shape.name: shape for shape in model.error_shapes}
    everywhere = {shape.name: shape for shape in model.service_model.error_shapes}
    if answer.error not in shapes and answer.error not in common:
        return [*found, f"{answer.error!r} is neither modelled for {model.name} nor a common refusal"]
    document = json.loads(answer.body)
    shape = everywhere.get(answer.error)
    if shape is None:
        return found if isinstance(document.get("message"), str) else [*found, "no message"]
    expected = shape.metadata.get("error", {}).get("httpStatusCode", 400)
    if answer.status != expected:
        found.append(f"status {answer.status} instead of {expected} for {answer.error}")
    return found + list(_problems(shape, document, answer.error))


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    kinds = _TYPES[shape.type_name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        yield f"{path}: {value!r} is no {shape.type_name}"
    elif shape.type_name == "structure":
        yield from _structure_problems(shape, value, path)
    elif shape.type_name == "list":
        yield from _bound_problems(shape, len(value), path)
        for number, item in enumerate(value):
            yield from _problems(shape.member, item, f"{path}[{number}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _problems(shape.key, key, f"{path} key")
            yield from _problems(shape.value, item, f"{path}[{key!r}]")
    elif shape.type_name == "timestamp":
        if not TIMESTAMP.fullmatch(value):
            yield f"{path}: {value!r} is no UTC time with milliseconds"
    elif shape.type_name == "string":
        yield from _text_problems(shape, value, path)
    elif shape.type_name in {"integer", "long", "double", "float"}:
        yield from _bound_problems(shape, value, path)


def _structure_problems(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    members = {
        member.serialization.get("name", name): (name, member)
        for name, member in shape.members.items()
        if "location" not in member.serialization
    }
    for wire_name in sorted(set(value) - set(members)):
        if (shape.name, wire_name) not in BEYOND:
            yield f"{path}: {shape.name} has no member {wire_name}"
    for wire_name, (name, member) in members.items():
        if wire_name in value:
            yield from _problems(member, value[wire_name], f"{path}.{name}")
        elif name in shape.required_members:
            yield f"{path}: {name} is missing"
    if shape.metadata.get("union") and len(value) != 1:
        yield f"{path}: {sorted(value)} in a union"


def _text_problems(shape: Any, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{path}: {value!r} is not one of {shape.enum}"
    pattern = shape.metadata.get("pattern")
    if pattern and shape.name not in BROKEN_PATTERNS and not re.fullmatch(pattern, value):
        yield f"{path}: {value!r} does not match {pattern}"
    yield from _bound_problems(shape, len(value), path)


def _bound_problems(shape: Shape, size: float, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{path}: {size} is less than {least}"
    if most is not None and size > most:
        yield f"{path}: {size} is more than {most}"
