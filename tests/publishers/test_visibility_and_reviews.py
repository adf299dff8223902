"""Who finds a product, and what the operator of an installation has a say in."""

import pytest
from django.utils import timezone

from marketplace.core.errors import Invalid
from marketplace.core.models import AuditRecord, Notification, Organization, PublisherState, SiteSettings, User
from publishers.models import Product, ProductSearch, ProductState, Visibility
from publishers.operations import products, reviews
from publishers.operations.products import NotEnoughForAll, ProductIsSubmitted, ProductNotReady
from publishers.operations.reviews import ProductIsNotSubmitted
from subscriptions.queries import list_entitled_data_sets
from tests.conftest import actor_of, make_listable
from tests.together import outcomes

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready(publisher, data_set, finalized_revision) -> Product:
    """A draft that lacks nothing."""
    by = {"actor": actor_of(publisher), "at": timezone.now()}
    made = products.create_product(
        owner=publisher.organization,
        name="Tides",
        category="Weather",
        short_description="s",
        description="d",
        support_contact="c",
        terms="t",
        **by,
    )
    products.add_data_set(product=made, data_set=data_set, **by)
    make_listable(made, publisher)
    return made


def by(member):
    return {"actor": actor_of(member), "at": timezone.now()}


def found(product) -> bool:
    return ProductSearch.objects.filter(product=product).exists()


def test_only_a_public_product_needs_a_sample_and_a_dictionary(publisher, data_set, finalized_revision):
    made = products.create_product(
        owner=publisher.organization,
        name="Tides",
        category="Weather",
        short_description="s",
        description="d",
        support_contact="c",
        terms="t",
        visibility=Visibility.UNLISTED,
        **by(publisher),
    )
    products.add_data_set(product=made, data_set=data_set, **by(publisher))
    assert products.blockers(made) == []
    made = products.publish_product(product=made, **by(publisher))
    assert (made.state, found(made)) == ("PUBLISHED", False)
    with pytest.raises(NotEnoughForAll, match=r"Describe the columns.*Add a sample"):
        products.set_visibility(product=made, visibility=Visibility.PUBLIC, **by(publisher))
    make_listable(made, publisher)
    products.set_visibility(product=made, visibility=Visibility.PUBLIC, **by(publisher))
    assert found(made)


def test_a_published_product_may_hide_and_its_subscribers_stay(product, agreement, publisher, subscriber):
    for visibility in (Visibility.PRIVATE, Visibility.UNLISTED):
        for _ in range(2):
            products.set_visibility(product=product, visibility=visibility, **by(publisher))
        assert not found(product)
    assert AuditRecord.objects.filter(action="product.visibility_set").count() == 2
    assert list_entitled_data_sets(organization=subscriber.organization, at=timezone.now()).count() == 1
    with pytest.raises(Invalid):
        products.set_visibility(product=product, visibility="SECRET", **by(publisher))


def test_a_product_in_the_catalogue_keeps_its_dictionary(product, publisher):
    with pytest.raises(Invalid) as caught:
        products.update_product(product=product, dictionary=[], **by(publisher))
    assert caught.value.field == "dictionary"
    product.refresh_from_db()
    assert product.dictionary[0]["column"] == "delay"


def test_viewers_are_named_by_their_account_ids(product, publisher, stranger):
    account = stranger.organization.account_id
    for _ in range(2):
        products.add_viewer(product=product, account_id=f" {account} ", **by(publisher))
    assert [v.organization.account_id for v in product.viewers.all()] == [account]
    for wrong in ("999999999999", "", "x" * 50, publisher.organization.account_id):
        with pytest.raises(Invalid) as caught:
            products.add_viewer(product=product, account_id=wrong, **by(publisher))
        assert caught.value.field == "account_id"
    for _ in range(2):
        products.remove_viewer(product=product, account_id=account, **by(publisher))
    assert not product.viewers.exists()
    assert AuditRecord.objects.filter(action__in=["product.viewer_added", "product.viewer_removed"]).count() == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"frequency": "SOMETIMES"}, "frequency"),
        ({"regions": ["MARS"]}, "regions"),
        ({"regions": "EUROPE"}, "regions"),
        ({"personal_data": "SOME"}, "personal_data"),
        ({"licence_rights": {"theft": True}}, "licence_rights"),
        ({"licence_rights": {"resale": "yes"}}, "licence_rights"),
        ({"questions": [{"label": ""}]}, "questions"),
        ({"approval_rules": [{"kind": "x"}]}, "approval_rules"),
        ({"visibility": "SECRET"}, "visibility"),
        ({"submitted_at": "now"}, "submitted_at"),
    ],
)
def test_a_wrong_choice_is_refused_at_its_field(ready, publisher, changes, field):
    with pytest.raises(Invalid) as caught:
        products.update_product(product=ready, **changes, **by(publisher))
    assert caught.value.field == field


