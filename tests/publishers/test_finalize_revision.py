"""Finalizing: what is finalized never changes again, whoever writes to the database and whenever."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from marketplace.core.errors import Invalid
from marketplace.core.models import AuditRecord, OutboxEvent, WorkItem
from publishers.models import Asset, Revision, Upload
from publishers.operations import revisions
from publishers.operations.revisions import (
    AssetNameTaken,
    RevisionAlreadyFinalized,
    RevisionAlreadyRevoked,
    RevisionHasUploads,
    RevisionIsEmpty,
    RevisionIsFinalized,
    RevisionNotFinalized,
)
from publishers.operations.uploads import abort_upload, open_upload
from tests.conftest import actor_of, put_asset
from tests.together import blocked, outcomes

pytestmark = pytest.mark.django_db


def finalize(revision, member, at=None):
    return revisions.finalize_revision(revision=revision, actor=actor_of(member), at=at or timezone.now())


def revoke(revision, member, comment="The figures were wrong."):
    return revisions.revoke_revision(revision=revision, comment=comment, actor=actor_of(member), at=timezone.now())


def execute(statement: str, *values: object) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def test_finalizing_stores_the_instant_and_announces_it_once(draft_revision, publisher):
    at = timezone.now() - timedelta(hours=1)
    done = finalize(draft_revision, publisher, at)
    assert (done.state, done.finalized_at, done.updated_at) == ("FINALIZED", at, at)
    event = OutboxEvent.objects.get(name="revision.finalized")
    assert event.payload == {"revision_id": done.pk, "data_set_id": done.data_set_id}
    assert WorkItem.objects.filter(task="publishers.publish_revision", key=event.id).count() == 1
    assert AuditRecord.objects.filter(action="revision.finalized", subject_id=done.pk).count() == 1


def test_an_empty_revision_is_refused_and_stays_a_draft(data_set, publisher):
    empty = revisions.create_revision(data_set=data_set, comment="", actor=actor_of(publisher), at=timezone.now())
    with pytest.raises(RevisionIsEmpty):
        finalize(empty, publisher)
    empty.refresh_from_db()
    assert empty.state == "DRAFT"
    assert not OutboxEvent.objects.filter(name="revision.finalized").exists()


def test_a_second_finalize_is_refused_and_keeps_the_first_instant(finalized_revision, publisher):
    with pytest.raises(RevisionAlreadyFinalized):
        finalize(finalized_revision, publisher)
    assert Revision.objects.get(pk=finalized_revision.pk).finalized_at == finalized_revision.finalized_at
    assert OutboxEvent.objects.filter(name="revision.finalized").count() == 1


def test_a_revision_with_an_unfinished_upload_waits_for_it(draft_revision, publisher):
    upload, _ = open_upload(
        revision=draft_revision,
        user=publisher.user,
        name="late.csv",
        size_bytes=5,
        content_type="text/csv",
        modified_ms=1,
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    for state in ("OPEN", "CHECKING"):
        Upload.objects.update(state=state)
        with pytest.raises(RevisionHasUploads):
            finalize(draft_revision, publisher)
    Upload.objects.update(state="OPEN")
    abort_upload(upload=upload, actor=actor_of(publisher), at=timezone.now())
    assert finalize(draft_revision, publisher).is_finalized


def test_no_operation_changes_a_finalized_revision(finalized_revision, publisher):
    actor, asset = actor_of(publisher), finalized_revision.assets.get()
    with pytest.raises(RevisionIsFinalized):
        put_asset(finalized_revision, "more.csv", b"x", publisher)
    with pytest.raises(RevisionIsFinalized):
        revisions.remove_asset(asset=asset, actor=actor)
    with pytest.raises(RevisionIsFinalized):
        revisions.update_revision_comment(revision=finalized_revision, comment="x", actor=actor, at=timezone.now())
    assert list(finalized_revision.assets.all()) == [asset]


@pytest.mark.parametrize(
    "change",
    [
        "finalized_at = now()",
        "comment = 'other'",
        "created_at = now() - interval '1 day'",
        "id = 'ffffffffffffffffffffffffffffffff'",
    ],
)
def test_the_database_refuses_to_change_a_finalized_revision(finalized_revision, change):
    with pytest.raises(IntegrityError, match="is finalized and cannot be changed"):
        execute(f"UPDATE publishers_revision SET {change} WHERE id = %s", finalized_revision.pk)


def test_the_database_refuses_to_move_or_delete_a_finalized_revision(finalized_revision, publisher):
    from publishers.operations.data_sets import create_data_set

    other = create_data_set(
        owner=publisher.organization, name="Other", description="x", actor=actor_of(publisher), at=timezone.now()
    )
    with pytest.raises(IntegrityError, match="cannot be changed"):
        execute("UPDATE publishers_revision SET data_set_id = %s WHERE id = %s", other.pk, finalized_revision.pk)


def test_the_database_refuses_to_reopen_or_delete_a_published_revision(product, finalized_revision):
    with pytest.raises(IntegrityError, match="cannot be opened or deleted"):
        execute("UPDATE publishers_revision SET finalized_at = NULL WHERE id = %s", finalized_revision.pk)
    with pytest.raises(IntegrityError, match="cannot be opened or deleted"):
        execute("DELETE FROM publishers_revision WHERE id = %s", finalized_revision.pk)


@pytest.mark.parametrize(
    "change",
    ["name = 'other.csv'", "sha256 = repeat('a', 64)", "size_bytes = 1", "vault_key = 'assets/x'", "etag = 'x'"],
)
def test_the_database_refuses_to_change_an_asset_of_a_finalized_revision(finalized_revision, change):
    with pytest.raises(IntegrityError, match="cannot be changed"):
        execute(f"UPDATE publishers_asset SET {change} WHERE revision_id = %s", finalized_revision.pk)


INSERT = """
    INSERT INTO publishers_asset (id, revision_id, name, size_bytes, sha256, md5, etag, content_type, vault_key,
                                  created_at, updated_at)
    SELECT md5(name), revision_id, 'smuggled.csv', size_bytes, sha256, md5, etag, content_type, vault_key || 'x',
           created_at, updated_at FROM publishers_asset WHERE revision_id = %s LIMIT 1
