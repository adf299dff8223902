"""Uploads: parts go to the store, and become an asset once the whole file was read back."""

import hashlib
from datetime import timedelta

import pytest
import requests
from django.utils import timezone

from marketplace.core import storage, work
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.models import AuditRecord, WorkItem
from publishers.models import Upload
from publishers.operations import revisions, uploads
from publishers.operations.revisions import AssetNameTaken, RevisionIsFinalized
from publishers.operations.uploads import UploadIsIncomplete, UploadIsOver
from publishers.tasks import abort_stale_uploads, verify_upload
from tests.conftest import actor_of, put_asset

pytestmark = pytest.mark.django_db
MIB = 1024 * 1024
TWO_PARTS = bytes(range(256)) * 32768 + b"the end"  # 8 MiB and 7 bytes


def begin(revision, member, content=b"a,b\n1,2\n", **changes):
    wanted = {
        "name": "file.csv",
        "size_bytes": len(content),
        "content_type": "text/csv",
        "modified_ms": 1700000000000,
        "at": timezone.now(),
    } | changes
    return uploads.open_upload(revision=revision, user=member.user, actor=actor_of(member), **wanted)


def send(upload, content, numbers=None):
    """Put the parts of a file to the store, as a browser does."""
    numbers = numbers or range(1, uploads.part_count(upload) + 1)
    for number, url in uploads.sign_parts(upload=upload, numbers=list(numbers)).items():
        part = content[(number - 1) * upload.part_bytes : number * upload.part_bytes]
        answer = requests.put(url, data=part, timeout=30)
        assert answer.status_code == 200, answer.text


def complete(upload, member):
    upload.refresh_from_db()
    return uploads.complete_upload(upload=upload, actor=actor_of(member), at=timezone.now())


def in_vault(upload) -> bool:
    return storage.vault().find(upload.vault_key) is not None


def parts_in_store(upload) -> int:
    return len(storage.vault().uploaded_parts(upload.vault_key, upload.upload_id))


def test_a_file_in_two_parts_becomes_an_asset_with_its_digests(draft_revision, publisher):
    upload, arrived = begin(draft_revision, publisher, TWO_PARTS)
    assert (arrived, uploads.part_count(upload), upload.part_bytes) == ([], 2, 8 * MIB)
    send(upload, TWO_PARTS)
    assert complete(upload, publisher).state == "CHECKING"
    assert draft_revision.assets.count() == 1  # not yet: nothing was read back
    work.run_due()
    asset = draft_revision.assets.get(name="file.csv")
    assert (asset.pk, asset.size_bytes) == (upload.pk, len(TWO_PARTS))
    assert asset.sha256 == hashlib.sha256(TWO_PARTS).hexdigest()
    assert asset.md5 == hashlib.md5(TWO_PARTS).hexdigest()
    assert b"".join(storage.vault().read(asset.vault_key)) == TWO_PARTS
    upload.refresh_from_db()
    assert (upload.state, upload.asset_id, upload.checked_bytes) == ("DONE", asset.pk, len(TWO_PARTS))


def test_an_empty_file_is_one_empty_part(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher, b"")
    send(upload, b"")
    complete(upload, publisher)
    work.run_due()
    assert draft_revision.assets.get(name="file.csv").sha256 == hashlib.sha256(b"").hexdigest()


def test_the_same_file_again_resumes_where_it_stopped(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher, TWO_PARTS)
    send(upload, TWO_PARTS, [1])
    again, arrived = begin(draft_revision, publisher, TWO_PARTS)
    assert (again.pk, arrived) == (upload.pk, [1])
    assert uploads.unfinished(draft_revision) == [
        {"id": upload.pk, "name": "file.csv", "size": len(TWO_PARTS), "received_bytes": 8 * MIB}
    ]
    send(again, TWO_PARTS, [2])
    assert complete(again, publisher).state == "CHECKING"


def test_a_part_of_the_wrong_size_does_not_count_as_arrived(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher, TWO_PARTS)
    send(upload, TWO_PARTS[:100], [1])
    send(upload, TWO_PARTS, [2])
    assert begin(draft_revision, publisher, TWO_PARTS)[1] == [2]
    with pytest.raises(UploadIsIncomplete, match="1 of 2 parts have not arrived yet"):
        complete(upload, publisher)
    assert Upload.objects.get().state == "OPEN"


