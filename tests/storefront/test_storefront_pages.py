"""The storefront: what everybody sees, subscribing, and what is entitled then."""

import pytest
from django.utils import timezone

from marketplace.core.models import Role
from publishers.operations import products, revisions
from subscriptions.models import Agreement
from tests.conftest import actor_of
from tests.console.pages import member_with, sign_in


def test_the_catalogue_finds_marks_and_offers_another_spelling(client, product):
    page = client.get("/catalogue?q=departure").content.decode()
    assert "<mark>Departures</mark> of New York" in page
    assert "Departures of New York" in client.get("/catalogue?category=Mobility&format=CSV").content.decode()
    page = client.get("/catalogue?q=depatrures").content.decode()
    assert "Did you mean" in page
    assert ">Departures of New York</a>?" in page
    assert "No products match" in client.get("/catalogue?q=departure&category=Health").content.decode()


@pytest.mark.parametrize(
    "query", ["page=0", "page=9999999", "page=x", "sort=none", "category=None&format=%00", "q=%00%27%22", "publisher=1"]
)
def test_a_url_that_makes_no_sense_still_answers(client, product, query):
    assert client.get(f"/catalogue?{query}").status_code == 200


def test_what_a_stranger_wrote_is_shown_as_text(client, product, publisher):
    products.update_product(
        product=product,
        name="<script>alert(1)</script>",
        description="[x](javascript:alert(1)) <img src=x onerror=alert(1)>",
        actor=actor_of(publisher),
        at=timezone.now(),
    )
    for path in ("/", "/catalogue?q=script", f"/products/{product.pk}"):
        page = client.get(path).content.decode()
        assert "<script>alert" not in page
        assert "onerror=alert" not in page.replace("&lt;img src=x onerror=alert", "")
        assert 'href="javascript:' not in page


def test_a_draft_is_seen_by_its_owner_alone(client, product, publisher, stranger):
    products.unpublish_product(product=product, actor=actor_of(publisher), at=timezone.now())
    url = f"/products/{product.pk}"
    assert client.get(url).status_code == 404
    assert sign_in(client, stranger).get(url).status_code == 404
    assert "Only your organization sees this page" in sign_in(client, publisher).get(url).content.decode()


def test_a_publisher_without_products_has_no_page(client, product, stranger):
    assert client.get(f"/organizations/{product.owner.account_id}").status_code == 200
    assert client.get(f"/organizations/{stranger.organization.account_id}").status_code == 404


def test_subscribing_takes_the_terms_that_were_read(client, product, subscriber, publisher):
    url = f"/products/{product.pk}/subscribe"
    assert client.get(url).url.startswith("/accounts/login/")
    sign_in(client, subscriber)
    page = client.get(url)
    version = page.context["form"].initial["offer_version"]
    refused = client.post(url, {"offer_version": version})
    assert refused.status_code == 422
    assert "Accept the terms to subscribe." in refused.content.decode()
    products.update_product(product=product, terms="Other terms.", actor=actor_of(publisher), at=timezone.now())
    changed = client.post(url, {"offer_version": version, "terms": "on"})
    assert changed.status_code == 409
    assert "Other terms." in changed.content.decode()
    assert not Agreement.objects.exists()
    version = changed.context["offer"].pk
    done = client.post(url, {"offer_version": version, "terms": "on"})
    agreement = Agreement.objects.get()
    assert agreement.offer_version_id == version
    assert done.url == f"/my-data/{agreement.entitlements.get().published_data_set_id}"
    again = client.post(url, {"offer_version": version, "terms": "on"})
    assert again.status_code == 409
    assert Agreement.objects.count() == 1


def test_a_viewer_may_not_subscribe(client, product):
    viewer = member_with(Role.VIEWER)
    url = f"/products/{product.pk}"
    assert "Your role cannot subscribe." in sign_in(client, viewer).get(url).content.decode()
    assert client.post(f"{url}/subscribe", {"terms": "on"}).status_code == 403
    assert not Agreement.objects.exists()


def test_entitled_data_is_listed_opened_and_downloaded(client, subscriber, entitled_data_set, finalized_revision):
    sign_in(client, subscriber)
    assert "Departures" in client.get("/my-data").content.decode()
    url = f"/my-data/{entitled_data_set.pk}"
    assert entitled_data_set.pk in client.get(url).content.decode()
    asset = finalized_revision.assets.get()
    url = f"{url}/revisions/{finalized_revision.pk}"
    assert asset.sha256 in client.get(url).content.decode()
    answer = client.get(f"{url}/assets/{asset.pk}/download")
    assert answer.status_code == 302
    assert "X-Amz-Expires=300" in answer.url


def test_nobody_else_finds_entitled_data(client, stranger, entitled_data_set, finalized_revision):
    sign_in(client, stranger)
    asset = finalized_revision.assets.get()
    url = f"/my-data/{entitled_data_set.pk}"
    for path in (
        "",
        f"/revisions/{finalized_revision.pk}",
        f"/revisions/{finalized_revision.pk}/assets/{asset.pk}/download",
    ):
        assert client.get(url + path).status_code == 404


def test_ending_a_subscription_and_revoking_close_the_doors_at_once(
    client, publisher, subscriber, agreement, entitled_data_set, finalized_revision
):
    sign_in(client, subscriber)
    url = f"/my-data/{entitled_data_set.pk}"
    revisions.revoke_revision(
        revision=finalized_revision, comment="Wrong numbers in it.", actor=actor_of(publisher), at=timezone.now()
    )
    assert client.get(f"{url}/revisions/{finalized_revision.pk}").status_code == 404
    assert "Wrong numbers in it." in client.get(url).content.decode()
    assert client.post(f"/subscriptions/{agreement.pk}/end").url == "/my-data"
    assert client.get(url).status_code == 404
    assert "Nothing to read at the moment" in client.get("/my-data").content.decode()
    assert "Ended" in client.get("/my-data?tab=subscriptions").content.decode()
