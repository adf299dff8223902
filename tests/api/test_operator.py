"""Operating by program: what a token of an operator does, and that sessions and others do nothing."""

import io

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from PIL import Image

from marketplace.core import brand, scopes
from marketplace.core.actors import SYSTEM
from marketplace.core.models import Organization, SiteSettings, User, WorkItem
from marketplace.core.operations import site
from marketplace.core.operations.users import make_operator
from publishers.models import Product
from tests.conftest import make_member

pytestmark = pytest.mark.django_db
SETTINGS = {
    "name": "Harbour Exchange",
    "hue": 150,
    "commission_basis_points": 1250,
    "approves_publishers": True,
    "approves_products": False,
}


@pytest.fixture(autouse=True)
def fresh_brand():
    """Read the settings anew: what this process knows belongs to another test."""
    brand.forget()
    yield
    brand.forget()


@pytest.fixture
def operator(db):
    """An operator."""
    member = make_member("Operator")
    member.user = make_operator(user=member.user, actor=SYSTEM, at=timezone.now())
    return member


@pytest.fixture
def program(operator, program_of):
    """A program of the operator."""
    return program_of(operator, scopes.OPERATOR)


def test_settings_are_read_and_put_whole(program, product):
    first = program.call("GET", "/api/operator/settings").json()
    assert (first["name"], first["hue"], first["has_logo"], first["commission_basis_points"]) == ("", None, False, 0)
    answer = program.call("PUT", "/api/operator/settings", SETTINGS)
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in SETTINGS} == SETTINGS
    assert Organization.objects.get(pk=product.owner_id).publisher_state == "APPROVED"
    assert program.call("GET", "/api/operator/settings").json() == answer.json()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hue": 361}, "hue"),
        ({"hue": "150"}, "hue"),
        ({"commission_basis_points": 10_001}, "commission_basis_points"),
        ({"approves_products": "yes"}, "approves_products"),
        ({"name": "x" * 61}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_cannot_be_change_nothing(program, change, field):
    answer = program.call("PUT", "/api/operator/settings", SETTINGS | change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert not SiteSettings.objects.exclude(name="").exists()


def test_a_logo_is_set_and_removed(program):
    file = io.BytesIO()
    Image.new("RGB", (10, 10)).save(file, "PNG")
    headers = {"Authorization": f"Bearer {program.token}"}
    send = {"path": "/api/operator/settings/logo", "content_type": "image/png", "headers": headers}
    assert program.client.put(data=file.getvalue(), **send).json()["has_logo"] is True
    assert program.client.put(data=b"<svg/>", **send).status_code == 422
    assert program.call("DELETE", "/api/operator/settings/logo").status_code == 204
    assert program.call("GET", "/api/operator/settings").json()["has_logo"] is False


def test_a_request_to_publish_goes_its_way(program, program_of, publisher):
    site.change_approvals(
        approves_publishers=True, approves_products=False, already_publishing=[], actor=SYSTEM, at=timezone.now()
    )
    asker = program_of(publisher, "publish:read", "publish:write")
    assert asker.call("GET", "/api/publisher-approval").json() == {"state": "", "note": ""}
    assert asker.call("POST", "/api/publisher-approval", {"note": "Tides."}).json()["state"] == "REQUESTED"
    assert asker.call("POST", "/api/publisher-approval", {"note": "Tides."}).status_code == 409
    (waiting,) = program.call("GET", "/api/operator/publisher-requests").json()["items"]
    assert (waiting["name"], waiting["publisher_note"]) == ("Publisher", "Tides.")
    path = f"/api/operator/organizations/{waiting['id']}"
    assert program.call("POST", f"{path}/decline-publisher", {"reason": ""}).status_code == 422
    declined = program.call("POST", f"{path}/decline-publisher", {"reason": "Whose?"}).json()
    assert (declined["publisher_state"], declined["publisher_note"]) == ("DECLINED", "Whose?")
    assert program.call("POST", f"{path}/approve-publisher").json()["publisher_state"] == "APPROVED"
    assert program.call("POST", f"{path}/approve-publisher").status_code == 409
    assert program.call("GET", "/api/operator/publisher-requests").json()["items"] == []


@pytest.fixture
def submitted(publisher, product):
    """A draft that waits to be listed."""
    made = Product.objects.create(
        owner=publisher.organization,
        name="Arrivals",
        category="Mobility",
        short_description="Every arrival.",
        description="All arrivals.",
        support_contact="help@example.org",
        visibility="UNLISTED",
        submitted_at=timezone.now(),
    )
    made.published_data_sets.create(data_set=product.published_data_sets.get().data_set)
    made.offers.create().versions.create(number=1, terms="Use it well.")
    return made


def test_a_submitted_product_is_declined_or_approved(program, submitted):
    (row,) = program.call("GET", "/api/operator/submitted-products").json()["items"]
    assert (row["id"], row["owner_name"]) == (submitted.pk, "Publisher")
    path = f"/api/operator/submitted-products/{submitted.pk}"
    assert program.call("POST", f"{path}/decline", {"reason": "Source?"}).status_code == 204
    assert Product.objects.get(pk=submitted.pk).refusal == "Source?"
    assert program.call("POST", f"{path}/approve").status_code == 404
    Product.objects.filter(pk=submitted.pk).update(submitted_at=timezone.now())
    assert program.call("POST", f"{path}/approve").status_code == 204
    assert Product.objects.get(pk=submitted.pk).state == "PUBLISHED"


def test_organizations_are_listed_read_and_verified(program, product, subscriber):
    found = program.call("GET", "/api/operator/organizations?q=publ").json()["items"]
    assert [row["name"] for row in found] == ["Publisher"]
    path = f"/api/operator/organizations/{found[0]['id']}"
    facts = program.call("GET", path).json()["facts"]
    assert (facts["members"], facts["products_listed"], facts["data_sets"], facts["subscribers"]) == (1, 1, 1, 0)
    assert facts["size_bytes"] == 18
    assert program.call("PATCH", path, {"is_verified": True}).json()["is_verified"] is True
    page = program.call("GET", "/api/operator/organizations?limit=2").json()
    rest = program.call("GET", f"/api/operator/organizations?limit=2&cursor={page['next_cursor']}").json()
    assert [r["name"] for r in page["items"] + rest["items"]] == ["Operator", "Publisher", "Subscriber"]


def test_users_are_found_suspended_and_let_in_again(program, operator, subscriber, program_of):
    theirs = program_of(subscriber)
    (row,) = program.call("GET", f"/api/operator/users?q={subscriber.user.email}").json()["items"]
    path = f"/api/operator/users/{row['id']}"
    assert program.call("POST", f"{path}/suspend").json()["is_active"] is False
    assert theirs.call("GET", "/api/whoami").status_code == 401
    assert program.call("POST", f"{path}/reactivate").json()["is_active"] is True
    assert theirs.call("GET", "/api/whoami").status_code == 200
    assert program.call("POST", f"/api/operator/users/{operator.user_id}/suspend").status_code == 409
    assert program.call("POST", "/api/operator/users/0/suspend").status_code == 404


def test_health_and_parked_work(program):
    row = WorkItem.objects.create(task="core.email_notification", key="k", state="PARKED", last_error="Timeout")
    health = program.call("GET", "/api/operator/health").json()
    assert health["state"] == "bad"  # no worker runs on the database of the tests
    assert health["database"]["version"].startswith("18.")
    assert [(t["task"], t["parked"]) for t in health["work"] if t["parked"]] == [("core.email_notification", 1)]
    (item,) = program.call("GET", "/api/operator/parked-work").json()["items"]
    assert (item["id"], item["last_error"]) == (row.pk, "Timeout")
    path = f"/api/operator/parked-work/{row.pk}"
    assert program.call("POST", f"{path}/run-again").status_code == 204
    assert program.call("POST", f"{path}/give-up").status_code == 404
    assert WorkItem.objects.get(pk=row.pk).state == "PENDING"


def test_a_test_mail_goes_to_the_owner_of_the_token(program, operator):
    assert program.call("POST", "/api/operator/email-test").json()["is_sent"] is True
    assert [m.to for m in mail.outbox] == [[operator.user.email]]


def test_a_session_reads_and_changes_nothing(operator, subscriber):
    browser = Client()
    browser.force_login(operator.user)
    assert browser.get("/api/operator/settings").status_code == 200
    changes = [
        ("put", "/api/operator/settings", SETTINGS),
        ("delete", "/api/operator/settings/logo", {}),
        ("post", f"/api/operator/users/{subscriber.user_id}/suspend", {}),
        ("post", "/api/operator/email-test", {}),
        ("post", f"/api/operator/organizations/{subscriber.organization_id}/approve-publisher", {}),
        ("patch", f"/api/operator/organizations/{subscriber.organization_id}", {"is_verified": True}),
        ("post", "/api/operator/parked-work/1/run-again", {}),
    ]
    for method, path, body in changes:
        answer = getattr(browser, method)(path, body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (403, "OperatedFromASession"), path
    assert User.objects.get(pk=subscriber.user_id).is_active
    assert mail.outbox == []
    assert not SiteSettings.objects.exists()
