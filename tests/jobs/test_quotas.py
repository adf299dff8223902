"""Quotas: every limit has AWS's name, is counted under a lock where two can meet, and is the operator's to change."""

import botocore.session
import pytest
from django.conf import settings as configured
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils import timezone

from jobs.models import EXPORTS, Job, JobType
from jobs.operations import event_actions, exports, imports, lifecycle
from jobs.operations.exports import AssetDestination
from jobs.operations.lifecycle import CONCURRENCY, JobNotWaiting
from jobs.shapes import LIMIT_NAMES
from marketplace.core import work
from marketplace.core.errors import LimitExceeded
from marketplace.core.models import AuditRecord, WorkItem
from marketplace.settings.environment import Environment
from publishers.models import LIMITS, AssetType
from publishers.operations import data_sets, products, revisions
from tests.callers import Caller
from tests.conftest import actor_of, connect, put_asset
from tests.jobs.parties import auto_export
from tests.together import blocked, outcomes

pytestmark = pytest.mark.django_db
MODEL = botocore.session.Session().get_service_model("dataexchange")


@pytest.fixture
def quota(settings):
    """Set some limits."""

    def set_to(values: dict[str, int]) -> None:
        settings.QUOTAS = settings.QUOTAS | values

    return set_to


def waiting_job(revision, member, kind: str = JobType.EXPORT_ASSET_TO_SIGNED_URL) -> Job:
    """Return a job of any type that waits; only its row matters here."""
    return Job.objects.create(
        organization=member.organization,
        type=kind,
        request={"asset_id": "0" * 32},
        data_set=revision.data_set,
        revision=revision,
        created_at=timezone.now(),
    )


def start(job, member):
    return lifecycle.start_job(job=job, actor=actor_of(member), at=timezone.now())


def limit_of(call) -> tuple[str, float]:
    with pytest.raises(LimitExceeded) as caught:
        call()
    return caught.value.limit_name, caught.value.limit_value


# --- names --------------------------------------------------------------------------------------------------------------
def test_the_limits_are_the_30_of_the_model():
    names = MODEL.shape_for("LimitName").enum
    assert len(names) == 30
    assert set(configured.QUOTAS) == set(names)
    assert all(isinstance(value, int) and value > 0 for value in configured.QUOTAS.values())


def test_limits_of_job_errors_are_those_of_the_model():
    assert set(MODEL.shape_for("JobErrorLimitName").enum) == LIMIT_NAMES


def test_every_job_type_of_the_model_has_a_limit_of_the_jobs_that_run_at_once():
    assert set(CONCURRENCY) == set(MODEL.shape_for("Type").enum)
    assert len(set(CONCURRENCY.values())) == len(CONCURRENCY) == 9
    assert set(CONCURRENCY.values()) == {name for name in configured.QUOTAS if name.startswith("Concurrent")}


def test_every_asset_type_has_its_two_limits():
    assert set(LIMITS) == set(AssetType.values) == set(MODEL.shape_for("AssetType").enum)
    assert {name for pair in LIMITS.values() for name in pair} <= set(configured.QUOTAS)


# --- what the operator may set ------------------------------------------------------------------------------------------
def quotas(text: str, monkeypatch) -> dict[str, int]:
    monkeypatch.setenv("QUOTAS", text)
    return Environment().quotas("QUOTAS", {"Products per account": 50, "Data sets per account": 3000})


def test_an_operator_names_only_what_changes(monkeypatch):
    assert quotas("", monkeypatch) == quotas("{}", monkeypatch)
    assert quotas('{"Products per account": 1}', monkeypatch) == {
        "Products per account": 1,
        "Data sets per account": 3000,
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "must be a JSON object"),
        ("nonsense", "must be a JSON object"),
        ('"x"', "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('{"products per account": 1}', "is no quota"),
        ('{"Products per account": 0}', "whole number from 1"),
        ('{"Products per account": -1}', "whole number from 1"),
        ('{"Products per account": 1.5}', "whole number from 1"),
        ('{"Products per account": true}', "whole number from 1"),
        ('{"Products per account": "5"}', "whole number from 1"),
        ('{"Products per account": null}', "whole number from 1"),
        ('{"Products per account": NaN}', "whole number from 1"),
    ],
)
def test_quotas_that_are_none_are_refused_at_the_start(monkeypatch, text, sentence):
    with pytest.raises(ImproperlyConfigured, match=sentence):
        quotas(text, monkeypatch)


