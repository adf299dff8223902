"""Pages of publishing: who may see and change what, and what a refused form leaves behind."""

import io
import json

import pytest
from django.utils import timezone
from PIL import Image

from marketplace.core.models import Role
from publishers.models import DataSet, Product, ProductState, Revision
from publishers.operations import uploads as operations
from tests.conftest import actor_of
from tests.console.pages import member_with, sign_in

PRODUCT = {"name": "Tides", "category": "Weather", "terms": "Use it well."}


def test_a_data_set_is_created_and_described(client, publisher):
    sign_in(client, publisher)
    answer = client.post("/publish/data-sets/new", {"name": "Tides", "description": "High water."})
    made = DataSet.objects.get(owner=publisher.organization)
    assert answer.url == f"/publish/data-sets/{made.pk}"
    client.post(f"{answer.url}/edit", {"name": "Tides of the north", "description": "High water."})
    assert "Tides of the north" in client.get("/publish/data-sets?q=north").content.decode()
    assert "No data set is called that" in client.get("/publish/data-sets?q=south").content.decode()


def test_a_refused_form_keeps_what_was_typed_and_writes_nothing(client, publisher):
    answer = sign_in(client, publisher).post("/publish/data-sets/new", {"name": "Tides", "description": " "})
    assert answer.status_code == 422
    assert 'value="Tides"' in answer.content.decode()
    assert not DataSet.objects.exists()


def test_a_revision_is_opened_commented_finalized_and_revoked(client, publisher, draft_revision):
    sign_in(client, publisher)
    url = f"/publish/data-sets/{draft_revision.data_set_id}/revisions/{draft_revision.pk}"
    client.post(f"{url}/edit", {"comment": "October"})
    assert client.post(f"{url}/finalize").url == url
    draft_revision.refresh_from_db()
    assert (draft_revision.comment, draft_revision.state) == ("October", "FINALIZED")
    again = client.post(f"{url}/finalize")
    assert again.status_code == 409
    assert "already finalized" in again.content.decode()
    assert client.post(f"{url}/edit", {"comment": "November"}).status_code == 409
    assert client.post(f"{url}/revoke", {"comment": "too short"}).status_code == 422
    client.post(f"{url}/revoke", {"comment": "The port list was wrong."})
    draft_revision.refresh_from_db()
    assert (draft_revision.comment, draft_revision.state) == ("October", "REVOKED")


def test_an_empty_draft_says_why_it_cannot_be_finalized(client, publisher, data_set):
    sign_in(client, publisher)
    url = client.post(f"/publish/data-sets/{data_set.pk}/revisions/new").url
    assert "Add at least one file." in client.get(url).content.decode()
    assert client.post(f"{url}/finalize").status_code == 422
    assert Revision.objects.get(data_set=data_set).finalized_at is None


def test_a_file_is_downloaded_by_a_short_lived_link_and_deleted_only_from_a_draft(
    client, publisher, draft_revision, finalized_revision
):
    sign_in(client, publisher)
    asset = draft_revision.assets.get()
    url = f"/publish/data-sets/{draft_revision.data_set_id}/revisions/{draft_revision.pk}/assets/{asset.pk}"
    answer = client.get(f"{url}/download")
    assert (answer.status_code, answer["Cache-Control"]) == (302, "no-store")
    assert "X-Amz-Expires=300" in answer.url
    assert client.post(f"{url}/delete").status_code == 302
    assert not draft_revision.assets.exists()
    kept = finalized_revision.assets.get()
    url = f"/publish/data-sets/{kept.revision.data_set_id}/revisions/{kept.revision_id}/assets/{kept.pk}/delete"
    assert client.post(url).status_code == 409
    assert finalized_revision.assets.get() == kept


def test_an_upload_begins_signs_completes_and_is_cancelled_by_json(client, publisher, data_set):
    sign_in(client, publisher)
    base = client.post(f"/publish/data-sets/{data_set.pk}/revisions/new").url + "/uploads"
    file = {"name": "a.csv", "size": 4, "type": "text/csv", "modified": 1}

    def call(path, body, **options):
        return client.post(base + path, json.dumps(body), content_type="application/json", **options)

    begun = call("", file).json()
    assert begun["done"] == []
    assert list(call(f"/{begun['id']}/sign", {"parts": [1]}).json()["urls"]) == ["1"]
    missing = call(f"/{begun['id']}/complete", {})
    assert (missing.status_code, missing.json()["detail"]) == (409, "1 of 1 parts have not arrived yet.")
    assert call(f"/{begun['id']}/sign", {"parts": [2]}).status_code == 422
    assert client.delete(f"{base}/{begun['id']}").status_code == 204
    for wrong in ({}, {"size": -1}, {"size": "4"}, {"name": "../a"}, {"name": 7}, {"modified": None}):
        assert call("", file | wrong if wrong else []).status_code == 422, wrong
    assert client.post(base, b"{", content_type="application/json").status_code == 422
    client.logout()
    assert call("", file).status_code == 401


