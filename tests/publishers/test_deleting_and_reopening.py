"""Until it is published a finalized revision can be opened again or deleted; what was published once stays."""

from concurrent.futures import Future

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from jobs.models import Job
from jobs.operations import exports, imports
from jobs.queries import get_job
from marketplace.core import storage, work
from marketplace.core.errors import Conflict, Invalid, LimitExceeded, NotFound
from marketplace.core.ids import new_id
from marketplace.core.models import AuditRecord
from publishers.models import Asset, AssetType, DataSet, HistoryRule, PublishedDataSet, Revision, Upload
from publishers.operations import data_sets, products, revisions
from publishers.operations.data_sets import DataSetInUse, delete_data_set
from publishers.operations.revisions import (
    AssetNameTaken,
    AssetTypeDiffers,
    RevisionIsFinalized,
    RevisionIsPublished,
    RevisionIsRevoked,
)
from publishers.operations.uploads import open_upload
from subscriptions.models import DataGrant
from subscriptions.operations import delete_data_grant
from tests.callers import Caller
from tests.conftest import actor_of, connect, make_listable, put_asset
from tests.grants import accept, give_data_grant, make_api_revision
from tests.jobs.parties import export
from tests.together import blocked, outcomes

pytestmark = pytest.mark.django_db


def reopen(revision, member):
    return revisions.reopen_revision(revision=revision, actor=actor_of(member), at=timezone.now())


def finalize(revision, member):
    done = revisions.finalize_revision(revision=revision, actor=actor_of(member), at=timezone.now())
    work.run_due()
    return done


def delete(revision, member):
    revisions.delete_revision(revision=revision, actor=actor_of(member), at=timezone.now())


def revoke(revision, member):
    return revisions.revoke_revision(
        revision=revision, comment="The figures were wrong.", actor=actor_of(member), at=timezone.now()
    )


def rename(asset, name, member):
    return revisions.rename_asset(asset=asset, name=name, actor=actor_of(member), at=timezone.now())


def drop(data_set, member):
    delete_data_set(data_set=data_set, actor=actor_of(member), at=timezone.now())


def execute(statement: str, *values: object) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def audited(action: str, subject_id: str) -> int:
    return AuditRecord.objects.filter(action=action, subject_id=subject_id).count()


@pytest.fixture
def listed(publisher, data_set):
    """Make a product with the data set; published unless asked otherwise."""

    def make(*, publish: bool = True, **rules):
        at, actor = timezone.now(), actor_of(publisher)
        made = products.create_product(
            owner=publisher.organization,
            name="Departures",
            category="Mobility",
            short_description="x",
            description="x",
            support_contact="x",
            terms="x",
            actor=actor,
            at=at,
        )
        products.add_data_set(product=made, data_set=data_set, actor=actor, at=at, **rules)
        make_listable(made, publisher)
        if publish:
            made = products.publish_product(product=made, actor=actor, at=timezone.now())
            work.run_due()
        return made

    return make


# --- opening again ------------------------------------------------------------------------------------------------------
def test_a_finalized_revision_is_opened_changed_and_finalized_again(finalized_revision, publisher):
    opened = reopen(finalized_revision, publisher)
    assert (opened.state, opened.finalized_at) == ("DRAFT", None)
    put_asset(opened, "more.csv", b"x", publisher)
    rename(opened.assets.get(name="departures.csv"), "first.csv", publisher)
    done = finalize(opened, publisher)
    assert done.finalized_at > finalized_revision.finalized_at
    assert sorted(done.assets.values_list("name", flat=True)) == ["first.csv", "more.csv"]
    assert (audited("revision.reopened", done.pk), audited("revision.finalized", done.pk)) == (1, 2)


def test_opening_a_draft_changes_nothing(draft_revision, publisher):
    before = Revision.objects.values().get(pk=draft_revision.pk)
    reopen(draft_revision, publisher)
    assert Revision.objects.values().get(pk=draft_revision.pk) == before
    assert audited("revision.reopened", draft_revision.pk) == 0


def test_a_revoked_revision_stays_revoked(finalized_revision, publisher):
    revoke(finalized_revision, publisher)
    with pytest.raises(RevisionIsRevoked):
        reopen(finalized_revision, publisher)
    finalized_revision.refresh_from_db()
    assert finalized_revision.state == "REVOKED"


