"""A revision by the digest of its content: for who may read it, and for nobody else."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from publishers.operations.revisions import revoke_revision
from publishers.queries.manifests import manifest_digest
from subscriptions.models import Entitlement
from tests.conftest import actor_of
from tests.dataapi.conftest import Program, token_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_digest_gives_the_same_content_after_a_newer_revision(
    program, publish, finalized_revision, entitled_data_set
):
    digest = manifest_digest(revision=finalized_revision)
    publish("departures.csv", b"id,delay\n1,6\n")
    found = program.read(f"/data/digests/{digest}")
    assert (found["digest"], found["revision_id"]) == (digest, finalized_revision.pk)
    assert found["data_set_id"] == entitled_data_set.pk
    assert hashlib.sha256(found["manifest"].encode()).hexdigest() == digest
    (file,) = found["files"]
    assert file["sha256"] == finalized_revision.assets.get().sha256
    path = "/data/" + file["url"].partition("/data/")[2]
    assert program.get(path.partition("?")[0]).json()["sha256"] == file["sha256"]
    assert program.get(path.partition("?")[0], redirect="1").status_code == 302


def test_nobody_else_learns_that_a_digest_exists(
    program, publisher, stranger, finalized_revision, entitled_data_set, agreement
):
    path = f"/data/digests/{manifest_digest(revision=finalized_revision)}"
    missing = f"/data/digests/{'0f' * 32}"
    for member in (publisher, stranger):
        other = Program(token_of(member))
        assert (other.get(path).status_code, other.get(missing).status_code) == (404, 404)
        assert other.get(path).json()["code"] == other.get(missing).json()["code"]
    assert Program(token_of(publisher, "catalogue:read")).get(path).status_code == 403
    assert program.get(path).status_code == 200
    now = timezone.now()
    Entitlement.objects.filter(agreement=agreement).update(
        valid_from=now - timedelta(days=1), valid_until=now - timedelta(seconds=1)
    )
    assert program.get(path).status_code == 404


def test_a_revoked_revision_is_not_pulled(program, finalized_revision, publisher, entitled_data_set):
    path = f"/data/digests/{manifest_digest(revision=finalized_revision)}"
    assert program.get(path).status_code == 200
    revoke_revision(revision=finalized_revision, comment="Wrong port.", actor=actor_of(publisher), at=timezone.now())
    assert program.get(path).status_code == 404
    assert program.get("/data/digests/short").status_code == 404