def test_choices_are_kept_in_one_order(ready, publisher):
    rights = {"resale": False, "commercial_use": True}
    done = products.update_product(
        product=ready, regions=["AFRICA", "EUROPE"], licence_rights=rights, frequency="DAILY", **by(publisher)
    )
    done.refresh_from_db()
    assert done.regions == ["EUROPE", "AFRICA"]
    assert done.licence_rights == rights


# --- the operator -----------------------------------------------------------------------------------------------------
@pytest.fixture
def operator(stranger):
    """An operator, and an installation that approves each product."""
    User.objects.filter(pk=stranger.user_id).update(is_staff=True)
    SiteSettings.objects.update_or_create(pk=1, defaults={"approves_products": True})
    stranger.refresh_from_db()
    return stranger


def test_a_product_waits_for_the_operator_who_lets_it_in(ready, publisher, operator):
    done = products.publish_product(product=ready, **by(publisher))
    assert (done.state, done.published_at, found(done)) == (ProductState.DRAFT, None, False)
    assert done.submitted_at is not None
    told = Notification.objects.get(topic="approval.wanted")
    assert (told.membership.user_id, "Tides" in told.text) == (operator.user_id, True)
    with pytest.raises(ProductIsSubmitted):
        products.publish_product(product=ready, **by(publisher))
    done = reviews.approve_product(product=ready, **by(operator))
    assert (done.state, done.submitted_at, found(done)) == (ProductState.PUBLISHED, None, True)
    answer = Notification.objects.get(topic="product.reviewed")
    assert answer.membership_id == publisher.pk
    with pytest.raises(ProductIsNotSubmitted):
        reviews.approve_product(product=ready, **by(operator))


def test_a_refused_product_is_a_draft_with_the_reason_and_may_come_again(ready, publisher, operator):
    products.publish_product(product=ready, **by(publisher))
    for wrong in ("", " ", "x" * 501):
        with pytest.raises(Invalid):
            reviews.refuse_product(product=ready, reason=wrong, **by(operator))
    done = reviews.refuse_product(product=ready, reason="Name the source.", **by(operator))
    assert (done.state, done.submitted_at, done.refusal) == (ProductState.DRAFT, None, "Name the source.")
    assert "Name the source." in Notification.objects.get(topic="product.reviewed").text
    again = products.publish_product(product=ready, **by(publisher))
    assert (again.refusal, again.submitted_at is None) == ("", False)


def test_what_became_incomplete_waits_on(ready, publisher, operator):
    products.publish_product(product=ready, **by(publisher))
    products.update_product(product=ready, description="", **by(publisher))
    with pytest.raises(ProductNotReady):
        reviews.approve_product(product=ready, **by(operator))
    assert Product.objects.get(pk=ready.pk).submitted_at is not None
    for _ in range(2):
        products.withdraw_product(product=ready, **by(publisher))
    assert AuditRecord.objects.filter(action="product.withdrawn").count() == 1
    with pytest.raises(ProductIsNotSubmitted):
        reviews.refuse_product(product=ready, reason="Too late.", **by(operator))


@pytest.mark.django_db(transaction=True)
def test_of_two_decisions_at_once_one_counts(ready, publisher, operator):
    products.publish_product(product=ready, **by(publisher))
    got = outcomes(
        lambda: reviews.approve_product(product=ready, **by(operator)),
        lambda: reviews.refuse_product(product=ready, reason="No.", **by(operator)),
    )
    assert sum(isinstance(each, Product) for each in got) == 1
    assert sum(isinstance(each, ProductIsNotSubmitted) for each in got) == 1
    assert Notification.objects.filter(topic="product.reviewed").count() == 1


def test_an_organization_needs_its_own_approval_first(ready, publisher):
    SiteSettings.objects.update_or_create(pk=1, defaults={"approves_publishers": True})
    assert [field for field, _ in products.blockers(ready)] == ["publisher"]
    with pytest.raises(ProductNotReady, match="operator's approval"):
        products.publish_product(product=ready, **by(publisher))
    Organization.objects.filter(pk=publisher.organization_id).update(publisher_state=PublisherState.APPROVED)
    ready.owner.refresh_from_db()
    assert products.publish_product(product=ready, **by(publisher)).state == ProductState.PUBLISHED