def test_a_deleted_revision_is_not_found(finalized_revision, publisher):
    delete(finalized_revision, publisher)
    with pytest.raises(NotFound):
        reopen(finalized_revision, publisher)


def test_a_published_revision_is_neither_opened_nor_deleted(product, finalized_revision, publisher):
    for change in (reopen, delete):
        with pytest.raises(RevisionIsPublished):
            change(finalized_revision, publisher)
    assert Revision.objects.get(pk=finalized_revision.pk).state == "FINALIZED"
    revoke(finalized_revision, publisher)
    with pytest.raises(RevisionIsPublished):
        delete(finalized_revision, publisher)
    with pytest.raises(RevisionIsRevoked):
        reopen(finalized_revision, publisher)


def test_what_is_about_to_be_published_counts_as_published(product, make_revision, publisher):
    draft = make_revision(finalize=False)
    revisions.finalize_revision(revision=draft, actor=actor_of(publisher), at=timezone.now())  # no worker runs yet
    assert not draft.publications.exists()
    for change in (reopen, delete):
        with pytest.raises(RevisionIsPublished):
            change(draft, publisher)
    work.run_due()
    assert draft.publications.count() == 1


@pytest.mark.parametrize(
    ("rules", "is_held"),
    [
        ({}, True),
        ({"history_rule": HistoryRule.NONE}, False),
        ({"history_rule": HistoryRule.LAST, "history_count": 1}, False),
        ({"history_rule": HistoryRule.LAST, "history_count": 2}, True),
    ],
)
def test_past_revisions_are_held_by_the_rules_of_the_product(make_revision, listed, publisher, rules, is_held):
    older, newer = make_revision(), make_revision()
    listed(**rules)
    assert older.publications.exists() is is_held
    if is_held:
        with pytest.raises(RevisionIsPublished):
            reopen(older, publisher)
    else:
        assert reopen(older, publisher).state == "DRAFT"
    assert newer.publications.exists() is (rules.get("history_rule") != HistoryRule.NONE)


def test_future_revisions_that_a_product_does_not_take_can_be_opened(make_revision, listed, publisher):
    make_revision()
    listed(future_rule=False)
    later = make_revision()
    assert not later.publications.exists()
    assert reopen(later, publisher).state == "DRAFT"


def test_a_product_that_was_not_published_holds_nothing(finalized_revision, listed, publisher, data_set):
    listed(publish=False)
    assert reopen(finalized_revision, publisher).state == "DRAFT"
    finalize(finalized_revision, publisher)
    delete(finalized_revision, publisher)
    assert not Revision.objects.exists()


def test_a_data_grant_holds_each_revision_until_it_is_withdrawn_unaccepted(finalized_revision, publisher, subscriber):
    grant = give_data_grant(publisher, subscriber, finalized_revision.data_set)
    with pytest.raises(RevisionIsPublished):
        reopen(finalized_revision, publisher)
    delete_data_grant(data_grant=grant, actor=actor_of(publisher), at=timezone.now())
    assert reopen(finalized_revision, publisher).state == "DRAFT"


def test_what_an_accepted_grant_gave_stays_after_the_grant(finalized_revision, publisher, subscriber, make_revision):
    grant = give_data_grant(publisher, subscriber, finalized_revision.data_set)
    accept(grant, subscriber)
    delete_data_grant(data_grant=grant, actor=actor_of(publisher), at=timezone.now())
    with pytest.raises(RevisionIsPublished):
        delete(finalized_revision, publisher)
    later = make_revision()
    assert not later.publications.exists()
    assert reopen(later, publisher).state == "DRAFT"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE publishers_revision SET finalized_at = NULL WHERE id = %s",
        "DELETE FROM publishers_revision WHERE id = %s",
    ],
)
def test_the_database_holds_what_is_published(product, finalized_revision, statement):
    with pytest.raises(IntegrityError, match="is published and cannot be opened or deleted"):
        execute(statement, finalized_revision.pk)


@pytest.mark.parametrize(
    "change",
    [
        "finalized_at = NULL, comment = 'other'",
        "finalized_at = NULL, created_at = now() - interval '1 day'",
        "finalized_at = NULL, id = 'ffffffffffffffffffffffffffffffff'",
    ],
)
def test_the_database_opens_a_revision_and_changes_nothing_else_with_it(finalized_revision, change):
    with pytest.raises(IntegrityError, match="is finalized and cannot be changed"):
        execute(f"UPDATE publishers_revision SET {change} WHERE id = %s", finalized_revision.pk)


