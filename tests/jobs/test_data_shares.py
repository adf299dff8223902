"""Imports of live tables: each share of a registered database becomes an asset that says what can be read."""

import pytest
from django.utils import timezone

from jobs.models import Job, Transfer
from jobs.operations import lifecycle
from jobs.operations.data_shares import (
    PER_JOB,
    PER_REVISION,
    create_import_from_data_shares,
    data_share_details,
    share_arn,
)
from jobs.tasks import run_job
from marketplace.core import work
from marketplace.core.errors import Invalid, LimitExceeded, NotFound
from marketplace.core.models import SourceConnection, WorkItem
from marketplace.core.operations.sources import remove_source_connection
from publishers.models import AssetType
from publishers.operations import data_sets, revisions
from publishers.operations.revisions import AssetNameTaken, AssetTypeDiffers, RevisionIsFinalized
from tests import sources
from tests.conftest import actor_of
from tests.jobs.parties import again, receipts

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def database():
    with sources.database() as made:
        yield made


@pytest.fixture
def source(publisher, database, settings):
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, database.address]
    return sources.register_database(publisher, database)


@pytest.fixture
def draft(publisher):
    """An empty draft of a data set for live tables."""
    actor, at = actor_of(publisher), timezone.now()
    made = data_sets.create_data_set(
        owner=publisher.organization,
        name="Orders, live",
        description="As they come in.",
        asset_type=AssetType.REDSHIFT_DATA_SHARE,
        actor=actor,
        at=at,
    )
    return revisions.create_revision(data_set=made, comment="", actor=actor, at=at)


def arn(member, source, name):
    return share_arn(organization=member.organization, connection_id=source.pk, name=name)


def create(revision, member, arns, **changes):
    return create_import_from_data_shares(
        organization=member.organization,
        revision=revision,
        arns=arns,
        actor=actor_of(member),
        at=timezone.now(),
        **changes,
    )