@pytest.mark.parametrize("changes", [{"size_bytes": 9}, {"modified_ms": 2}])
def test_another_file_of_the_same_name_starts_over(draft_revision, publisher, changes):
    upload, _ = begin(draft_revision, publisher)
    send(upload, b"a,b\n1,2\n")
    other, arrived = begin(draft_revision, publisher, **changes)
    assert other.pk != upload.pk
    assert arrived == []
    upload.refresh_from_db()
    assert upload.state == "ABORTED"
    with pytest.raises(storage.StorageFault):
        parts_in_store(upload)


def test_an_upload_whose_parts_the_store_has_lost_starts_over(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher)
    storage.vault().abort_upload(upload.vault_key, upload.upload_id)
    other, arrived = begin(draft_revision, publisher)
    assert other.pk != upload.pk
    assert arrived == []


def test_completing_twice_changes_nothing(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher)
    send(upload, b"a,b\n1,2\n")
    complete(upload, publisher)
    assert complete(upload, publisher).state == "CHECKING"
    assert WorkItem.objects.filter(task="publishers.verify_upload").count() == 1
    work.run_due()
    assert complete(upload, publisher).state == "DONE"
    assert AuditRecord.objects.filter(action="upload.completed").count() == 1
    assert draft_revision.assets.filter(name="file.csv").count() == 1


def test_completing_goes_on_when_the_store_had_done_it_and_the_answer_was_lost(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher)
    send(upload, b"a,b\n1,2\n")
    parts = storage.vault().uploaded_parts(upload.vault_key, upload.upload_id)
    storage.vault().complete_upload(upload.vault_key, upload.upload_id, parts)
    assert complete(upload, publisher).state == "CHECKING"


def test_the_check_runs_twice_without_a_change(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher)
    send(upload, b"a,b\n1,2\n")
    complete(upload, publisher)
    for _ in range(2):
        verify_upload(upload_id=upload.pk)
    # and when the worker died between the asset and the state of the upload
    Upload.objects.update(state="CHECKING", asset=None)
    verify_upload(upload_id=upload.pk)
    assert draft_revision.assets.filter(name="file.csv").count() == 1
    assert Upload.objects.get().state == "DONE"
    assert AuditRecord.objects.filter(action="asset.added", subject_id=upload.pk).count() == 1


def test_a_file_of_another_size_than_announced_fails_and_leaves_no_bytes(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher)
    send(upload, b"a,b\n1,2\n")
    complete(upload, publisher)
    Upload.objects.update(size_bytes=9)
    work.run_due()
    upload.refresh_from_db()
    assert (upload.state, upload.error) == (
        "FAILED",
        "The file has 8 bytes; 9 were announced. Upload it again.",
    )
    assert draft_revision.assets.filter(name="file.csv").count() == 0
    assert not in_vault(upload)


def test_a_file_whose_name_was_taken_meanwhile_fails_and_leaves_no_bytes(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher)
    send(upload, b"a,b\n1,2\n")
    complete(upload, publisher)
    put_asset(draft_revision, "file.csv", b"other", publisher)
    work.run_due()
    upload.refresh_from_db()
    assert (upload.state, upload.error) == ("FAILED", "The revision already has an asset named file.csv.")
    assert not in_vault(upload)
    assert draft_revision.assets.get(name="file.csv").size_bytes == 5


def test_a_cancelled_upload_leaves_nothing_and_cancelling_again_changes_nothing(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher, TWO_PARTS)
    send(upload, TWO_PARTS, [1])
    for _ in range(2):
        uploads.abort_upload(upload=upload, actor=actor_of(publisher), at=timezone.now())
    upload.refresh_from_db()
    assert upload.state == "ABORTED"
    assert AuditRecord.objects.filter(action="upload.aborted").count() == 1
    with pytest.raises(storage.StorageFault) as caught:
        parts_in_store(upload)
    assert caught.value.cause == "no_object"
    with pytest.raises(UploadIsOver):
        complete(upload, publisher)
    with pytest.raises(UploadIsOver):
        uploads.sign_parts(upload=upload, numbers=[1])


def test_a_file_that_arrived_cannot_be_cancelled(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher)
    send(upload, b"a,b\n1,2\n")
    complete(upload, publisher)
    work.run_due()
    uploads.abort_upload(upload=upload, actor=actor_of(publisher), at=timezone.now())
    upload.refresh_from_db()
    assert upload.state == "DONE"
    assert in_vault(upload)
    with pytest.raises(AssetNameTaken):
        begin(draft_revision, publisher)