def test_the_database_opens_no_revoked_revision(finalized_revision, publisher):
    revoke(finalized_revision, publisher)
    with pytest.raises(IntegrityError):
        execute("UPDATE publishers_revision SET finalized_at = NULL WHERE id = %s", finalized_revision.pk)
    with pytest.raises(IntegrityError):
        execute(
            "UPDATE publishers_revision SET finalized_at = NULL, revoked_at = NULL WHERE id = %s", finalized_revision.pk
        )


@pytest.mark.django_db(transaction=True)
def test_opening_and_publishing_at_once_leave_one_of_the_two(make_revision, listed, publisher):
    make_revision()
    product = listed(publish=False)
    revision = make_revision()
    at, actor = timezone.now(), actor_of(publisher)
    opened, published = outcomes(
        lambda: reopen(revision, publisher),
        lambda: products.publish_product(product=product, actor=actor, at=at),
    )
    assert not isinstance(published, Exception)
    work.run_due()
    revision.refresh_from_db()
    if isinstance(opened, Exception):
        assert isinstance(opened, RevisionIsPublished)
        assert (revision.state, revision.publications.count()) == ("FINALIZED", 1)
    else:
        assert (revision.state, revision.publications.count()) == ("DRAFT", 0)


@pytest.mark.django_db(transaction=True)
def test_opening_waits_for_a_publication_that_is_under_way(finalized_revision, listed, publisher):
    product = listed(publish=False)
    with transaction.atomic():
        products.publish_product(product=product, actor=actor_of(publisher), at=timezone.now())
        with blocked(lambda: reopen(finalized_revision, publisher)) as opening:
            pass
    with pytest.raises(RevisionIsPublished):
        opening.outcome()


# --- deleting a revision ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", ["draft", "finalized", "revoked"])
def test_an_unpublished_revision_is_deleted_with_its_bytes_in_every_state(make_revision, publisher, state):
    revision = make_revision({"a.csv": b"1", "b.csv": b"2"}, finalize=state != "draft")
    if state == "revoked":
        revoke(revision, publisher)
    keys = list(revision.assets.values_list("vault_key", flat=True))
    delete(revision, publisher)
    assert (Revision.objects.count(), Asset.objects.count()) == (0, 0)
    assert audited("revision.deleted", revision.id) == 1
    assert all(storage.vault().find(key) is not None for key in keys)
    work.run_due()
    assert [storage.vault().find(key) for key in keys] == [None, None]


def test_a_revision_that_is_deleted_twice_is_not_found(draft_revision, publisher):
    delete(draft_revision, publisher)
    with pytest.raises(NotFound):
        delete(Revision(pk=draft_revision.id, data_set_id=draft_revision.data_set_id), publisher)
    assert audited("revision.deleted", draft_revision.id) == 1


def test_open_uploads_end_with_their_revision(draft_revision, publisher):
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
    vault = storage.vault()
    listed = lambda: vault.client.list_multipart_uploads(Bucket=vault.name, Prefix=upload.vault_key).get("Uploads", [])  # noqa: E731
    assert len(listed()) == 1
    delete(draft_revision, publisher)
    work.run_due()
    assert (Upload.objects.count(), listed()) == (0, [])


def test_jobs_and_receipts_outlive_their_revision(finalized_revision, publisher, bucket_name):
    job = export(publisher, None, finalized_revision, connect(publisher, bucket_name))
    assert job.state == "COMPLETED"
    delete(finalized_revision, publisher)
    job = get_job(organization=publisher.organization, job_id=job.pk)
    assert (job.state, job.revision_id, job.revision) == ("COMPLETED", finalized_revision.id, None)
    (line,) = job.transfers.all()
    assert (line.name, line.asset_id, line.state) == ("departures.csv", None, "DONE")
    program = Caller(publisher)
    assert program.ok("GetJob", JobId=job.pk)["Details"]["ExportRevisionsToS3"]["RevisionDestinations"][0][
        "RevisionId"
    ] == (finalized_revision.id)
    assert [row["Id"] for row in program.ok("ListJobs")["Jobs"]] == [job.pk]