def start(job, member):
    lifecycle.start_job(job=job, actor=actor_of(member), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    return job


def test_shares_become_assets_that_describe_their_tables(draft, publisher, source):
    arns = [arn(publisher, source, "sales"), arn(publisher, source, "sales.orders")]
    job = start(create(draft, publisher, arns, asset_tags={"team": "sales"}), publisher)
    assert (job.state, job.objects_done, job.objects_total, job.bytes_done) == ("COMPLETED", 2, 2, 0)
    found = {asset.name: asset for asset in draft.assets.all()}
    assert set(found) == {"sales", "sales.orders"}
    whole, one = found["sales"], found["sales.orders"]
    assert whole.details["RedshiftDataShareAsset"] == {"Arn": arns[0]}
    assert [table["name"] for table in whole.details["Tables"]] == ["large_orders", "orders"]
    assert one.details["Tables"] == [
        {
            "schema": "sales",
            "name": "orders",
            "kind": "TABLE",
            "comment": "One row an order",
            "estimated_rows": 250,
            "columns": [
                {"name": "id", "type": "bigint", "is_nullable": False, "comment": ""},
                {"name": "amount", "type": "numeric(10,2)", "is_nullable": True, "comment": "Euros"},
                {"name": "at", "type": "timestamp with time zone", "is_nullable": True, "comment": ""},
            ],
        }
    ]
    assert (one.size_bytes, one.sha256, one.vault_key, one.tags) == (0, "", "", {"team": "sales"})
    assert sources.PASSWORD not in str([asset.details for asset in found.values()])
    assert [(line.key, line.name, line.state, line.asset_id) for line in receipts(job)] == [
        (arns[0], "sales", "DONE", whole.pk),
        (arns[1], "sales.orders", "DONE", one.pk),
    ]


def test_a_job_tells_its_details_by_the_members_of_the_model(draft, publisher, source):
    arns = [arn(publisher, source, "sales.orders")]
    assert data_share_details(create(draft, publisher, arns)) == {
        "AssetSources": [{"DataShareArn": arns[0]}],
        "DataSetId": draft.data_set_id,
        "RevisionId": draft.pk,
    }


@pytest.mark.parametrize(
    ("shares", "code", "sentence"),
    [
        (["sales.orders", "sales.nowhere"], "RESOURCE_NOT_FOUND_EXCEPTION", "There is no table sales.nowhere at"),
        (["sales.orders", "hr"], "ACCESS_DENIED_EXCEPTION", "may not select from hr.salaries"),
        (["sales.orders", "pg_catalog"], "VALIDATION_EXCEPTION", "is the database's own"),
    ],
)
def test_a_share_that_cannot_be_given_ends_the_job_and_is_named(draft, publisher, source, shares, code, sentence):
    job = start(create(draft, publisher, [arn(publisher, source, share) for share in shares]), publisher)
    assert (job.state, job.objects_done, job.errors[0]["code"]) == ("ERROR", 1, code)
    assert job.cause.startswith(f"{shares[1]}: ")
    assert sentence in job.cause
    assert [(line.state, bool(line.error)) for line in receipts(job)] == [("DONE", False), ("FAILED", True)]
    assert [asset.name for asset in draft.assets.all()] == ["sales.orders"]


def test_a_failed_import_goes_on_after_the_right_was_granted(draft, publisher, source, database):
    shares = [arn(publisher, source, "sales.orders"), arn(publisher, source, "hr")]
    job = start(create(draft, publisher, shares), publisher)
    assert job.state == "ERROR"
    kept = draft.assets.get()
    database.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA hr TO {database.reader}")
    try:
        lifecycle.retry_job(job=job, actor=actor_of(publisher), at=timezone.now())
        work.run_due()
    finally:
        database.execute(f"REVOKE SELECT ON ALL TABLES IN SCHEMA hr FROM {database.reader}")
    job.refresh_from_db()
    assert (job.state, job.objects_done, draft.assets.count()) == ("COMPLETED", 2, 2)
    assert draft.assets.get(name="sales.orders").pk == kept.pk


def test_a_database_that_is_away_is_asked_again_later(draft, publisher, source, settings):
    made = create(draft, publisher, [arn(publisher, source, "sales.orders")])
    port = source.port
    SourceConnection.objects.filter(pk=source.pk).update(port=1)
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, "127.0.0.1:1"]
    job = start(made, publisher)
    assert (job.state, job.objects_done) == ("IN_PROGRESS", 0)
    assert "cannot be reached" in receipts(job)[0].error
    assert WorkItem.objects.get(task="jobs.run_job").state == "PENDING"
    SourceConnection.objects.filter(pk=source.pk).update(port=port)
    again()
    job.refresh_from_db()
    assert (job.state, job.objects_done, receipts(job)[0].error) == ("COMPLETED", 1, "")


def test_a_second_run_changes_nothing_though_the_database_has_changed(draft, publisher, source, database):
    """The worker died between the asset and its receipt."""
    job = start(create(draft, publisher, [arn(publisher, source, "sales.orders")]), publisher)
    before = draft.assets.get()
    run_job(job_id=job.pk)
    Job.objects.filter(pk=job.pk).update(state="IN_PROGRESS", objects_done=0)
    Transfer.objects.filter(job=job).update(state="PENDING", asset=None)
    database.execute("ALTER TABLE sales.orders ADD COLUMN note text")
    try:
        run_job(job_id=job.pk)
    finally:
        database.execute("ALTER TABLE sales.orders DROP COLUMN note")
    job.refresh_from_db()
    after = draft.assets.get()
    assert (job.state, job.objects_done) == ("COMPLETED", 1)
    assert (after.pk, after.details, after.updated_at) == (before.pk, before.details, before.updated_at)
    assert receipts(job)[0].asset_id == after.pk


def test_a_source_that_was_removed_meanwhile_ends_the_job(draft, publisher, source):
    made = create(draft, publisher, [arn(publisher, source, "sales.orders")])
    remove_source_connection(connection=source, actor=actor_of(publisher), at=timezone.now())
    job = start(made, publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "RESOURCE_NOT_FOUND_EXCEPTION")
    assert draft.assets.count() == 0


