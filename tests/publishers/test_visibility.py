"""Private and unlisted products: which doors show them, and to whom."""

import pytest
from django.utils import timezone

from marketplace.core.errors import NotFound
from publishers.models import Product, ProductViewer, Visibility
from publishers.operations import search
from publishers.queries.products import current_offer_version, get_listed_product, may_see
from subscriptions.agreement_requests import request_agreement
from subscriptions.models import Agreement
from subscriptions.operations import accept_offer
from tests.api.conftest import Program, token_of
from tests.conftest import actor_of
from tests.console.pages import sign_in
from tests.pages import add_document

pytestmark = pytest.mark.django_db


def hide(product: Product, visibility: Visibility) -> Product:
    product.visibility = visibility
    product.save(update_fields=["visibility"])
    search.refresh(product=product)
    return product


@pytest.fixture
def private(product, subscriber):
    """The product, private to its owner and the subscriber."""
    ProductViewer.objects.create(product=product, organization=subscriber.organization)
    return hide(product, Visibility.PRIVATE)


def test_who_may_see_what(product, publisher, subscriber, stranger):
    everybody = [None, stranger.organization, subscriber.organization, publisher.organization]

    def seen():
        return [may_see(product=product, organization=organization) for organization in everybody]

    assert seen() == [True] * 4
    ProductViewer.objects.create(product=product, organization=subscriber.organization)
    hide(product, Visibility.UNLISTED)
    assert seen() == [True] * 4
    hide(product, Visibility.PRIVATE)
    assert seen() == [False, False, True, True]
    product.state = "UNPUBLISHED"
    assert seen() == [False, False, False, True]


@pytest.mark.parametrize("path", ["", "/documents/{document}/download", "/subscribe"])
def test_the_pages_of_a_private_product_are_not_there_for_others(client, private, subscriber, stranger, path):
    document = add_document(private, "SAMPLE", "ports.csv")
    url = f"/products/{private.pk}" + path.format(document=document.pk)
    shown = {200, 302}
    if path != "/subscribe":  # which asks to sign in first
        assert client.get(url).status_code == 404
    assert sign_in(client, stranger).get(url).status_code == 404
    assert sign_in(client, subscriber).get(url).status_code in shown


def test_a_subscriber_still_sees_a_product_that_was_hidden_or_taken_out(client, product, subscriber, stranger):
    accept_offer(
        organization=subscriber.organization,
        product=product,
        offer_version_id=current_offer_version(product=product).pk,
        terms_accepted=True,
        user=subscriber.user,
        actor=actor_of(subscriber),
        at=timezone.now(),
    )
    hide(product, Visibility.PRIVATE)
    assert sign_in(client, subscriber).get(f"/products/{product.pk}").status_code == 200
    Product.objects.filter(pk=product.pk).update(state="UNPUBLISHED")
    assert client.get(f"/products/{product.pk}").status_code == 200
    assert sign_in(client, stranger).get(f"/products/{product.pk}").status_code == 404
    Agreement.objects.update(ended_at=timezone.now())
    assert sign_in(client, subscriber).get(f"/products/{product.pk}").status_code == 404


def test_a_private_products_page_says_so_and_is_kept_from_search_engines(client, private, subscriber, publisher):
    page = sign_in(client, subscriber).get(f"/products/{private.pk}").content.decode()
    assert "A private product" in page
    assert 'name="robots" content="noindex"' in page
    assert "ld+json" not in page
    assert "those that you named" in sign_in(client, publisher).get(f"/products/{private.pk}").content.decode()


def test_no_list_shows_private_and_unlisted_products(client, product, publisher):
    account = publisher.organization.account_id
    for visibility in (Visibility.PRIVATE, Visibility.UNLISTED):
        hide(product, visibility)
        for path in ("/", "/catalogue", "/catalogue?q=departures"):
            assert product.pk not in client.get(path).content.decode(), (visibility, path)
        assert client.get(f"/organizations/{account}").status_code == 404  # it lists nothing else
        assert client.get("/api/catalogue").json()["items"] == []


def test_an_unlisted_product_is_there_for_who_has_its_address(client, product, subscriber):
    hide(product, Visibility.UNLISTED)
    page = client.get(f"/products/{product.pk}").content.decode()
    assert "An unlisted product" in page
    assert 'name="robots" content="noindex"' in page
    assert client.get(f"/api/catalogue/{product.pk}").status_code == 200


def test_the_api_shows_a_private_product_to_those_who_may_see_it(client, private, subscriber, stranger, publisher):
    document = add_document(private, "SAMPLE", "ports.csv")
    paths = [f"/api/catalogue/{private.pk}{end}" for end in ("", "/documents", f"/documents/{document.pk}")]
    for path in paths:
        assert client.get(path).status_code == 404
        assert Program(token_of(stranger, ["catalogue:read"])).call("GET", path).status_code == 404
        assert Program(token_of(subscriber, ["catalogue:read"])).call("GET", path).status_code == 200
        assert Program(token_of(subscriber, ["data:read"])).call("GET", path).status_code == 404  # as for everybody
        assert Program(token_of(publisher, ["catalogue:read"])).call("GET", path).status_code == 200


def test_only_those_who_may_see_a_private_product_subscribe(private, subscriber, stranger):
    version = current_offer_version(product=private)

    def accept(member):
        return accept_offer(
            organization=member.organization,
            product=private,
            offer_version_id=version.pk,
            terms_accepted=True,
            user=member.user,
            actor=actor_of(member),
            at=timezone.now(),
        )

    with pytest.raises(NotFound):
        accept(stranger)
    body = {"product_id": private.pk, "offer_version_id": version.pk, "accept_terms": True}
    program = Program(token_of(stranger, ["subscriptions:write"]))
    assert program.call("POST", "/api/subscriptions", body).status_code == 404
    with pytest.raises(NotFound):
        request_agreement(organization=stranger.organization, proposal_id=version.pk, term_ids=[version.pk])
    assert Agreement.objects.count() == 0
    assert accept(subscriber).product_id == private.pk


@pytest.mark.parametrize("product_id", ["prod-nothing", "\0", "x" * 300])
def test_an_id_that_is_none_is_not_found(db, product_id):
    with pytest.raises(NotFound):
        get_listed_product(product_id=product_id)