# --- deleting a data set ------------------------------------------------------------------------------------------------
def test_a_data_set_goes_with_all_its_revisions(data_set, make_revision, publisher):
    kept = [make_revision(), make_revision(finalize=False), make_revision()]
    revoke(kept[2], publisher)
    keys = list(Asset.objects.values_list("vault_key", flat=True))
    drop(data_set, publisher)
    work.run_due()
    assert (DataSet.objects.count(), Revision.objects.count(), Asset.objects.count()) == (0, 0, 0)
    assert [storage.vault().find(key) for key in keys] == [None] * 3
    with pytest.raises(NotFound):
        drop(DataSet(pk=kept[0].data_set_id), publisher)


def test_a_data_set_of_a_product_or_a_grant_stays(data_set, finalized_revision, listed, publisher, subscriber):
    grant = give_data_grant(publisher, subscriber, data_set)
    with pytest.raises(DataSetInUse, match="in a data grant"):
        drop(data_set, publisher)
    delete_data_grant(data_grant=grant, actor=actor_of(publisher), at=timezone.now())
    product = listed(publish=False)
    with pytest.raises(DataSetInUse, match="in Departures"):
        drop(data_set, publisher)
    assert Revision.objects.get(pk=finalized_revision.pk).state == "FINALIZED"
    products.remove_data_set(product=product, data_set=data_set, actor=actor_of(publisher))
    drop(data_set, publisher)
    assert not DataSet.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rival", ["revision", "grant", "product"])
def test_a_data_set_that_is_deleted_while_it_is_used_is_gone_or_used(
    data_set, finalized_revision, listed, publisher, subscriber, rival
):
    actor, at = actor_of(publisher), timezone.now()
    other = None
    if rival == "product":
        other = listed(publish=False)
        products.remove_data_set(product=other, data_set=data_set, actor=actor)
    uses = {
        "revision": lambda: revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at),
        "grant": lambda: give_data_grant(publisher, subscriber, data_set),
        "product": lambda: products.add_data_set(product=other, data_set=data_set, actor=actor, at=at),
    }
    deleted, used = outcomes(lambda: drop(data_set, publisher), uses[rival])
    if isinstance(used, Exception):
        assert isinstance(used, NotFound), used
        assert (deleted, DataSet.objects.count(), Revision.objects.count()) == (None, 0, 0)
        assert (PublishedDataSet.objects.count(), DataGrant.objects.count()) == (0, 0)
    elif rival == "revision":  # it was there first, and went with the data set
        assert (deleted, DataSet.objects.count(), Revision.objects.count()) == (None, 0, 0)
    else:
        assert isinstance(deleted, DataSetInUse), deleted
        assert (DataSet.objects.count(), PublishedDataSet.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rival", ["revision", "grant", "product"])
def test_who_comes_while_a_data_set_is_being_deleted_finds_none(
    data_set, finalized_revision, listed, publisher, subscriber, rival
):
    actor, at = actor_of(publisher), timezone.now()
    other = None
    if rival == "product":
        other = listed(publish=False)
        products.remove_data_set(product=other, data_set=data_set, actor=actor)
    uses = {
        "revision": lambda: revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at),
        "grant": lambda: give_data_grant(publisher, subscriber, data_set),
        "product": lambda: products.add_data_set(product=other, data_set=data_set, actor=actor, at=at),
    }
    with transaction.atomic():
        drop(data_set, publisher)
        with blocked(uses[rival]) as late:
            pass
    with pytest.raises(NotFound):
        late.outcome()


@pytest.mark.django_db(transaction=True)
def test_an_import_that_is_under_way_when_its_data_set_is_deleted_leaves_nothing(data_set, publisher, bucket_name):
    actor, at = actor_of(publisher), timezone.now()
    draft = revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at)
    source = storage.bucket_of(connect(publisher, bucket_name))
    source.put("a.csv", b"1")
    job = imports.create_import_from_s3(
        organization=publisher.organization,
        revision=draft,
        sources=[{"bucket": bucket_name, "key": "a.csv"}],
        actor=actor,
        at=at,
    )
    exports.start(job=job, actor=actor, at=at)
    running = imports._Run(Job.objects.select_related("revision__data_set", "organization").get(pk=job.pk))
    transfer = job.transfers.get()
    fetched = running.fetch(transfer)
    drop(data_set, publisher)
    future: Future = Future()
    future.set_result(fetched)
    assert running.record(transfer, future) == ""
    job = Job.objects.get(pk=job.pk)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "RESOURCE_NOT_FOUND_EXCEPTION")
    assert storage.vault().find(fetched.vault_key) is None


