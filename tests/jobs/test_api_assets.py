"""An API as an asset: its document is checked and kept, its key is sealed, and a second run adds nothing."""

import base64
import json

import pytest
import requests
from django.db import connection
from django.utils import timezone

from jobs.models import Job
from jobs.operations import apis, imports
from jobs.operations.apis import SpecificationRefused, key_place, read_specification
from jobs.operations.imports import asset_id_of
from jobs.tasks import run_job
from marketplace.core import crypto, storage, work
from marketplace.core.egress import AddressRefused
from marketplace.core.errors import Invalid, LimitExceeded
from marketplace.core.models import AuditRecord, WorkItem
from publishers.models import Asset
from publishers.operations import revisions
from publishers.operations.revisions import AssetNameTaken, AssetTypeDiffers, RevisionIsFinalized
from tests.callers import Caller
from tests.conftest import actor_of
from tests.grants import accept, give_data_grant
from tests.jobs.apis import (
    SPECIFICATION,
    create_api_job,
    document,
    import_api,
    make_api_draft,
    md5_of,
    put_document,
    run,
)

pytestmark = pytest.mark.django_db
KEY = "s3cret-key-of-the-publisher"


@pytest.fixture
def draft(publisher):
    """An empty draft of a data set of APIs."""
    return make_api_draft(publisher)


def vault_keys(prefix: str) -> list[str]:
    return storage.vault().list_keys(prefix)


# --- the document -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "address"),
    [
        (document("https://api.example.org"), "https://api.example.org"),
        (document("https://api.example.org/v2/"), "https://api.example.org/v2/"),
        (document("https://api.example.org:8443/v2"), "https://api.example.org:8443/v2"),
        (document(openapi="3.1.0"), "https://api.example.org/v2"),
        (
            document(
                servers=[
                    {
                        "url": "https://{region}.example.org/{base}",
                        "variables": {"region": {"default": "eu"}, "base": {"default": "v2"}},
                    },
                    {"url": "https://second.example.org"},
                ]
            ),
            "https://eu.example.org/v2",
        ),
    ],
)
def test_a_document_tells_where_its_api_is(content, address):
    found, upstream = read_specification(content)
    assert (found["info"]["title"], upstream) == ("Status", address)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "must be JSON in UTF-8"),
        (b"openapi: 3.0.0", "must be JSON in UTF-8"),
        ('{"openapi": "3.0.0 ü"}'.encode("latin-1"), "must be JSON in UTF-8"),
        (b"[" * 100_000, "must be JSON in UTF-8"),
        (b"[]", "OpenAPI 3 document"),
        (b"null", "OpenAPI 3 document"),
        (document(openapi="2.0"), "OpenAPI 3 document"),
        (document(openapi=None), "OpenAPI 3 document"),
        (document(openapi="30.1"), "OpenAPI 3 document"),
        (document(paths=None), "must have `paths`"),
        (document(paths=[]), "must have `paths`"),
        (document(servers=None), "servers"),
        (document(servers=[]), "servers"),
        (document(servers={}), "servers"),
        (document(servers=["https://api.example.org"]), "servers"),
        (document(servers=[{}]), "servers"),
        (document(servers=[{"url": ""}]), "servers"),
        (document("https://{region}.example.org"), "servers"),
        (document("https://api.example.org/v2?key=1"), "servers"),
        (document("https://api.example.org/v2#x"), "servers"),
    ],
)
def test_a_document_that_describes_no_api_is_refused(content, sentence):
    with pytest.raises(SpecificationRefused, match=sentence):
        read_specification(content)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.org",
        "/v2",
        "ftp://api.example.org",
        "https://user:password@api.example.org",
        "https://api.example.org:22",
        "https://",
        "https://bad host/",
        "https://[::1",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_may_not_be_called_is_refused(url):
    with pytest.raises(AddressRefused):
        read_specification(document(url))


