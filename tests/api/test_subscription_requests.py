"""/api: subscription requests from both sides."""

import json

import pytest

from marketplace.core import work
from publishers.models import Product, Visibility
from subscriptions.models import Agreement, SubscriptionRequest
from tests.asking import ANSWERS, guard

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def guarded(product):
    """The product, whose publisher decides who subscribes."""
    return guard(product)


def asking(program, product, **changes):
    """Read the form of a product, then ask for it; return the answer."""
    form = program.call("GET", f"/api/catalogue/{product.pk}/request-form").json()
    body = {
        "product_id": product.pk,
        "offer_version_id": form["offer_version_id"],
        "accept_terms": True,
        "answers": ANSWERS,
    }
    return program.call("POST", "/api/subscription-requests", body | changes)


def test_a_program_asks_another_approves_and_the_data_is_there(guarded, subscriber, publisher, stranger, program_of):
    asker, owner = program_of(subscriber), program_of(publisher)
    form = asker.call("GET", f"/api/catalogue/{guarded.pk}/request-form").json()
    assert (form["requires_approval"], form["usual_hours_to_decide"]) == (True, None)
    assert [q["key"] for q in form["questions"]] == ["use", "site", "seat", "role", "mail", "team", "fair"]
    assert form["questions"][3]["choices"] == ["Buyer", "Analyst"]
    straight = {"product_id": guarded.pk, "offer_version_id": form["offer_version_id"], "accept_terms": True}
    refused = asker.call("POST", "/api/subscriptions", straight)
    assert (refused.status_code, refused.json()["code"]) == (409, "ApprovalNeeded")
    assert "/api/subscription-requests" in refused.json()["detail"]
    made = asking(asker, guarded)
    assert made.status_code == 201, made.content
    request = made.json()
    assert (request["state"], request["subscription_id"], request["reason"]) == ("PENDING", None, "")
    assert request["publisher"]["name"] == "Publisher"
    assert request["answers"][6] == {
        "key": "fair",
        "label": "We do not resell it",
        "kind": "checkbox",
        "answer": True,
    }
    path = f"/api/subscription-requests/{request['id']}"
    assert asker.call("GET", path).json() == request
    assert asker.call("GET", "/api/subscription-requests?state=PENDING").json()["items"] == [request]
    assert asker.call("GET", "/api/subscription-requests?state=DECLINED").json()["items"] == []
    assert program_of(stranger).call("GET", path).status_code == 404
    assert owner.call("GET", path).status_code == 404
    (received,) = owner.call("GET", f"/api/received-subscription-requests?product_id={guarded.pk}").json()["items"]
    assert received["requester"]["account_id"] == subscriber.organization.account_id
    path = f"/api/received-subscription-requests/{request['id']}"
    detail = owner.call("GET", path).json()
    assert (detail["email_domain"], detail["email_is_verified"]) == ("example.org", False)
    assert subscriber.user.email not in json.dumps(detail)
    assert asker.call("POST", f"{path}/approve").status_code == 404
    approved = owner.call("POST", f"{path}/approve").json()
    assert approved["state"] == "APPROVED"
    assert owner.call("POST", f"{path}/approve").json()["code"] == "RequestIsDecided"
    work.run_due()
    mine = asker.call("GET", f"/api/subscription-requests/{request['id']}").json()
    assert mine["subscription_id"] == Agreement.objects.get().pk
    assert len(asker.call("GET", "/api/entitlements").json()["items"]) == 1


def test_every_wrong_answer_is_named(guarded, subscriber, program_of):
    answer = asking(program_of(subscriber), guarded, answers={"use": 5, "site": "x", "more": "y"})
    assert answer.status_code == 422
    fields = {error["field"]: error["detail"] for error in answer.json()["errors"]}
    assert sorted(fields) == [f"answers.{key}" for key in ("fair", "more", "role", "seat", "site", "use")]
    assert fields["answers.use"] == "Answer with a text."
    assert not SubscriptionRequest.objects.exists()


@pytest.mark.parametrize(
    ("change", "status", "where"),
    [
        ({"accept_terms": False}, 422, "accept_terms"),
        ({"accept_terms": "yes"}, 422, "accept_terms"),
        ({"answers": ["a"]}, 422, "answers"),
        ({"offer_version_id": "0" * 32}, 409, "OfferHasChanged"),
        ({"product_id": "prod-0"}, 404, "NotFound"),
        ({"note": "x"}, 422, "note"),
    ],
)
def test_what_does_not_fit_is_refused(guarded, subscriber, program_of, change, status, where):
    answer = asking(program_of(subscriber), guarded, **change)
    assert answer.status_code == status
    problem = answer.json()
    assert where in [problem["code"], *(error["field"] for error in problem.get("errors", []))]
    assert not SubscriptionRequest.objects.exists()


def test_declined_with_a_reason_asked_again_and_withdrawn(guarded, subscriber, publisher, program_of):
    asker, owner = program_of(subscriber), program_of(publisher)
    first = asking(asker, guarded).json()["id"]
    path = f"/api/received-subscription-requests/{first}/decline"
    assert owner.call("POST", path, {"reason": "Short"}).json()["errors"][0]["field"] == "reason"
    assert owner.call("POST", path, {}).status_code == 422
    declined = owner.call("POST", path, {"reason": "Say what you need it for."}).json()
    assert (declined["state"], declined["reason"]) == ("DECLINED", "Say what you need it for.")
    second = asking(asker, guarded).json()["id"]
    again = asking(asker, guarded)
    assert (again.status_code, again.json()["code"]) == (409, "RequestAlreadyWaits")
    assert asker.call("POST", f"/api/subscription-requests/{second}/cancel").json()["state"] == "CANCELLED"
    assert asker.call("POST", f"/api/subscription-requests/{second}/cancel").status_code == 409
    states = [item["state"] for item in asker.call("GET", "/api/subscription-requests").json()["items"]]
    assert states == ["CANCELLED", "DECLINED"]


def test_the_scopes_are_those_of_the_pages(guarded, subscriber, publisher, program_of):
    request = asking(program_of(subscriber), guarded).json()["id"]
    reader = program_of(publisher, "publish:read")
    assert reader.call("GET", f"/api/received-subscription-requests/{request}").status_code == 200
    assert reader.call("POST", f"/api/received-subscription-requests/{request}/approve").status_code == 403
    onlooker = program_of(subscriber, "subscriptions:read")
    assert onlooker.call("GET", f"/api/subscription-requests/{request}").status_code == 200
    assert onlooker.call("POST", f"/api/subscription-requests/{request}/cancel").status_code == 403
    assert asking(onlooker, guarded).status_code == 403
    assert SubscriptionRequest.objects.get().state == "PENDING"


def test_the_form_of_a_private_product_is_hidden(guarded, stranger, program_of):
    Product.objects.filter(pk=guarded.pk).update(visibility=Visibility.PRIVATE)
    assert program_of(stranger).call("GET", f"/api/catalogue/{guarded.pk}/request-form").status_code == 404