def test_a_revision_that_was_finalized_meanwhile_ends_the_job(draft, publisher, source):
    first = create(draft, publisher, [arn(publisher, source, "sales.orders")])
    late = create(draft, publisher, [arn(publisher, source, "sales.large_orders")])
    start(first, publisher)
    revisions.finalize_revision(revision=draft, actor=actor_of(publisher), at=timezone.now())
    job = start(late, publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "VALIDATION_EXCEPTION")
    assert draft.assets.count() == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sales.orders",
        "arn:aws:redshift:us-east-1:{account}:datashare:{source}",
        "arn:aws:redshift:us-east-1:{account}:datashare:{source}/",
        "arn:aws:redshift:us-east-1:{account}:datashare:{source}/a.b.c",
        "arn:aws:redshift:us-east-1:{account}:datashare:{source}/.b",
        "arn:aws:redshift:us-east-1:{account}:datashare:{source}/a.",
        "arn:aws:redshift:us-east-1:{account}:datashare:{source}/a/b",
        "arn:aws:redshift:us-east-1:{account}:datashare:{source}/a\x00",
        "arn:aws:redshift:us-east-1:{account}:datashare:{source}/" + "a" * 64,
        "arn:aws:redshift:us-east-1:{account}:datashare:short/sales",
        "arn:aws:redshift:us-east-1:123456789012:datashare:{source}/sales",
        "arn:aws:redshift:eu-west-9:{account}:datashare:{source}/sales",
        "arn:aws:s3:us-east-1:{account}:datashare:{source}/sales",
    ],
)
def test_an_arn_that_names_no_share_of_the_caller_is_refused(draft, publisher, source, text):
    given = text.format(account=publisher.organization.account_id, source=source.pk)
    with pytest.raises(Invalid) as caught:
        create(draft, publisher, [given])
    assert caught.value.field == "DataShareArn"
    assert Job.objects.count() == 0


def test_a_strangers_source_is_not_there(draft, publisher, stranger, source):
    theirs = SourceConnection.objects.get(pk=source.pk)
    SourceConnection.objects.filter(pk=source.pk).update(organization=stranger.organization)
    with pytest.raises(NotFound):
        create(draft, publisher, [arn(publisher, theirs, "sales")])
    with pytest.raises(NotFound):
        create(draft, publisher, [arn(publisher, SourceConnection(), "sales")])
    assert Job.objects.count() == 0


def test_what_cannot_become_assets_is_refused_before_anything_runs(draft, publisher, source, data_set, settings):
    share = arn(publisher, source, "sales")
    with pytest.raises(Invalid, match="at least one"):
        create(draft, publisher, [])
    with pytest.raises(Invalid, match="named twice"):
        create(draft, publisher, [share, share])
    files = revisions.create_revision(data_set=data_set, comment="", actor=actor_of(publisher), at=timezone.now())
    with pytest.raises(AssetTypeDiffers):
        create(files, publisher, [share])
    with pytest.raises(Invalid):
        create(draft, publisher, [share], asset_tags={"aws:x": "y"})
    settings.QUOTAS = settings.QUOTAS | {PER_JOB: 1}
    with pytest.raises(LimitExceeded) as caught:
        create(draft, publisher, [share, arn(publisher, source, "sales.orders")])
    assert (caught.value.limit_name, caught.value.limit_value) == (PER_JOB, 1)
    settings.QUOTAS = settings.QUOTAS | {PER_JOB: 20, PER_REVISION: 1}
    with pytest.raises(LimitExceeded) as caught:
        create(draft, publisher, [share, arn(publisher, source, "sales.orders")])
    assert caught.value.limit_name == PER_REVISION
    assert Job.objects.count() == 0
    start(create(draft, publisher, [share]), publisher)
    settings.QUOTAS = settings.QUOTAS | {PER_REVISION: 20}
    with pytest.raises(AssetNameTaken):
        create(draft, publisher, [share])
    revisions.finalize_revision(revision=draft, actor=actor_of(publisher), at=timezone.now())
    draft.refresh_from_db()
    with pytest.raises(RevisionIsFinalized):
        create(draft, publisher, [arn(publisher, source, "sales.orders")])
    assert Job.objects.count() == 1
