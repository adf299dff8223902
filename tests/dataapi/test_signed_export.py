"""The URL of an export: it is the credential, for an hour, and asks on each request whether the file may still be read."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.conf import settings
from django.core import signing
from django.test import Client
from django.utils import timezone

from jobs.models import Job
from jobs.operations import imports, signed_exports
from marketplace.core import work
from marketplace.core.models import AuditRecord
from publishers.operations import revisions
from subscriptions.operations import end_agreement
from tests.callers import Caller
from tests.conftest import actor_of
from tests.journeys.client import Customer

pytestmark = pytest.mark.django_db
CONTENT = b"id,delay\n1,5\n2,-3\n"


def signed_url_of(program: Caller, data_set_id: str, revision) -> tuple[str, str]:
    """Export the only file of a revision; return the id of the job and the URL."""
    details = {"AssetId": revision.assets.get().pk, "DataSetId": data_set_id, "RevisionId": revision.pk}
    job = program.ok("CreateJob", Type="EXPORT_ASSET_TO_SIGNED_URL", Details={"ExportAssetToSignedUrl": details})["Id"]
    program.ok("StartJob", JobId=job)
    work.run_due()
    return job, program.ok("GetJob", JobId=job)["Details"]["ExportAssetToSignedUrl"]["SignedUrl"]


@pytest.fixture
def made(subscriber, entitled_data_set, finalized_revision) -> tuple[str, str]:
    """The job and the URL of the subscriber's export."""
    return signed_url_of(Caller(subscriber), entitled_data_set.pk, finalized_revision)


def follow(url: str, method: str = "get"):
    """Call the URL as somebody who has nothing but it."""
    assert url.startswith(settings.PUBLIC_URL)
    return getattr(Client(), method)(url.removeprefix(settings.PUBLIC_URL))


def assert_is_gone(url: str) -> None:
    """The refusal says what to do and nothing about the file."""
    answer = follow(url)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert "export once more" in answer.json()["detail"]
    assert "departures" not in answer.content.decode()
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_url_leads_to_the_very_bytes(made):
    answer = follow(made[1])
    assert (answer.status_code, answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == (
        302,
        "no-store",
        "no-referrer",
    )
    target = answer.headers["Location"]
    assert parse_qs(urlsplit(target).query)["X-Amz-Expires"] == [str(60)]
    got = requests.get(target, timeout=10)
    assert got.content == CONTENT
    assert got.headers["Content-Disposition"] == "attachment; filename*=UTF-8''departures.csv"


def test_each_use_is_recorded_for_the_organization_that_exported(made, subscriber, finalized_revision):
    follow(made[1])
    follow(made[1])
    asset = finalized_revision.assets.get()
    rows = AuditRecord.objects.filter(action="asset.downloaded", subject_id=asset.pk)
    assert [(row.scope, row.detail["job_id"], row.actor_user_id) for row in rows] == [
        (subscriber.organization_id, made[0], subscriber.user_id)
    ] * 2
    assert "X-Amz" not in str([row.detail for row in rows])


def test_an_owner_exports_its_own(publisher, finalized_revision):
    _, url = signed_url_of(Caller(publisher), finalized_revision.data_set_id, finalized_revision)
    assert requests.get(follow(url).headers["Location"], timeout=10).content == CONTENT


def test_a_revocation_works_at_once(made, publisher, finalized_revision):
    assert follow(made[1]).status_code == 302
    revisions.revoke_revision(
        revision=finalized_revision, comment="The figures were wrong.", actor=actor_of(publisher), at=timezone.now()
    )
    assert_is_gone(made[1])
    assert AuditRecord.objects.filter(action="asset.downloaded").count() == 1


def test_the_end_of_a_subscription_works_at_once(made, subscriber, agreement):
    end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
    assert_is_gone(made[1])


def test_an_hour_after_the_export_it_is_over(made, subscriber):
    job, url = made
    Job.objects.filter(pk=job).update(finished_at=timezone.now() - timedelta(minutes=59))
    assert follow(url).status_code == 302
    Job.objects.filter(pk=job).update(finished_at=timezone.now() - timedelta(hours=1))
    assert_is_gone(url)
    details = Caller(subscriber).ok("GetJob", JobId=job)["Details"]["ExportAssetToSignedUrl"]
    assert not {"SignedUrl", "SignedUrlExpiresAt"} & set(details)


def test_a_job_that_did_not_end_well_has_no_url(made):
    job, url = made
    for state in ("WAITING", "IN_PROGRESS", "ERROR", "CANCELLED"):
        Job.objects.filter(pk=job).update(state=state)
        assert_is_gone(url)


def test_an_asset_that_was_deleted_is_gone(publisher, finalized_revision):
    _, url = signed_url_of(Caller(publisher), finalized_revision.data_set_id, finalized_revision)
    revisions.delete_revision(revision=finalized_revision, actor=actor_of(publisher), at=timezone.now())
    assert_is_gone(url)


def test_a_forged_url_leads_nowhere(made):
    job, url = made
    base, _, token = url.rpartition("/")
    forged = [
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token.swapcase(),
        job,
        "x",
        signing.dumps(job),
        signing.dumps(job, salt="other"),
        signing.dumps("0" * 32, salt=signed_exports.EXPORT_URL_SALT),
        token + ":x",
        "%00",
        "é",
    ]
    for wrong in forged:
        assert_is_gone(f"{base}/{wrong}")


def test_the_id_of_another_kind_of_job_is_no_token(made, publisher, draft_revision):
    other = imports.create_import_from_url(
        organization=publisher.organization,
        revision=draft_revision,
        url="https://example.org/a.csv",
        name="a.csv",
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    base = made[1].rpartition("/")[0]
    assert_is_gone(f"{base}/{signing.dumps(other.pk, salt=signed_exports.EXPORT_URL_SALT)}")


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_it_is_read_only(made, method):
    assert follow(made[1], method).status_code in {403, 405}


def test_a_subscriber_fetches_an_export_by_boto3_and_plain_http(exchange):
    publisher, subscriber = Customer(exchange, "Publisher"), Customer(exchange, "Subscriber")
    data_set = publisher.create_data_set("Tides")
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, revision, "tides.csv", CONTENT)
    publisher.finalize(data_set, revision)
    entitled = subscriber.subscribe(publisher.list_product(data_set, "Tides"))
    (asset,) = subscriber.dx.list_revision_assets(DataSetId=entitled, RevisionId=revision)["Assets"]
    details = {"AssetId": asset["Id"], "DataSetId": entitled, "RevisionId": revision}
    wanted = {"Type": "EXPORT_ASSET_TO_SIGNED_URL", "Details": {"ExportAssetToSignedUrl": details}}
    job = subscriber.dx.create_job(**wanted)["Id"]
    subscriber.dx.start_job(JobId=job)
    done = subscriber.wait_for_job(job)["Details"]["ExportAssetToSignedUrl"]
    url = done["SignedUrl"]
    assert timedelta(minutes=58) < done["SignedUrlExpiresAt"] - timezone.now() <= timedelta(hours=1)
    assert requests.get(url, timeout=30).content == CONTENT
    publisher.dx.revoke_revision(DataSetId=data_set, RevisionId=revision, RevocationComment="The figures were wrong.")
    assert requests.get(url, timeout=30).status_code == 404
    with pytest.raises(subscriber.dx.exceptions.AccessDeniedException):
        subscriber.dx.create_job(**wanted)