def test_a_file_that_is_being_checked_is_not_uploaded_again(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher)
    send(upload, b"a,b\n1,2\n")
    complete(upload, publisher)
    with pytest.raises(UploadIsOver, match="is being checked"):
        begin(draft_revision, publisher)


def test_uploads_that_nobody_went_on_with_for_a_week_are_cancelled(draft_revision, publisher):
    old, _ = begin(draft_revision, publisher, name="old.csv")
    young, _ = begin(draft_revision, publisher, name="young.csv")
    Upload.objects.filter(pk=old.pk).update(updated_at=timezone.now() - timedelta(days=7, minutes=1))
    Upload.objects.filter(pk=young.pk).update(updated_at=timezone.now() - timedelta(days=6, hours=23))
    for _ in range(2):
        abort_stale_uploads()
    assert dict(Upload.objects.values_list("name", "state")) == {"old.csv": "ABORTED", "young.csv": "OPEN"}


def test_an_upload_that_goes_on_is_not_stale(draft_revision, publisher):
    upload, _ = begin(draft_revision, publisher)
    Upload.objects.update(updated_at=timezone.now() - timedelta(days=8))
    begin(draft_revision, publisher)  # the browser comes back
    abort_stale_uploads()
    upload.refresh_from_db()
    assert upload.state == "OPEN"


@pytest.mark.parametrize("numbers", [[], [0], [3], [-1], [1] * 101])
def test_only_parts_of_the_file_are_signed(draft_revision, publisher, numbers):
    upload, _ = begin(draft_revision, publisher, TWO_PARTS)
    with pytest.raises(Invalid, match="numbered 1 to 2") as caught:
        uploads.sign_parts(upload=upload, numbers=numbers)
    assert caught.value.field == "parts"


@pytest.mark.parametrize(
    ("size", "part", "parts"),
    [(0, 8 * MIB, 1), (1, 8 * MIB, 1), (8 * MIB, 8 * MIB, 1), (8 * MIB + 1, 8 * MIB, 2), (100 * 10**9, 11111112, 9000)],
)
def test_a_file_is_cut_into_at_most_nine_thousand_parts(size, part, parts):
    upload = Upload(size_bytes=size, part_bytes=uploads.part_bytes(size))
    assert (upload.part_bytes, uploads.part_count(upload)) == (part, parts)


def test_a_negative_or_enormous_size_is_refused_before_anything_moves(draft_revision, publisher):
    with pytest.raises(Invalid):
        begin(draft_revision, publisher, size_bytes=-1)
    with pytest.raises(Exception, match="Asset size in GB"):
        begin(draft_revision, publisher, size_bytes=100 * 10**9 + 1)
    assert Upload.objects.count() == 0


def test_nothing_is_uploaded_into_a_finalized_revision(finalized_revision, publisher):
    with pytest.raises(RevisionIsFinalized):
        begin(finalized_revision, publisher)
    assert Upload.objects.count() == 0


def test_the_store_being_away_is_a_reason_to_try_the_check_again(draft_revision, publisher, monkeypatch):
    upload, _ = begin(draft_revision, publisher)
    send(upload, b"a,b\n1,2\n")
    complete(upload, publisher)
    away = storage.Bucket(
        endpoint_url="http://127.0.0.1:1", region="us-east-1", name="x", access_key_id="x", secret="x", is_ours=True
    )
    real = storage.vault()
    monkeypatch.setattr(real, "client", away.client)
    work.run_due()
    row = WorkItem.objects.get(task="publishers.verify_upload")
    assert (row.state, row.failures) == ("PENDING", 1)
    assert "cannot be reached" in row.last_error
    monkeypatch.undo()
    WorkItem.objects.update(due_at=timezone.now() - timedelta(hours=1))
    work.run_due()
    upload.refresh_from_db()
    assert upload.state == "DONE"


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_begin_the_same_file_at_once_make_one_upload(draft_revision, publisher):
    from tests.together import outcomes

    found = outcomes(*[lambda: begin(draft_revision, publisher)] * 3)
    assert all(isinstance(f, tuple | Conflict) for f in found), found
    assert Upload.objects.filter(state="OPEN").count() == 1


def test_a_removed_asset_is_gone_from_its_draft(draft_revision, publisher):
    asset = draft_revision.assets.get()
    revisions.remove_asset(asset=asset, actor=actor_of(publisher))
    work.run_due()
    assert storage.vault().find(asset.vault_key) is None
    assert draft_revision.assets.count() == 0