# --- jobs at once -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", sorted(CONCURRENCY))
def test_one_job_more_than_may_run_is_refused_with_the_exact_name(finalized_revision, publisher, quota, kind):
    quota({CONCURRENCY[kind]: 2})
    for _ in range(2):
        start(waiting_job(finalized_revision, publisher, kind), publisher)
    over = waiting_job(finalized_revision, publisher, kind)
    assert limit_of(lambda: start(over, publisher)) == (CONCURRENCY[kind], 2)
    over.refresh_from_db()
    assert (over.state, over.started_at, over.run) == ("WAITING", None, 0)
    assert WorkItem.objects.filter(task="jobs.run_job").count() == 2
    assert AuditRecord.objects.filter(action="job.started").count() == 2
    other = next(name for name in CONCURRENCY if name != kind)
    assert start(waiting_job(finalized_revision, publisher, other), publisher).state == "IN_PROGRESS"


def test_a_place_is_free_again_once_a_job_has_ended(finalized_revision, publisher, quota):
    quota({CONCURRENCY[JobType.EXPORT_ASSET_TO_SIGNED_URL]: 1})
    first, second = (waiting_job(finalized_revision, publisher) for _ in range(2))
    start(first, publisher)
    limit_of(lambda: start(second, publisher))
    lifecycle.finish_job(job=first, at=timezone.now())
    assert start(second, publisher).state == "IN_PROGRESS"


def test_places_are_each_organizations_own(finalized_revision, publisher, stranger, quota):
    quota({CONCURRENCY[JobType.EXPORT_ASSET_TO_SIGNED_URL]: 1})
    start(waiting_job(finalized_revision, publisher), publisher)
    assert start(waiting_job(finalized_revision, stranger), stranger).state == "IN_PROGRESS"


def test_a_second_start_is_a_conflict_also_at_the_limit(finalized_revision, publisher, quota):
    quota({CONCURRENCY[JobType.EXPORT_ASSET_TO_SIGNED_URL]: 1})
    job = waiting_job(finalized_revision, publisher)
    start(job, publisher)
    with pytest.raises(JobNotWaiting):
        start(job, publisher)


def test_auto_exports_run_whatever_else_does(
    subscriber, entitled_data_set, connection, make_revision, quota, finalized_revision
):
    quota({CONCURRENCY[JobType.EXPORT_REVISIONS_TO_S3]: 1})
    auto_export(subscriber, entitled_data_set, connection, "${Revision.Id}/${Asset.Name}")
    start(waiting_job(finalized_revision, subscriber, JobType.EXPORT_REVISIONS_TO_S3), subscriber)
    WorkItem.objects.filter(task="jobs.run_job").delete()
    make_revision()
    (job,) = Job.objects.filter(event_action__isnull=False)
    assert job.state == "COMPLETED"


@pytest.mark.django_db(transaction=True)
def test_two_starts_at_once_do_not_pass_the_limit(finalized_revision, publisher, quota):
    quota({CONCURRENCY[JobType.EXPORT_ASSET_TO_SIGNED_URL]: 2})
    jobs = [waiting_job(finalized_revision, publisher) for _ in range(4)]
    found = outcomes(*(lambda job=job: start(job, publisher) for job in jobs))
    assert sorted(type(one).__name__ for one in found) == ["Job", "Job", "LimitExceeded", "LimitExceeded"]
    assert Job.objects.filter(state="IN_PROGRESS").count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_start_waits_for_the_one_that_may_take_the_last_place(finalized_revision, publisher, quota):
    quota({CONCURRENCY[JobType.EXPORT_ASSET_TO_SIGNED_URL]: 1})
    first, second = (waiting_job(finalized_revision, publisher) for _ in range(2))
    with transaction.atomic():
        start(first, publisher)
        with blocked(lambda: start(second, publisher)) as late:
            pass
    assert limit_of(late.outcome)[1] == 1


