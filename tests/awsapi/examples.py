"""Random but legal values for the shapes of a service model, and botocore as the other side of the wire."""

import random
import string
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.awsrequest
import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize

from marketplace.awsapi.parser import WireRequest
from marketplace.awsapi.service import Shape
from marketplace.awsapi.target import raw_target

_PATTERNED = {
    "AwsAccountId": "123456789012",
    "ClientToken": "token-1",
    "DataGrantArn": "arn:aws:dataexchange:us-east-1:123456789012:data-grants/" + "a1" * 16,
    "DataGrantId": "arn:aws:dataexchange:us-east-1:123456789012:data-grants/" + "b2" * 16,
    "Id": "0f" * 16,
    "ReceiverPrincipal": "123456789012",
    "RoleArn": "arn:aws:iam::123456789012:role/reader",
    "SenderPrincipal": "123456789012",
    "__stringMin24Max24PatternAZaZ094AZaZ092AZaZ093": "1B2M2Y8AsgTpgAmY7PhCfg==",
}


@cache
def vendor_model(service: str = "dataexchange") -> botocore.model.ServiceModel:
    """Return the model as the vendor ships it, without our patches."""
    loader = botocore.loaders.Loader(
        extra_search_paths=[botocore.loaders.Loader.BUILTIN_DATA_PATH], include_default_search_paths=False
    )
    return botocore.model.ServiceModel(loader.load_service_model(service, "service-2"), service)


def example(shape: Shape, dice: random.Random, *, whole: bool, depth: int = 0) -> Any:
    """Return a legal value; `whole` sets every member, otherwise optional ones by chance."""
    if shape.kind == "structure":
        return {
            name: example(member.shape, dice, whole=whole, depth=depth + 1)
            for name, member in shape.members.items()
            if name in shape.required or whole or member.location == "headers" or dice.random() < 0.5
        }
    if shape.kind == "list":
        return [example(shape.item, dice, whole=whole, depth=depth + 1) for _ in range(dice.randint(1, 3))]
    if shape.kind == "map":
        return {f"key{n}": example(shape.value, dice, whole=whole, depth=depth + 1) for n in range(2)}
    if shape.enum:
        return dice.choice(shape.enum)
    if shape.name in _PATTERNED:
        return _PATTERNED[shape.name]
    if shape.kind == "string":
        return "".join(dice.choice(string.ascii_letters + 'é/ :+%&="\\ü漢') for _ in range(int(shape.least or 1) + 7))
    if shape.kind == "boolean":
        return dice.random() < 0.5
    if shape.kind in {"integer", "long"}:
        return dice.randint(int(shape.least or -5), int(shape.most or 5))
    if shape.kind in {"float", "double"}:
        return dice.random() * 1000
    if shape.kind == "blob":
        return dice.randbytes(9)
    assert shape.kind == "timestamp"
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(milliseconds=dice.randint(0, 10**12))


def prepared(operation: str, members: dict[str, Any]) -> botocore.awsrequest.AWSPreparedRequest:
    """Return the request that botocore would send."""
    model = vendor_model().operation_model(operation)
    fields = botocore.serialize.create_serializer("rest-json").serialize_to_request(members, model)
    botocore.awsrequest.prepare_request_dict(fields, "http://127.0.0.1:9")
    return botocore.awsrequest.create_request_object(fields).prepare()


def wire_of(request: botocore.awsrequest.AWSPreparedRequest, labels: dict[str, str]) -> WireRequest:
    """Return what our parser sees of a botocore request, headers as WSGI hands them over."""
    body = request.body or b""
    return WireRequest(
        labels=labels,
        query=raw_target({"QUERY_STRING": urlsplit(request.url).query}).query,
        headers={name.lower(): _text(value) for name, value in request.headers.items()},
        body=body if isinstance(body, bytes) else body.encode(),
    )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def parsed_by_botocore(operation: str, status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Return what a client makes of an answer."""
    model = vendor_model().operation_model(operation)
    parser = botocore.parsers.create_parser("rest-json")
    answer = {"status_code": status, "headers": botocore.awsrequest.HeadersDict(headers), "body": body, "context": {}}
    parsed: dict[str, Any] = parser.parse(answer, model.output_shape)
    modelled = vendor_model().shape_for_error_code(parsed["Error"]["Code"]) if status >= 300 else None
    return parsed | parser.parse(answer, modelled) if modelled is not None else parsed
