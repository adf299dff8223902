"""A WSGI application for the test of the real server: says which operation was asked for, and whether the signature holds."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from marketplace.awsapi.router import Router
from marketplace.awsapi.service import load_service
from marketplace.awsapi.sigv4 import AuthenticationFailed, Expected, SignedRequest, verify
from marketplace.awsapi.target import query_pairs, raw_target

SECRET = "not-a-secret-of-anybody"
ROUTER = Router([load_service("dataexchange")])


def application(environ: dict[str, Any], start: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """Answer one request."""
    target = raw_target(environ)
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers |= {name.replace("_", "-").lower(): environ[name] for name in ("CONTENT_TYPE",) if name in environ}
    body = environ["wsgi.input"].read()
    request = SignedRequest(environ["REQUEST_METHOD"], target.paths, target.query, tuple(headers.items()), body)
    match = ROUTER.match(request.method, target.paths)
    try:
        verify(
            request,
            now=datetime.now(UTC),
            expected=Expected("us-east-1", frozenset({"dataexchange"})),
            secret_of=lambda _: SECRET,
        )
        verdict = "verified"
    except AuthenticationFailed as failure:
        verdict = failure.code
    answer = {
        "operation": match.operation.name,
        "labels": match.labels,
        "query": query_pairs(target.query),
        "verdict": verdict,
    }
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
