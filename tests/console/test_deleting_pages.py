"""Publisher's pages: asset types, editing a revision again, deleting what nobody has, jobs that outlive it."""

import json

import pytest
from django.utils import timezone

from jobs.models import Job, JobState
from jobs.operations import imports
from marketplace.core import work
from publishers.models import AssetType, DataSet, Revision
from tests.conftest import actor_of
from tests.console.pages import sign_in
from tests.grants import give_data_grant, make_api_revision


@pytest.mark.parametrize("kind", AssetType.values)
def test_a_data_set_of_each_type_is_created_and_keeps_its_type(client, publisher, kind):
    sign_in(client, publisher)
    form = {"name": "Tides", "description": "High water.", "asset_type": kind}
    url = client.post("/publish/data-sets/new", form).url
    assert DataSet.objects.get().asset_type == kind
    client.post(f"{url}/edit", {"name": "Tides", "description": "Low.", "asset_type": "S3_SNAPSHOT"})
    made = DataSet.objects.get()
    assert (made.asset_type, made.description) == (kind, "Low.")
    page = client.get(url).content.decode()
    assert AssetType(kind).label in page
    draft = client.post(f"{url}/revisions/new").url
    assert ("multipart-upload" in client.get(draft).content.decode()) == (kind == AssetType.S3_SNAPSHOT)


def test_a_type_that_is_none_is_refused_and_files_are_the_first_choice(client, publisher):
    sign_in(client, publisher)
    page = client.get("/publish/data-sets/new").content.decode()
    assert page.count('type="radio"') == 5
    assert 'value="S3_SNAPSHOT" required id="id_asset_type_0" checked' in page
    refused = client.post("/publish/data-sets/new", {"name": "x", "description": "y", "asset_type": "FTP"})
    assert refused.status_code == 422
    assert not DataSet.objects.exists()


def test_nothing_is_uploaded_or_imported_into_a_data_set_of_another_type(client, publisher):
    revision = make_api_revision(publisher, finalize=False)
    url = f"/publish/data-sets/{revision.data_set_id}/revisions/{revision.pk}"
    sign_in(client, publisher)
    page = client.get(url).content.decode()
    assert "<td>APIs</td>" in page
    assert f"{url}/import" not in page
    assert "/download" not in page
    assert client.get(f"{url}/import").status_code == 422
    file = {"name": "a.csv", "size": 4, "type": "text/csv", "modified": 1}
    answer = client.post(f"{url}/uploads", json.dumps(file), content_type="application/json")
    assert answer.status_code == 422
    assert not revision.uploads.exists()
    asset = revision.assets.get()
    assert client.get(f"{url}/assets/{asset.pk}/download").status_code == 409


def test_a_finalized_revision_that_nobody_has_is_edited_again_and_deleted(client, publisher, finalized_revision):
    sign_in(client, publisher)
    url = f"/publish/data-sets/{finalized_revision.data_set_id}/revisions/{finalized_revision.pk}"
    page = client.get(url).content.decode()
    assert "Edit this revision again?" in page
    assert client.post(f"{url}/reopen").url == url
    finalized_revision.refresh_from_db()
    assert finalized_revision.state == "DRAFT"
    assert "Delete draft" in " ".join(client.get(url).content.decode().split())
    assert client.post(f"{url}/delete").url == f"/publish/data-sets/{finalized_revision.data_set_id}"
    assert not Revision.objects.exists()
    assert client.get(url).status_code == 404


def test_a_published_revision_is_neither_edited_again_nor_deleted(client, publisher, product, finalized_revision):
    sign_in(client, publisher)
    url = f"/publish/data-sets/{finalized_revision.data_set_id}/revisions/{finalized_revision.pk}"
    page = client.get(url).content.decode()
    assert "Edit again" not in page
    assert "Delete revision" not in page
    for path in ("reopen", "delete"):
        refused = client.post(f"{url}/{path}")
        assert refused.status_code == 409
        assert "This revision is published" in refused.content.decode()
    finalized_revision.refresh_from_db()
    assert finalized_revision.state == "FINALIZED"
    held = client.post(f"/publish/data-sets/{finalized_revision.data_set_id}/delete")
    assert held.status_code == 409
    assert "This data set is in Departures of New York." in held.content.decode()
    assert DataSet.objects.filter(pk=finalized_revision.data_set_id).exists()


def test_a_data_set_is_deleted_while_nothing_holds_it(client, publisher, subscriber, data_set, finalized_revision):
    grant = give_data_grant(publisher, subscriber, data_set)
    sign_in(client, publisher)
    url = f"/publish/data-sets/{data_set.pk}"
    assert client.post(f"{url}/delete").status_code == 409
    client.post(f"/publish/data-grants/{grant.pk}/delete")
    assert "Delete data set" in client.get(url).content.decode()
    assert client.post(f"{url}/delete").url == "/publish/data-sets"
    assert not DataSet.objects.exists()


@pytest.mark.parametrize("gone", ["revision", "data set"])
def test_the_pages_of_an_import_outlive_what_it_was_about(client, publisher, draft_revision, gone):
    job = imports.create_import_from_signed_url(
        organization=publisher.organization,
        revision=draft_revision,
        name="later.csv",
        md5="A" * 22 + "==",
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    Job.objects.filter(pk=job.pk).update(state=JobState.ERROR, errors=[{"code": "X", "message": "It did not arrive."}])
    sign_in(client, publisher)
    assert "Import into Departures failed" in client.get("/home").content.decode()
    url = f"/publish/data-sets/{draft_revision.data_set_id}"
    path = "delete" if gone == "data set" else f"revisions/{draft_revision.pk}/delete"
    assert client.post(f"{url}/{path}").status_code == 302
    work.run_due()
    page = client.get(f"/imports/{job.pk}").content.decode()
    assert "was deleted since" in page
    assert f"/revisions/{draft_revision.pk}" not in page
    assert "Retry" not in page
    assert (f'href="{url}"' in page) == (gone == "revision")
    assert ("Import into a deleted data set" in page) == (gone == "data set")
    assert "Import into" not in client.get("/home").content.decode()
