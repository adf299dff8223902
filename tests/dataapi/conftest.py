"""Fixtures of the data API's tests: a subscriber's program, and files that it may read."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from dataapi import cache, readers
from marketplace.core.actors import SYSTEM
from marketplace.core.models import Membership
from marketplace.core.operations.credentials import create_api_token
from publishers.models import Asset

_names = itertools.count(1)


def token_of(member: Membership, *scopes: str) -> str:
    """Return the text of a new token."""
    _, text = create_api_token(
        membership=member,
        name=f"token {next(_names)}",
        wanted_scopes=list(scopes or ("data:read",)),
        actor=SYSTEM,
        at=timezone.now(),
    )
    return text


class Program:
    """A program that calls the data API with a token."""

    def __init__(self, token: str) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **query: Any) -> HttpResponse:
        """Call a path."""
        return self.client.get(path, query, headers=self.headers)

    def read(self, path: str, **query: Any) -> dict[str, Any]:
        """Call a path that answers 200 and return its JSON, NaN and Infinity not among it."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.content[:2000]

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} is not JSON")

        return json.loads(answer.content, parse_constant=refuse)


@pytest.fixture(autouse=True)
def own_cache(settings, tmp_path: Path) -> Path:
    """A cache that this test alone uses; its readers end with it."""
    settings.CACHE_DIRECTORY = tmp_path / "cache"
    yield tmp_path / "cache"
    deadline = time.monotonic() + 30
    while cache._builds and time.monotonic() < deadline:  # a build goes on when nobody waits for it any more
        time.sleep(0.02)
    for reader in list(readers._readers):
        readers._drop(reader)


@pytest.fixture
def program(subscriber: Membership) -> Program:
    """The subscriber's program."""
    return Program(token_of(subscriber))


@pytest.fixture
def publish(make_revision: Callable[..., Any], entitled_data_set) -> Callable[[str, bytes], str]:
    """Publish one file in a revision of its own and return its path below /data."""

    def make(name: str, content: bytes) -> str:
        revision = make_revision({name: content})
        return path_of(entitled_data_set, revision)

    return make


def path_of(entitled_data_set, revision, *, revision_id: str = "") -> str:
    """Return the path of a revision's only file."""
    asset = Asset.objects.get(revision=revision)
    return f"/data/{entitled_data_set.pk}/revisions/{revision_id or revision.pk}/assets/{asset.pk}"