@pytest.mark.django_db(transaction=True)
def test_exports_that_are_made_and_started_in_one_go_do_not_hinder_each_other(
    finalized_revision, publisher, bucket_name, quota
):
    """As the page does it, several at once."""
    quota({CONCURRENCY[JobType.EXPORT_REVISIONS_TO_S3]: 3})
    connection = connect(publisher, bucket_name)

    def make_and_start() -> Job:
        with transaction.atomic():
            job = exports.create_export(
                organization=publisher.organization,
                published_data_set=None,
                revision=finalized_revision,
                connection=connection,
                key_pattern="",
                actor=actor_of(publisher),
                at=timezone.now(),
            )
            return start(job, publisher)

    found = outcomes(*[make_and_start] * 4)
    assert sorted(type(one).__name__ for one in found) == ["Job", "Job", "Job", "LimitExceeded"], found
    assert Job.objects.count() == 3


def test_the_api_answers_402_and_the_name(finalized_revision, publisher, quota):
    limit = CONCURRENCY[JobType.EXPORT_ASSET_TO_SIGNED_URL]
    quota({limit: 1})
    program = Caller(publisher)
    details = {
        "ExportAssetToSignedUrl": {
            "AssetId": finalized_revision.assets.get().pk,
            "DataSetId": finalized_revision.data_set_id,
            "RevisionId": finalized_revision.pk,
        }
    }
    first, second = (
        program.ok("CreateJob", Type="EXPORT_ASSET_TO_SIGNED_URL", Details=details)["Id"] for _ in range(2)
    )
    assert program.call("StartJob", JobId=first).status == 202
    over = program.call("StartJob", JobId=second)
    assert (over.status, over.error, over.body["LimitName"], over.body["LimitValue"]) == (
        402,
        "ServiceLimitExceeded",
        limit,
        1.0,
    )
    assert program.refused("StartJob", JobId=first) == (409, "Conflict")
    work.run_due()
    assert program.call("StartJob", JobId=second).status == 202


# --- everything else that is counted ------------------------------------------------------------------------------------
def test_data_sets_products_and_revisions_are_counted(publisher, data_set, quota):
    at, actor = timezone.now(), actor_of(publisher)
    about = {"owner": publisher.organization, "actor": actor, "at": at}
    quota({"Data sets per account": 1, "Products per account": 1, "Revisions per data set": 1})
    product = {
        "name": "x",
        "category": "Mobility",
        "short_description": "x",
        "description": "x",
        "support_contact": "x",
        "terms": "x",
    }
    made = products.create_product(**product, **about)
    revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at)
    assert limit_of(lambda: products.create_product(**product, **about)) == ("Products per account", 1)
    assert limit_of(lambda: data_sets.create_data_set(name="x", description="x", **about)) == (
        "Data sets per account",
        1,
    )
    assert limit_of(lambda: revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at)) == (
        "Revisions per data set",
        1,
    )
    quota({"Data sets per account": 2, "Data sets per product": 1})
    other = data_sets.create_data_set(name="x", description="x", **about)
    products.add_data_set(product=made, data_set=data_set, actor=actor, at=at)
    assert limit_of(lambda: products.add_data_set(product=made, data_set=other, actor=actor, at=at)) == (
        "Data sets per product",
        1,
    )


@pytest.mark.parametrize("kind", AssetType.values)
def test_revisions_are_counted_by_the_limit_of_their_type(publisher, quota, kind):
    at, actor = timezone.now(), actor_of(publisher)
    name = LIMITS[kind][0]
    quota({name: 2} | {other: 1 for other in (pair[0] for pair in LIMITS.values()) if other != name})
    made = data_sets.create_data_set(
        owner=publisher.organization, name="x", description="x", asset_type=kind, actor=actor, at=at
    )
    for _ in range(2):
        revisions.create_revision(data_set=made, comment="", actor=actor, at=at)
    over = lambda: revisions.create_revision(data_set=made, comment="", actor=actor, at=at)  # noqa: E731
    assert limit_of(over) == (name, 2)