"""


def test_the_database_refuses_to_add_or_delete_an_asset_of_a_finalized_revision(finalized_revision):
    with pytest.raises(IntegrityError, match="its assets cannot be changed"):
        execute(INSERT, finalized_revision.pk)
    with pytest.raises(IntegrityError, match="its assets cannot be changed"):
        execute("DELETE FROM publishers_asset WHERE revision_id = %s", finalized_revision.pk)
    assert Asset.objects.filter(revision=finalized_revision).count() == 1


@pytest.mark.parametrize("change", ["sha256 = repeat('a', 64)", "size_bytes = 1", "vault_key = 'assets/x'"])
def test_the_bytes_of_an_asset_cannot_be_changed_in_a_draft_either(draft_revision, change):
    with pytest.raises(IntegrityError, match="the content of asset"):
        execute(f"UPDATE publishers_asset SET {change} WHERE revision_id = %s", draft_revision.pk)


def test_an_asset_cannot_leave_a_draft_for_another_revision(draft_revision, make_revision):
    other = make_revision(finalize=False)
    with pytest.raises(IntegrityError, match="the content of asset"):
        execute("UPDATE publishers_asset SET revision_id = %s WHERE revision_id = %s", other.pk, draft_revision.pk)


def test_the_names_in_a_revision_are_unique(draft_revision, publisher):
    with pytest.raises(AssetNameTaken):
        put_asset(draft_revision, "departures.csv", b"x", publisher)
    assert draft_revision.assets.count() == 1


@pytest.mark.parametrize("name", ["", "/a", "a//b", "../a", "a/../b", "./a", "a/", "a\x00", "a\n", "x" * 1025])
def test_a_name_that_cannot_be_a_key_is_refused(draft_revision, publisher, name):
    with pytest.raises(Invalid) as caught:
        put_asset(draft_revision, name, b"x", publisher)
    assert caught.value.field == "name"
    assert draft_revision.assets.count() == 1


def test_revoking_is_for_good_and_only_for_what_was_finalized(draft_revision, publisher):
    with pytest.raises(RevisionNotFinalized):
        revoke(draft_revision, publisher)
    finalize(draft_revision, publisher)
    for comment in ("", "too short", "x" * 513):
        with pytest.raises(Invalid):
            revoke(draft_revision, publisher, comment)
    done = revoke(draft_revision, publisher)
    assert (done.state, done.revocation_comment) == ("REVOKED", "The figures were wrong.")
    with pytest.raises(RevisionAlreadyRevoked):
        revoke(draft_revision, publisher)
    for change in ("revoked_at = NULL", "revoked_at = now() - interval '1 day'"):
        with pytest.raises(IntegrityError):
            execute(f"UPDATE publishers_revision SET {change} WHERE id = %s", done.pk)


def test_the_database_refuses_a_revoked_draft(draft_revision):
    with pytest.raises(IntegrityError, match="revoked_only_if_finalized"):
        execute("UPDATE publishers_revision SET revoked_at = now() WHERE id = %s", draft_revision.pk)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_an_asset_that_comes_while_a_finalize_is_under_way_is_refused(self, draft_revision, publisher):
        with transaction.atomic():
            finalize(draft_revision, publisher)
            with blocked(lambda: put_asset(draft_revision, "late.csv", b"x", publisher)) as late:
                pass
        with pytest.raises(RevisionIsFinalized):
            late.outcome()
        assert draft_revision.assets.count() == 1

    def test_a_statement_that_passes_our_operations_by_is_refused_too(self, draft_revision, publisher):
        with transaction.atomic():
            finalize(draft_revision, publisher)
            with blocked(lambda: execute(INSERT, draft_revision.pk)) as late:
                pass
        with pytest.raises(IntegrityError, match="its assets cannot be changed"):
            late.outcome()
        assert draft_revision.assets.count() == 1

    def test_a_finalize_waits_for_an_asset_that_is_being_added(self, draft_revision, publisher):
        with transaction.atomic():
            assert execute(INSERT, draft_revision.pk) == 1
            with blocked(lambda: finalize(draft_revision, publisher)) as finalizing:
                pass
        assert finalizing.outcome().is_finalized
        assert draft_revision.assets.count() == 2

    def test_of_two_finalizes_at_once_one_wins(self, draft_revision, publisher):
        found = outcomes(*[lambda: finalize(draft_revision, publisher)] * 4)
        assert sum(isinstance(f, Revision) for f in found) == 1
        assert sum(isinstance(f, RevisionAlreadyFinalized) for f in found) == 3
        assert OutboxEvent.objects.filter(name="revision.finalized").count() == 1

    def test_of_two_assets_of_one_name_at_once_one_wins(self, draft_revision, publisher):
        found = outcomes(*[lambda: put_asset(draft_revision, "same.csv", b"x", publisher)] * 3)
        assert sum(isinstance(f, Asset) for f in found) == 1
        assert sum(isinstance(f, AssetNameTaken) for f in found) == 2
        assert draft_revision.assets.filter(name="same.csv").count() == 1