@pytest.mark.django_db(transaction=True)
def test_a_data_set_that_is_deleted_while_a_revision_is_finalized_is_deleted(data_set, make_revision, publisher):
    drafts = [make_revision(finalize=False) for _ in range(3)]
    at, actor = timezone.now(), actor_of(publisher)
    deleted, *finalized = outcomes(
        lambda: drop(data_set, publisher),
        *(lambda r=r: revisions.finalize_revision(revision=r, actor=actor, at=at) for r in drafts),
    )
    assert deleted is None
    assert all(isinstance(one, Revision | NotFound) for one in finalized), finalized
    work.run_due()
    assert (DataSet.objects.count(), Revision.objects.count(), Asset.objects.count()) == (0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_products_and_revisions_of_several_data_sets_are_published_side_by_side(publisher):
    at, actor = timezone.now(), actor_of(publisher)
    sets = [
        data_sets.create_data_set(owner=publisher.organization, name=f"{n}", description="x", actor=actor, at=at)
        for n in range(3)
    ]
    made = []
    for data_set in sets:
        for _ in range(2):
            revision = revisions.create_revision(data_set=data_set, comment="", actor=actor, at=timezone.now())
            put_asset(revision, "a.csv", b"1", publisher)
            made.append(revisions.finalize_revision(revision=revision, actor=actor, at=timezone.now()))
    shelves = []
    for n in range(3):
        product = products.create_product(
            owner=publisher.organization,
            name=f"{n}",
            category="Mobility",
            short_description="x",
            description="x",
            support_contact="x",
            terms="x",
            actor=actor,
            at=timezone.now(),
        )
        for data_set in sets[n:] + sets[:n]:
            products.add_data_set(product=product, data_set=data_set, actor=actor, at=timezone.now())
        make_listable(product, publisher)
        shelves.append(product)
    products.publish_product(product=shelves[0], actor=actor, at=timezone.now())
    found = outcomes(
        *(lambda p=p: products.publish_product(product=p, actor=actor, at=timezone.now()) for p in shelves[1:]),
        *(lambda r=r: revisions.publish_revision(revision=r, at=timezone.now()) for r in made),
        lambda: revoke(made[0], publisher),
    )
    assert not [one for one in found if isinstance(one, Exception)], found
    work.run_due()
    counts = {revision.pk: revision.publications.count() for revision in made[1:]}
    assert counts == dict.fromkeys(counts, 3)


# --- renaming and removing assets ---------------------------------------------------------------------------------------
def test_an_asset_of_a_draft_is_renamed(draft_revision, publisher):
    asset = draft_revision.assets.get()
    renamed = rename(asset, "year/2013 é.csv", publisher)
    assert (renamed.name, renamed.vault_key, renamed.sha256) == ("year/2013 é.csv", asset.vault_key, asset.sha256)
    assert AuditRecord.objects.get(action="asset.renamed").detail == {"from": "departures.csv", "to": "year/2013 é.csv"}
    rename(renamed, "year/2013 é.csv", publisher)
    assert AuditRecord.objects.filter(action="asset.renamed").count() == 1


@pytest.mark.parametrize(
    "name", ["", " ", "/a", "a//b", "../a", "a/..", "./a", "a/", "a\nb", "a\x00", "a\x7f", "x" * 1025]
)
def test_a_name_that_is_no_key_is_refused(draft_revision, publisher, name):
    with pytest.raises(Invalid):
        rename(draft_revision.assets.get(), name, publisher)
    assert draft_revision.assets.get().name == "departures.csv"


def test_two_assets_never_share_a_name(make_revision, publisher):
    draft = make_revision({"a.csv": b"1", "b.csv": b"2"}, finalize=False)
    with pytest.raises(AssetNameTaken):
        rename(draft.assets.get(name="a.csv"), "b.csv", publisher)
    assert sorted(draft.assets.values_list("name", flat=True)) == ["a.csv", "b.csv"]


def test_nothing_of_a_finalized_revision_is_renamed_or_removed(finalized_revision, publisher):
    asset = finalized_revision.assets.get()
    with pytest.raises(RevisionIsFinalized):
        rename(asset, "other.csv", publisher)
    with pytest.raises(RevisionIsFinalized):
        revisions.remove_asset(asset=asset, actor=actor_of(publisher))
    with pytest.raises(IntegrityError, match="its assets cannot be changed"):
        execute("UPDATE publishers_asset SET name = 'other.csv' WHERE id = %s", asset.pk)
    with pytest.raises(IntegrityError, match="cannot be changed"):
        execute("UPDATE publishers_asset SET details = '{\"a\": 1}' WHERE id = %s", asset.pk)


def test_assets_of_a_revoked_revision_are_removed_but_not_renamed(product, finalized_revision, publisher):
    revoke(finalized_revision, publisher)
    asset = finalized_revision.assets.get()
    with pytest.raises(RevisionIsFinalized):
        rename(asset, "other.csv", publisher)
    revisions.remove_asset(asset=asset, actor=actor_of(publisher))
    work.run_due()
    assert (finalized_revision.assets.count(), storage.vault().find(asset.vault_key)) == (0, None)
    with pytest.raises(NotFound):
        revisions.remove_asset(asset=asset, actor=actor_of(publisher))
    with pytest.raises(RevisionIsFinalized):
        put_asset(finalized_revision, "new.csv", b"x", publisher)


# --- assets that are described ------------------------------------------------------------------------------------------
def test_a_described_asset_is_added_once(publisher):
    draft = make_api_revision(publisher, finalize=False)
    wanted = {
        "revision": draft,
        "asset_id": new_id(),
        "name": "api",
        "actor": actor_of(publisher),
        "at": timezone.now(),
    }
    first = revisions.add_described_asset(details={"a": 1}, tags={"t": "1"}, **wanted)
    again = revisions.add_described_asset(details={"a": 2}, **wanted)
    assert (first.pk, again.details, again.tags) == (again.pk, {"a": 1}, {"t": "1"})
    assert (first.size_bytes, first.vault_key, first.is_file) == (0, "", False)
    assert AuditRecord.objects.get(action="asset.added", subject_id=first.pk).detail == {
        "asset_type": AssetType.API_GATEWAY_API
    }
    with pytest.raises(AssetNameTaken):
        revisions.add_described_asset(details={}, **(wanted | {"asset_id": new_id()}))
    finalize(draft, publisher)
    with pytest.raises(RevisionIsFinalized):
        revisions.add_described_asset(details={}, **(wanted | {"asset_id": new_id(), "name": "late"}))


def test_files_are_put_into_data_sets_of_files_only(publisher):
    draft = make_api_revision(publisher, finalize=False)
    with pytest.raises(AssetTypeDiffers) as caught:
        put_asset(draft, "a.csv", b"x", publisher)
    assert (caught.value.resource_type, caught.value.resource_id) == ("DATA_SET", draft.data_set_id)
    assert draft.assets.count() == 1


def test_limits_are_those_of_the_asset_type(publisher, data_set, settings):
    settings.QUOTAS = settings.QUOTAS | {
        "Amazon API Gateway API assets per revision": 1,
        "Revisions per Amazon API Gateway API data set": 1,
    }
    draft = make_api_revision(publisher, finalize=False)
    at, actor = timezone.now(), actor_of(publisher)
    with pytest.raises(LimitExceeded) as caught:
        revisions.add_described_asset(revision=draft, asset_id=new_id(), name="second", details={}, actor=actor, at=at)
    assert (caught.value.limit_name, caught.value.limit_value) == ("Amazon API Gateway API assets per revision", 1)
    with pytest.raises(LimitExceeded, match="Revisions per Amazon API Gateway API data set"):
        revisions.create_revision(data_set=draft.data_set, comment="", actor=actor, at=at)
    revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at)