# --- the import ---------------------------------------------------------------------------------------------------------
def test_an_api_becomes_an_asset_with_its_document(draft, publisher):
    job = import_api(draft, publisher, asset_tags={"a": "1"})
    assert (job.state, job.errors, job.objects_done) == ("COMPLETED", [], 1)
    asset = draft.assets.get()
    assert (asset.name, asset.size_bytes, asset.vault_key, asset.is_file, asset.tags) == (
        "status",
        0,
        "",
        False,
        {"a": "1"},
    )
    assert asset.details["ApiGatewayApiAsset"] == {
        "ApiDescription": "Every flight.",
        "ApiId": "a1",
        "ApiName": "status",
        "ProtocolType": "REST",
        "Stage": "prod",
    }
    assert asset.details["Upstream"] == "https://api.example.org/v2"
    assert "SealedApiKey" not in asset.details
    assert b"".join(storage.vault().read(asset.details["SpecificationKey"])) == SPECIFICATION
    assert storage.vault().find(imports.incoming(job)) is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"not json", "must be JSON in UTF-8"),
        (document(openapi="2.0"), "OpenAPI 3 document"),
        (document("http://api.example.org"), "must start with https://"),
        (document(filler="x" * apis.LARGEST_SPECIFICATION), "at most 5,242,880 bytes"),
    ],
    ids=["text", "version", "address", "size"],
)
def test_a_document_that_is_refused_ends_the_job_and_leaves_no_asset(draft, publisher, content, sentence):
    job = import_api(draft, publisher, content)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "VALIDATION_EXCEPTION")
    assert sentence in job.cause
    assert (draft.assets.count(), vault_keys(f"specifications/{asset_id_of(job, 0)}")) == (0, [])
    assert WorkItem.objects.get(task="jobs.run_job").state == "DONE"


def test_a_document_that_never_came_or_is_another_ends_the_job(draft, publisher):
    job = run(create_api_job(draft, publisher), publisher)
    assert "No document was put to ApiSpecificationUploadUrl." in job.cause
    job = create_api_job(draft, publisher)
    storage.vault().put(imports.incoming(job), document("https://smuggled.example.org"))
    assert run(job, publisher).cause.endswith("The document does not match ApiSpecificationMd5Hash.")
    url, _ = imports.signed_url(create_api_job(draft, publisher), at=timezone.now())
    assert (
        requests.put(url, data=b"another", headers={"Content-MD5": md5_of(b"another")}, timeout=10).status_code >= 400
    )
    assert draft.assets.count() == 0


def test_type_state_name_and_number_are_checked(draft, draft_revision, publisher, settings):
    with pytest.raises(AssetTypeDiffers):
        create_api_job(draft_revision, publisher)
    late, doubled = create_api_job(draft, publisher, api_name="late"), create_api_job(draft, publisher)
    import_api(draft, publisher)
    with pytest.raises(AssetNameTaken):
        create_api_job(draft, publisher)
    put_document(doubled)
    assert run(doubled, publisher).errors[0]["code"] == "VALIDATION_EXCEPTION"
    assert vault_keys(f"specifications/{asset_id_of(doubled, 0)}") == []
    settings.QUOTAS = settings.QUOTAS | {"Amazon API Gateway API assets per revision": 1}
    with pytest.raises(LimitExceeded, match="Amazon API Gateway API assets per revision"):
        create_api_job(draft, publisher, api_name="second")
    revisions.finalize_revision(revision=draft, actor=actor_of(publisher), at=timezone.now())
    draft.refresh_from_db()
    with pytest.raises(RevisionIsFinalized):
        create_api_job(draft, publisher, api_name="second")
    put_document(late)
    assert run(late, publisher).state == "ERROR"
    assert (draft.assets.count(), vault_keys(f"specifications/{asset_id_of(late, 0)}")) == (1, [])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"api_id": "x" * 257}, "ApiId"),
        ({"api_id": "a\nb"}, "ApiId"),
        ({"stage": "a\x00"}, "Stage"),
        ({"api_key": "k\r\nx: 1"}, "ApiKey"),
        ({"api_key": "k" * 4097}, "ApiKey"),
        ({"api_name": "../x"}, "name"),
        ({"asset_tags": {"aws:x": "1"}}, "tags"),
        ({"specification_md5": "ü" * 24}, "ApiSpecificationMd5Hash"),
        ({"specification_md5": "A" * 23 + "="}, "ApiSpecificationMd5Hash"),
    ],
)
def test_members_that_make_no_sense_are_refused(draft, publisher, changes, field):
    with pytest.raises(Invalid) as caught:
        create_api_job(draft, publisher, **changes)
    assert caught.value.field == field
    assert Job.objects.count() == 0


def test_a_second_run_changes_nothing_and_leaves_one_document(draft, publisher):
    job = import_api(draft, publisher, api_key=KEY)
    before = list(Asset.objects.values())
    Job.objects.filter(pk=job.pk).update(state="IN_PROGRESS", objects_done=0)
    job.transfers.update(state="PENDING", asset=None)
    run_job(job_id=job.pk)  # the client's document is gone by now, and is not needed
    job = Job.objects.get(pk=job.pk)
    assert (job.state, job.objects_done, list(Asset.objects.values())) == ("COMPLETED", 1, before)
    assert vault_keys(f"specifications/{asset_id_of(job, 0)}") == [before[0]["details"]["SpecificationKey"]]
    assert run_job(job_id=job.pk) is None


