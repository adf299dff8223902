"""Profiles of revisions: asked for when they are finalized, measured once, cancelled, resumed; one set of objects stays."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.core import jail, storage, work
from marketplace.core.actors import SYSTEM
from marketplace.core.models import OutboxEvent, WorkItem
from publishers.models import Profile, ProfileState
from publishers.operations import local_copies, profile_runs, profiles, revisions
from publishers.queries.manifests import manifest_digest
from publishers.queries.profiles import get_profile, newest_profile
from publishers.tasks import profile_revision
from tests.api.conftest import Program, token_of
from tests.conftest import actor_of, put_asset

pytestmark = pytest.mark.django_db
FILES = {
    "sales/2024.csv": b"id,price,day\n1,2.50,2024-01-01\n2,3.75,2024-01-02\n3\n",
    "sales/2025.csv": b"id,price,day\n4,NA,2025-01-01\n",
    "notes.md": b"# Notes",
}


@pytest.fixture(autouse=True)
def own_cache(settings, tmp_path):
    settings.CACHE_DIRECTORY = tmp_path / "cache"


def objects_of(revision) -> set[str]:
    return {found.key for found in storage.vault().walk(f"profiles/{revision.pk}/")}


def signed_in(member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def again(revision, member):
    return profiles.measure_again(revision=revision, actor=actor_of(member), at=timezone.now())


def test_a_finalized_revision_is_measured_over_all_its_files(make_revision, django_assert_num_queries):
    revision = make_revision(FILES)
    with django_assert_num_queries(2):
        profile = get_profile(revision)
        (table,) = profile.tables.all()
    assert (profile.state, profile.is_partial, profile.digest) == ("DONE", False, manifest_digest(revision=revision))
    assert (profile.files_done, profile.bytes_done) == (3, sum(map(len, FILES.values())))
    assert profile.notes == [{"file": "notes.md", "reason": "notes.md is not of a format that holds tables."}]
    assert (table.name, table.row_count, table.keys) == ("sales", 3, [["id"], ["day"]])
    assert table.rejected == [
        {"file": "sales/2024.csv", "line": 4, "reason": "has 1 value, the first line names 3 columns"}
    ]
    assert [(file["name"], file["rows"]) for file in table.files] == [("sales/2024.csv", 2), ("sales/2025.csv", 1)]
    assert {file["asset_id"] for file in table.files} == set(
        revision.assets.filter(name__startswith="sales").values_list("pk", flat=True)
    )
    assert [(column["name"], column["type"], column["nulls"]) for column in table.columns] == [
        ("id", "BIGINT", 0),
        ("price", "DOUBLE", 1),
        ("day", "DATE", 0),
    ]
    assert table.coverage == {"column": "day", "from": "2024-01-01", "to": "2025-01-01"}
    assert objects_of(revision) == {table.parquet[0]["key"]}
    assert storage.vault().read_start(table.parquet[0]["key"], 4) == b"PAR1"
    assert OutboxEvent.objects.filter(name="revision.profiled").count() == 1


def test_measuring_twice_leaves_one_set_of_objects_and_a_deleted_revision_none(make_revision, publisher):
    revision = make_revision(FILES)
    first = objects_of(revision)
    item = WorkItem.objects.get(task="publishers.profile_revision", arguments__has_key="token")
    profile_revision(**item.arguments)  # the work row is run again
    assert profiles.ensure_profile(revision=revision, at=timezone.now()).state == "DONE"
    assert objects_of(revision) == first
    assert again(revision, publisher).state == ProfileState.WAITING
    work.run_due()
    second = objects_of(revision)
    assert len(second) == 1 and not second & first
    revisions.delete_revision(revision=revision, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    assert objects_of(revision) == set()
    assert not Profile.objects.exists()


def test_a_draft_whose_files_changed_is_measured_anew(make_revision, publisher):
    revision = make_revision({"a.csv": b"x\n1\n"}, finalize=False)
    before = profiles.ensure_profile(revision=revision, at=timezone.now())
    put_asset(revision, "b.csv", b"y\nz\n", publisher)
    now = profiles.ensure_profile(revision=revision, at=timezone.now() + timedelta(seconds=1))
    assert before.digest != now.digest
    work.run_due()  # the run of the first request finds that it is another's
    assert [table.name for table in get_profile(revision).tables.all()] == ["a", "b"]
    assert WorkItem.objects.filter(task="publishers.profile_revision", state="DONE").count() == 2


def test_a_cancelled_profile_stops_and_leaves_nothing(make_revision, publisher, monkeypatch):
    revision = make_revision({"a.csv": b"x\n1\n"}, finalize=False)
    profiles.ensure_profile(revision=revision, at=timezone.now())
    profiles.cancel_profile(revision=revision, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    assert get_profile(revision).state == "CANCELLED"
    with pytest.raises(profiles.ProfileNotLive):
        profiles.cancel_profile(revision=revision, actor=actor_of(publisher), at=timezone.now())
    # while it runs: the next step finds out
    profile = again(revision, publisher)
    running = profiles.begin_run(revision_id=revision.pk, token=profiles.token_of(profile), at=timezone.now())
    profiles.cancel_profile(revision=revision, actor=actor_of(publisher), at=timezone.now())
    with pytest.raises(profile_runs._Stopped):
        profile_runs._Run(running, "run", timezone.now()).run()
    assert objects_of(revision) == set()
    assert get_profile(revision).state == "CANCELLED"


def test_the_next_worker_goes_on_where_one_was_killed(make_revision, publisher, settings):
    revision = make_revision({"a.csv": b"x\n1\n"}, finalize=False)
    profile = profiles.ensure_profile(revision=revision, at=timezone.now())
    # a worker claims the row, begins, stores something, and is gone
    lease = work.claim()
    assert profiles.begin_run(revision_id=revision.pk, token=profiles.token_of(profile), at=timezone.now())
    storage.vault().put(f"profiles/{revision.pk}/lost/0000.parquet", b"half")
    left = local_copies._root() / "lost"
    left.mkdir()
    left.with_suffix(".lock").touch()
    WorkItem.objects.filter(pk=lease.item_id).update(lease_until=timezone.now() - timedelta(seconds=1))
    work.run_due()
    assert get_profile(revision).state == "DONE"
    assert objects_of(revision) == {get_profile(revision).tables.get().parquet[0]["key"]}
    assert list(local_copies._root().iterdir()) == []


def test_a_file_that_takes_the_jail_down_is_left_out_and_said(make_revision, monkeypatch):
    monkeypatch.setattr(profile_runs, "_RUN", f"data, out = data, out; exec({_FALLS!r})")
    revision = make_revision({"bad.csv": b"x\n1\n", "good.csv": b"y\nz\n"})
    profile = get_profile(revision)
    assert (profile.state, profile.is_partial) == ("DONE", True)
    assert [table.name for table in profile.tables.all()] == ["good"]
    assert profile.notes == [
        {
            "file": "bad.csv",
            "reason": "bad.csv needs more memory or time to measure than one file may use here.",
        }
    ]


#: the jail as it is, but that reading bad.csv ends the process
_FALLS = """
import os
from jailed import profiling
read = profiling.pieces_of
def falls(path, name, room):
    if name == 'bad.csv':
        os._exit(1)
    return read(path, name, room)