def test_what_an_upload_left_is_offered_when_the_page_is_opened_again(client, publisher, draft_revision):
    upload, _ = operations.open_upload(
        revision=draft_revision,
        user=publisher.user,
        name="large.csv",
        size_bytes=20_000_000,
        content_type="text/csv",
        modified_ms=1,
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    page = sign_in(client, publisher).get(
        f"/publish/data-sets/{draft_revision.data_set_id}/revisions/{draft_revision.pk}"
    )
    assert upload.pk in page.content.decode()
    assert "An upload is not finished." in page.content.decode()


def test_a_product_is_written_checked_published_and_taken_out(client, publisher, data_set, finalized_revision):
    sign_in(client, publisher)
    url = client.post("/publish/products/new", PRODUCT).url
    page = client.get(url).content.decode()
    assert "Write a short description" in page
    refused = client.post(f"{url}/publish")
    assert refused.status_code == 409
    texts = {"short_description": "High water.", "description": "**All** of it.", "support_contact": "a@example.org"}
    client.post(url, PRODUCT | texts | {"dictionary": "height | number | Metres above\n\ntime|"})
    client.post(f"{url}/data-sets", {"data_set": data_set.pk, "history_rule": "ALL", "future_rule": "on"})
    assert client.post(f"{url}/sample").url == f"{url}#media"
    assert client.post(f"{url}/publish").url == url
    made = Product.objects.get()
    assert made.state == ProductState.PUBLISHED
    assert made.dictionary[0] == {"column": "height", "type": "number", "meaning": "Metres above"}
    assert "<strong>All</strong>" in client.get(f"/products/{made.pk}").content.decode()
    assert client.post(f"{url}/data-sets/{data_set.pk}/remove").status_code == 409
    client.post(f"{url}/unpublish")
    made.refresh_from_db()
    assert made.state == ProductState.UNPUBLISHED


def test_a_draft_shows_what_is_typed_and_leaves_the_product_as_it_is(client, publisher):
    sign_in(client, publisher)
    url = client.post("/publish/products/new", PRODUCT).url
    client.post(f"{url}/draft", PRODUCT | {"name": "Tides <b>now</b>", "description": "*new*"})
    page = client.get(url)
    assert "Tides &lt;b&gt;now&lt;/b&gt;" in page.content.decode()
    assert "<em>new</em>" in page.content.decode()
    assert Product.objects.get().name == "Tides"


def test_a_dictionary_that_cannot_be_read_names_its_line(client, publisher):
    url = sign_in(client, publisher).post("/publish/products/new", PRODUCT).url
    answer = client.post(url, PRODUCT | {"dictionary": "a|int|\n | x"})
    assert answer.status_code == 422
    assert "Line 2 names no column." in answer.content.decode()
    assert Product.objects.get().dictionary == []


def test_a_logo_is_taken_or_refused_with_a_reason(client, publisher):
    sign_in(client, publisher)
    url = client.post("/publish/products/new", PRODUCT).url
    picture = io.BytesIO()
    Image.new("RGB", (300, 100), "navy").save(picture, "PNG")
    picture.seek(0)
    picture.name = "logo.png"
    assert client.post(f"{url}/logo", {"logo": picture}).status_code == 302
    assert Product.objects.get().logo_width == 256
    drawing = io.BytesIO(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    drawing.name = "logo.svg"
    refused = client.post(f"{url}/logo", {"logo": drawing})
    assert refused.status_code == 422
    assert "This is not a PNG, JPEG or WebP image." in refused.content.decode()


@pytest.mark.parametrize("path", ["", "/edit", "/revisions/{revision}", "/revisions/{revision}/import"])
def test_a_stranger_finds_nothing_and_no_one_else_gets_in(client, publisher, stranger, draft_revision, path):
    url = f"/publish/data-sets/{draft_revision.data_set_id}{path.format(revision=draft_revision.pk)}"
    assert client.get(url).url.startswith("/accounts/login/")
    assert sign_in(client, stranger).get(url).status_code == 404
    assert sign_in(client, publisher).get(url).status_code == 200


def test_a_viewer_reads_and_changes_nothing(client, publisher, draft_revision):
    viewer = member_with(Role.VIEWER)
    viewer.organization = publisher.organization
    viewer.save()
    sign_in(client, viewer)
    url = f"/publish/data-sets/{draft_revision.data_set_id}"
    page = client.get(f"{url}/revisions/{draft_revision.pk}")
    assert page.status_code == 200
    assert "Finalize revision" not in page.content.decode()
    for post in (f"{url}/revisions/new", f"{url}/edit", f"{url}/revisions/{draft_revision.pk}/finalize"):
        assert client.post(post, {"name": "x", "description": "y"}).status_code == 403
    assert DataSet.objects.get().name == "Departures"
    assert Revision.objects.get().state == "DRAFT"


def test_the_list_of_data_sets_asks_a_constant_number_of_queries(
    client, publisher, data_set, django_assert_max_num_queries
):
    from publishers.operations.data_sets import create_data_set

    for number in range(20):
        create_data_set(
            owner=publisher.organization,
            name=f"Number {number}",
            description="x",
            actor=actor_of(publisher),
            at=timezone.now(),
        )
    sign_in(client, publisher)
    with django_assert_max_num_queries(8):
        assert "Number 19" in client.get("/publish/data-sets").content.decode()
