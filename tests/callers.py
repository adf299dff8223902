"""Programs that call the AWS-shaped API with a token, through the client library's own serializer of requests."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import botocore.session
from botocore.serialize import create_serializer
from django.test import Client
from django.utils import timezone

from marketplace.core import scopes
from marketplace.core.models import Membership
from marketplace.core.operations.credentials import create_api_token
from tests.conftest import actor_of

MODEL = botocore.session.Session().get_service_model("dataexchange")
_serializer = create_serializer("rest-json", include_validation=False)
_names = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What came back; `error` is the name of the exception without its ending, empty for an accepted call."""

    status: int
    body: dict[str, Any]
    error: str
    headers: Any
    content: bytes

    @property
    def message(self) -> str:
        """Return the sentence of a refusal."""
        return str(self.body.get("Message") or self.body.get("message") or "")


def token_of(member: Membership, *wanted: str) -> str:
    """Return the text of a token with the given scopes, all when not given."""
    _, text = create_api_token(
        membership=member,
        name=f"caller {next(_names)}",
        wanted_scopes=list(wanted) or sorted(scopes.ALL),
        actor=actor_of(member),
        at=timezone.now(),
    )
    return text


class Caller:
    """One organization's program; `call` names an operation and its members as the model does."""

    def __init__(self, member: Membership, *wanted: str) -> None:
        self.client = Client(raise_request_exception=True)
        self.headers = {"Authorization": f"Bearer {token_of(member, *wanted)}"}

    def call(self, operation: str, /, options: dict[str, str] | None = None, **members: Any) -> Answer:
        """Call an operation; options: query parameters that the model does not have."""
        request = _serializer.serialize_to_request(members, MODEL.operation_model(operation))
        query = [*_pairs(request["query_string"]), *(options or {}).items()]
        path = request["url_path"] + (f"?{urlencode(query, doseq=True, quote_via=quote)}" if query else "")
        answer = self.client.generic(
            request["method"],
            path,
            data=request["body"],
            content_type=request["headers"].get("Content-Type", ""),
            headers=self.headers | {k: v for k, v in request["headers"].items() if k != "Content-Type"},
        )
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        body = json.loads(answer.content) if is_json and answer.content else {}
        error = answer.headers.get("x-amzn-errortype", "").removesuffix("Exception")
        return Answer(answer.status_code, body, error, answer.headers, answer.content)

    def ok(self, operation: str, /, **members: Any) -> dict[str, Any]:
        """Call an operation that must be accepted and return the members of its answer."""
        answer = self.call(operation, **members)
        assert answer.status < 300, (operation, answer.status, answer.error, answer.body)
        return answer.body

    def refused(self, operation: str, /, **members: Any) -> tuple[int, str]:
        """Call an operation that must be refused and return the status and the name of the exception."""
        answer = self.call(operation, **members)
        return answer.status, answer.error


def _pairs(found: Any) -> list[tuple[str, Any]]:
    return list(found.items()) if isinstance(found, dict) else list(found)