def test_an_unknown_asset_type_is_refused(publisher):
    with pytest.raises(Invalid) as caught:
        data_sets.create_data_set(
            owner=publisher.organization,
            name="x",
            description="x",
            asset_type="FLOPPY",
            actor=actor_of(publisher),
            at=timezone.now(),
        )
    assert caught.value.field == "asset_type"


# --- over the API -------------------------------------------------------------------------------------------------------
def test_the_api_opens_empties_and_deletes(finalized_revision, data_set, publisher):
    program = Caller(publisher)
    ids = {"DataSetId": data_set.pk, "RevisionId": finalized_revision.pk}
    asset = {"AssetId": finalized_revision.assets.get().pk, **ids}
    assert program.refused("UpdateRevision", Finalized=True, **ids) == (409, "Conflict")
    assert program.refused("UpdateRevision", Comment="late", **ids) == (409, "Conflict")
    assert program.refused("UpdateAsset", Name="b.csv", **asset) == (409, "Conflict")
    assert program.refused("DeleteAsset", **asset) == (409, "Conflict")
    assert program.ok("UpdateRevision", **ids)["Finalized"] is True
    opened = program.ok("UpdateRevision", Finalized=False, Comment="open again", **ids)
    assert (opened["Finalized"], opened["Comment"], "Tags" in opened) == (False, "open again", False)
    assert program.ok("UpdateAsset", Name="b.csv", **asset)["Name"] == "b.csv"
    assert program.call("DeleteAsset", **asset).status == 204
    assert program.refused("UpdateRevision", Finalized=True, **ids) == (400, "Validation")
    assert program.call("DeleteRevision", **ids).status == 204
    assert program.refused("GetRevision", **ids) == (404, "ResourceNotFound")
    assert program.call("DeleteDataSet", DataSetId=data_set.pk).status == 204
    assert program.refused("DeleteDataSet", DataSetId=data_set.pk) == (404, "ResourceNotFound")