def test_the_document_goes_with_its_asset(draft, publisher):
    import_api(draft, publisher)
    key = draft.assets.get().details["SpecificationKey"]
    revisions.delete_revision(revision=draft, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    assert storage.vault().find(key) is None


# --- the key ------------------------------------------------------------------------------------------------------------
def test_the_key_is_sealed_for_its_place_and_for_no_other(draft, publisher):
    job = import_api(draft, publisher, api_key=KEY)
    asset = Asset.objects.select_related("revision__data_set").get(revision=draft)
    sealed = base64.b64decode(asset.details["SealedApiKey"])
    assert crypto.unseal(sealed, **key_place(asset)) == KEY
    assert job.request["sealed_api_key"] != asset.details["SealedApiKey"]
    for place in ({"row": "0" * 32}, {"table": "jobs_job"}, {"organization": "0" * 32}):
        with pytest.raises(Exception):  # noqa: B017 - whatever the cipher raises, nothing comes out
            crypto.unseal(sealed, **(key_place(asset) | place))


def test_the_key_is_shown_nowhere(publisher, subscriber):
    owner, reader = Caller(publisher), Caller(subscriber)
    draft = make_api_draft(publisher)
    ids = {"DataSetId": draft.data_set_id, "RevisionId": draft.pk}
    wanted = {
        "ApiId": "a1",
        "ApiName": "status",
        "ApiSpecificationMd5Hash": md5_of(SPECIFICATION),
        "ProtocolType": "REST",
        "Stage": "prod",
        "ApiKey": KEY,
        **ids,
    }
    kind, member = "IMPORT_ASSET_FROM_API_GATEWAY_API", "ImportAssetFromApiGatewayApi"
    made = owner.ok("CreateJob", Type=kind, Details={member: wanted})
    details = made["Details"][member]
    assert {name: details[name] for name in wanted if name != "ApiKey"} == {
        name: value for name, value in wanted.items() if name != "ApiKey"
    }
    url = details["ApiSpecificationUploadUrl"]
    put = requests.put(url, data=SPECIFICATION, headers={"Content-MD5": md5_of(SPECIFICATION)}, timeout=10)
    assert (put.status_code, put.text) == (200, "")
    owner.ok("StartJob", JobId=made["Id"])
    work.run_due()
    done = owner.ok("GetJob", JobId=made["Id"])
    assert done["State"] == "COMPLETED", done
    (asset_id,) = done["Details"][member]["AssetIds"]
    owner.ok("UpdateRevision", Finalized=True, **ids)
    entry = accept(give_data_grant(publisher, subscriber, draft.data_set), subscriber)
    theirs = {"DataSetId": entry.pk, "RevisionId": draft.pk}
    shown = [
        made,
        done,
        owner.ok("ListJobs"),
        owner.ok("GetAsset", AssetId=asset_id, **ids),
        owner.ok("ListRevisionAssets", **ids),
        reader.ok("GetAsset", AssetId=asset_id, **theirs),
        reader.ok("ListRevisionAssets", **theirs),
    ]
    assert KEY not in json.dumps(shown)
    assert "SealedApiKey" not in json.dumps(shown)
    assert "api.example.org" not in json.dumps(shown[-2:]), "the address is the publisher's"
    refused = owner.call("CreateJob", Type=kind, Details={member: wanted | {"ApiKey": KEY + "\n", "ApiName": "x"}})
    assert (refused.status, KEY in str(refused.body)) == (400, False)
    with connection.cursor() as cursor:
        for table in ("jobs_job", "publishers_asset", "core_auditrecord", "core_workitem", "core_outboxevent"):
            cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s", [f"%{KEY}%"])
            assert cursor.fetchone()[0] == 0, table
    assert AuditRecord.objects.filter(action="asset.added").count() == 1


def test_the_api_refuses_what_the_model_does_not_allow(publisher, draft):
    owner = Caller(publisher)
    wanted = {
        "ApiId": "a1",
        "ApiName": "status",
        "ApiSpecificationMd5Hash": md5_of(SPECIFICATION),
        "ProtocolType": "REST",
        "Stage": "prod",
        "DataSetId": draft.data_set_id,
        "RevisionId": draft.pk,
    }
    for wrong in (
        {"ProtocolType": "SOAP"},
        {"ApiSpecificationMd5Hash": "short"},
        {"ApiSpecificationMd5Hash": "A" * 23 + "="},
        {"ApiName": ""},
        {"ApiKey": "a\nb"},
        {"RevisionId": "x"},
    ):
        details = {"ImportAssetFromApiGatewayApi": wanted | wrong}
        refused = owner.refused("CreateJob", Type="IMPORT_ASSET_FROM_API_GATEWAY_API", Details=details)
        assert refused == (400, "Validation"), wrong
    assert Job.objects.count() == 0