profiling.pieces_of = falls
profiling.main(data, out, requests())
"""


def test_what_cannot_be_measured_says_why(make_revision, settings, monkeypatch):
    settings.PROFILE_BYTES = 10
    part = get_profile(make_revision({"a.csv": b"x\n1\n", "b.csv": b"y\n" + b"2\n" * 10}))
    assert (part.state, part.is_partial, [table.name for table in part.tables.all()]) == ("DONE", True, ["a"])
    assert part.notes[0]["reason"].startswith("b.csv is not read: with it there would be more bytes than is measured")
    monkeypatch.setattr(jail, "available_kinds", lambda: ())
    failed = get_profile(make_revision({"a.csv": b"x\n1\n"}))
    assert (failed.state, failed.error) == ("FAILED", profile_runs.NO_JAIL)


def test_a_damaged_object_ends_the_profile_with_a_sentence(make_revision):
    revision = make_revision({"a.csv": b"x\n1\n"}, finalize=False)
    storage.vault().put(revision.assets.get().vault_key, b"x\n2\n")
    profiles.ensure_profile(revision=revision, at=timezone.now())
    work.run_due()
    failed = get_profile(revision)
    assert (failed.state, failed.error) == ("FAILED", "The stored bytes of a.csv do not match their checksum.")


def test_publishing_waits_for_nothing(make_revision, publisher, product):
    revision = make_revision({"a.csv": b"x\n1\n"}, finalize=False)
    revisions.finalize_revision(revision=revision, actor=actor_of(publisher), at=timezone.now())
    profile = profiles.ensure_profile(revision=revision, at=timezone.now())
    assert (profile.state, revision.publications.count()) == ("WAITING", 0)
    revisions.publish_revision(revision=revision, at=timezone.now())
    assert revision.publications.count() == 1
    work.run_due()
    assert newest_profile(product).pk == revision.pk
    revisions.revoke_revision(revision=revision, comment="It was all wrong.", actor=SYSTEM, at=timezone.now())
    assert newest_profile(product).pk != revision.pk


def test_hostile_texts_are_kept_as_texts_that_the_database_takes(make_revision):
    rows = [{"a": "x\u0000y", "<script>": "'); DROP TABLE t; --", "long": "z" * 5000}]
    table = get_profile(make_revision({"a.json": json.dumps(rows).encode()})).tables.get()
    assert [column["name"] for column in table.columns] == ["a", "<script>", "long"]
    assert table.columns[1]["least"] == "'); DROP TABLE t; --"
    assert table.columns[2]["longest"] == 5000
    assert len(table.columns[2]["greatest"]) == 200


# --- pages and /api -------------------------------------------------------------------------------------------------------
def test_publisher_and_subscriber_see_the_same_card(make_revision, publisher, subscriber, entitled_data_set):
    revision = make_revision(FILES)
    page = f"/publish/data-sets/{revision.data_set_id}/revisions/{revision.pk}"
    own, theirs = signed_in(publisher), signed_in(subscriber)
    shown = own.get(page).content.decode()
    assert "Measure again" in shown
    for text in (shown, theirs.get(f"/my-data/{entitled_data_set.pk}/revisions/{revision.pk}").content.decode()):
        assert "Columns of sales" in text
        assert "sales/2024.csv, line 4: has 1 value, the first line names 3 columns" in text
        assert "every 2s" not in text.partition('id="profile"')[2].partition(">")[0]
    assert own.post(f"{page}/profile").status_code == 302
    waiting = own.get(page).content.decode()
    assert 'hx-trigger="every 2s" hx-select="#profile"' in waiting
    assert own.post(f"{page}/profile/cancel").status_code == 302
    assert own.post(f"{page}/profile/cancel").status_code == 409
    assert get_profile(revision).state == "CANCELLED"
    assert theirs.post(f"{page}/profile").status_code == 404


def test_programs_read_start_and_cancel(make_revision, publisher, subscriber, entitled_data_set):
    revision = make_revision(FILES)
    own, theirs = Program(token_of(publisher)), Program(token_of(subscriber))
    path = f"/api/data-sets/{revision.data_set_id}/revisions/{revision.pk}/profile"
    found = own.call("get", path)
    assert (found.status_code, found.json()["state"]) == (200, "DONE")
    assert found.json()["tables"][0]["columns"][0]["quantiles"] == {"0.25": 1.5, "0.5": 2.0, "0.75": 3.0}
    shared = f"/api/entitlements/{entitled_data_set.pk}/revisions/{revision.pk}/profile"
    assert theirs.call("get", shared).json() == found.json()
    assert own.call("post", path).json()["state"] == "WAITING"
    assert own.call("post", f"{path}/cancel").json()["state"] == "CANCELLED"
    assert own.call("post", f"{path}/cancel").json()["code"] == "ProfileNotLive"
    draft = make_revision({"a.csv": b"x\n1\n"}, finalize=False)
    assert own.call("get", path.replace(revision.pk, draft.pk)).status_code == 404
