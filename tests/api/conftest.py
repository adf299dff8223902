"""Callers of /api: programs with a token, each in its own organization."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from marketplace.core import scopes
from marketplace.core.models import Membership
from marketplace.core.operations.credentials import create_api_token
from tests.conftest import actor_of


def token_of(member: Membership, wanted: list[str] | None = None) -> str:
    """Return the text of a token with the given scopes, all when not given."""
    _, text = create_api_token(
        membership=member,
        name="For a test",
        wanted_scopes=wanted or sorted(scopes.ALL),
        actor=actor_of(member),
        at=timezone.now(),
    )
    return text


class Program:
    """A program that calls /api with a token."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.client = Client(raise_request_exception=False)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """Call; a body goes as JSON, header names are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        content = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.generic(method, path, headers=sent, **content)


@pytest.fixture
def program_of() -> Callable[..., Program]:
    """Make a program for a member, with some scopes or all."""

    def make(member: Membership, *wanted: str) -> Program:
        return Program(token_of(member, list(wanted)))

    return make


@pytest.fixture
def anonymous() -> Program:
    """A program without credentials."""
    return Program()