@pytest.mark.django_db(transaction=True)
def test_two_revisions_at_once_do_not_pass_the_limit(publisher, data_set, quota):
    quota({"Revisions per data set": 1})
    at, actor = timezone.now(), actor_of(publisher)
    found = outcomes(*[lambda: revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at)] * 3)
    assert sorted(type(one).__name__ for one in found) == ["LimitExceeded", "LimitExceeded", "Revision"]


def test_assets_and_their_size_are_counted(publisher, draft_revision, quota):
    quota({"Assets per revision": 1})
    assert limit_of(lambda: put_asset(draft_revision, "b.csv", b"x", publisher)) == ("Assets per revision", 1)
    quota({"Assets per revision": 2, "Asset size in GB": 1e-9})
    assert limit_of(lambda: put_asset(draft_revision, "b.csv", b"xx", publisher)) == ("Asset size in GB", 1e-9)
    put_asset(draft_revision, "b.csv", b"x", publisher)


def test_objects_of_one_job_are_counted(publisher, draft_revision, finalized_revision, bucket_name, quota):
    quota({"Assets per import job from Amazon S3": 1, "Asset per export job from Amazon S3": 1})
    connection = connect(publisher, bucket_name)
    about = {"organization": publisher.organization, "actor": actor_of(publisher), "at": timezone.now()}
    sources = [{"bucket": bucket_name, "key": f"{n}"} for n in range(2)]
    assert limit_of(lambda: imports.create_import_from_s3(sources=sources, revision=draft_revision, **about)) == (
        "Assets per import job from Amazon S3",
        1,
    )
    imports.create_import_from_s3(sources=sources[:1], revision=draft_revision, **about)
    asset = finalized_revision.assets.get()
    places = [AssetDestination(asset.pk, connection, f"{n}") for n in range(2)]
    wanted = {"published_data_set": None, "revision": finalized_revision, **about}
    assert limit_of(lambda: exports.create_asset_export(destinations=places, **wanted)) == (
        "Asset per export job from Amazon S3",
        1,
    )
    assert exports.create_asset_export(destinations=places[:1], **wanted).type in EXPORTS


def test_auto_exports_are_counted_per_data_set_and_per_account(subscriber, entitled_data_set, connection, quota):
    quota({"Auto export event actions per data set": 2})
    made = [auto_export(subscriber, entitled_data_set, connection, f"{n}/${{Asset.Name}}") for n in range(2)]
    over = lambda: auto_export(subscriber, entitled_data_set, connection, "3/${Asset.Name}")  # noqa: E731
    assert limit_of(over) == ("Auto export event actions per data set", 2)
    quota({"Event actions per account": 2})
    assert limit_of(over) == ("Event actions per account", 2)
    event_actions.delete_event_action(event_action=made[0], actor=actor_of(subscriber), at=timezone.now())
    assert over().key_pattern == "3/${Asset.Name}"
    program = Caller(subscriber)
    refused = program.call(
        "CreateEventAction",
        Event={"RevisionPublished": {"DataSetId": entitled_data_set.pk}},
        Action={"ExportRevisionToS3": {"RevisionDestination": {"Bucket": connection.bucket}}},
    )
    assert (refused.status, refused.body["LimitName"]) == (402, "Event actions per account")


@pytest.mark.django_db(transaction=True)
def test_two_auto_exports_at_once_do_not_pass_the_limit(subscriber, entitled_data_set, connection, quota):
    quota({"Auto export event actions per data set": 1})
    found = outcomes(
        *(lambda n=n: auto_export(subscriber, entitled_data_set, connection, f"{n}/${{Asset.Name}}") for n in range(2))
    )
    assert sorted(type(one).__name__ for one in found) == ["EventAction", "LimitExceeded"]