def test_a_refused_change_of_comment_and_state_changes_neither(data_set, publisher):
    draft = revisions.create_revision(data_set=data_set, comment="old", actor=actor_of(publisher), at=timezone.now())
    program = Caller(publisher)
    refused = program.call("UpdateRevision", DataSetId=data_set.pk, RevisionId=draft.pk, Comment="new", Finalized=True)
    assert (refused.status, refused.error) == (400, "Validation")
    draft.refresh_from_db()
    assert (draft.comment, draft.state) == ("old", "DRAFT")
    assert not AuditRecord.objects.filter(action="revision.updated").exists()


def test_the_api_keeps_what_is_published(product, finalized_revision, data_set, publisher):
    program = Caller(publisher)
    ids = {"DataSetId": data_set.pk, "RevisionId": finalized_revision.pk}
    assert program.refused("UpdateRevision", Finalized=False, **ids) == (409, "Conflict")
    refused = program.call("DeleteRevision", **ids)
    assert (refused.status, refused.body["ResourceType"], refused.body["ResourceId"]) == (
        409,
        "REVISION",
        finalized_revision.pk,
    )
    assert program.refused("DeleteDataSet", DataSetId=data_set.pk) == (409, "Conflict")
    assert program.refused("RevokeRevision", RevocationComment="too short", **ids) == (400, "Validation")
    revoked = program.ok("RevokeRevision", RevocationComment="The figures were wrong.", **ids)
    assert (revoked["Finalized"], revoked["Revoked"], revoked["RevokedAt"]) == (True, True, revoked["UpdatedAt"])
    again = {"RevocationComment": "The figures were wrong again.", **ids}
    assert program.refused("RevokeRevision", **again) == (409, "Conflict")
    assert program.refused("UpdateRevision", Finalized=False, **ids) == (409, "Conflict")
    asset = finalized_revision.assets.get()
    assert program.call("DeleteAsset", AssetId=asset.pk, **ids).status == 204


def test_a_stranger_changes_nothing(finalized_revision, data_set, stranger, publisher):
    program = Caller(stranger)
    ids = {"DataSetId": data_set.pk, "RevisionId": finalized_revision.pk}
    asset = {"AssetId": finalized_revision.assets.get().pk, **ids}
    for operation, members in (
        ("UpdateRevision", {"Finalized": False, **ids}),
        ("DeleteRevision", ids),
        ("RevokeRevision", {"RevocationComment": "Not mine at all.", **ids}),
        ("UpdateAsset", {"Name": "x", **asset}),
        ("DeleteAsset", asset),
        ("CreateRevision", {"DataSetId": data_set.pk}),
        ("UpdateDataSet", {"DataSetId": data_set.pk, "Name": "x"}),
        ("DeleteDataSet", {"DataSetId": data_set.pk}),
    ):
        assert program.refused(operation, **members) == (404, "ResourceNotFound"), operation
    reader = Caller(publisher, "publish:read")
    assert reader.refused("DeleteRevision", **ids) == (403, "AccessDenied")
    finalized_revision.refresh_from_db()
    assert finalized_revision.state == "FINALIZED"


def test_conflicts_are_conflicts():
    assert all(issubclass(kind, Conflict) for kind in (DataSetInUse, RevisionIsPublished, RevisionIsRevoked))
