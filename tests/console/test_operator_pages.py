"""Pages of operators: what they show and do, that nobody else gets them, and what a browser is asked before a change."""

import io
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.utils import timezone
from PIL import Image

from marketplace.core import brand, contrast, scopes
from marketplace.core.actors import SYSTEM
from marketplace.core.models import Organization, SiteSettings, User, WorkerHeartbeat, WorkItem
from marketplace.core.operations import publishers, site
from marketplace.core.operations.credentials import create_api_token
from marketplace.core.operations.users import make_operator
from marketplace.core.storage import places
from publishers.models import Product
from publishers.operations.data_sets import create_data_set
from tests.conftest import actor_of, make_member
from tests.console.pages import let_confirmation_lapse, sign_in

pytestmark = pytest.mark.django_db
PATHS = ("", "/approvals", "/organizations", "/users", "/branding", "/fees", "/health")


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
def desk(client, operator):
    """A browser of the operator, who has just signed in."""
    return sign_in(client, operator, confirmed=True)


def switch(*, approves_publishers=True, approves_products=True):
    """Set what needs approval."""
    site.change_approvals(
        approves_publishers=approves_publishers,
        approves_products=approves_products,
        already_publishing=[],
        actor=SYSTEM,
        at=timezone.now(),
    )


@pytest.fixture
def asked(publisher):
    """The publisher asks to publish."""
    switch()
    return publishers.ask_to_publish(
        organization=publisher.organization, note="Departures.", actor=actor_of(publisher), at=timezone.now()
    )


@pytest.fixture
def submitted(publisher, product):
    """A draft of the publisher that waits to be listed, with the data set of its product."""
    made = Product.objects.create(
        owner=publisher.organization,
        name="Arrivals <i>of</i> New York",
        category="Mobility",
        short_description="Every arrival.",
        description="All **arrivals** <script>alert(1)</script>",
        support_contact="help@example.org",
        visibility="UNLISTED",
        submitted_at=timezone.now(),
    )
    made.published_data_sets.create(data_set=product.published_data_sets.get().data_set)
    offer = made.offers.create()
    offer.versions.create(number=1, terms="Use it well.")
    return made


def test_an_operator_sees_every_page_and_the_way_to_them(desk):
    assert 'href="/operate"' in desk.get("/home").content.decode()
    for path in PATHS:
        answer = desk.get(f"/operate{path}")
        assert answer.status_code == 200, path
        assert "no-store" in answer.headers.get("Cache-Control", "no-store"), path


def test_nobody_else_sees_them_or_the_way_to_them(client, publisher):
    sign_in(client, publisher, confirmed=True)
    assert "/operate" not in client.get("/home").content.decode()
    assert [client.get(f"/operate{path}").status_code for path in PATHS] == [403] * len(PATHS)
    assert {Client().get(f"/operate{path}").url for path in PATHS} == {
        f"/accounts/login/?next=/operate{path}" for path in PATHS
    }


def test_who_is_no_operator_any_more_is_refused_on_the_next_request(desk, operator):
    User.objects.filter(pk=operator.user_id).update(is_staff=False)
    assert desk.get("/operate").status_code == 403


@pytest.mark.parametrize(
    ("path", "form", "back"),
    [
        ("/operate/branding", {"name": "Harbour", "hue": "20"}, "/operate/branding?name=Harbour&hue=20"),
        ("/operate/fees", {"commission": "5"}, "/operate/fees?commission=5"),
        ("/operate/approvals", {"approves_products": "on"}, "/operate/approvals?approves_products=on"),
        ("/operate/branding/logo", {"remove": "1"}, "/operate/branding"),
        ("/operate/users/1/suspend", {}, "/operate/users"),
        ("/operate/health/email-test", {}, "/operate/health"),
        ("/operate/work/1/give-up", {}, "/operate/health"),
    ],
)
def test_a_change_asks_who_it_is_first_and_changes_nothing(desk, path, form, back):
    let_confirmation_lapse(desk)
    answer = desk.post(path, form)
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/reauthenticate/?next=")
    assert parse_qs(urlsplit(answer.url).query)["next"] == [back]
    assert not SiteSettings.objects.exists()
    assert desk.get("/operate/branding").status_code == 200  # looking asks nothing


def test_a_second_factor_is_asked_where_it_is_required(desk, settings):
    settings.REQUIRE_MFA = True
    for path in ("/operate", "/operate/health", "/admin/"):
        answer = desk.get(path, follow=True)
        assert answer.redirect_chain[-1][0] == "/accounts/2fa/", path


def test_the_overview_says_what_waits(desk, submitted, asked):
    WorkItem.objects.create(task="core.deliver_webhook", key="w", state="PARKED", last_error="Timeout")
    WorkerHeartbeat.objects.create(name="worker-9", beat_at=timezone.now() - timezone.timedelta(minutes=5))
    text = " ".join(desk.get("/operate").content.decode().split())
    assert "1 organization asks to publish" in text
    assert "1 product waits to be listed" in text
    assert "1 piece of work was given up after ten attempts" in text
    assert "No worker gives a sign of life" in text
    assert "worker-9" not in text  # that no worker lives is said once
    WorkerHeartbeat.objects.create(name="worker-1", beat_at=timezone.now())
    text = " ".join(desk.get("/operate").content.decode().split())
    assert "Worker worker-9 has been silent for 5 min" in text


def test_a_new_operator_is_led_through_the_first_steps(desk, operator, product, settings):
    page = desk.get("/operate").content.decode()
    assert "First steps" in page
    assert "Have a first product listed<span" in " ".join(page.split()).replace("listed <span", "listed<span")
    settings.SENDS_EMAIL = True
    settings.SITE_NAME = "Harbour exchange"
    brand.forget()
    Authenticator.objects.create(user_id=operator.user_id, type=Authenticator.Type.TOTP, data={"secret": "x"})
    assert "First steps" not in desk.get("/operate").content.decode()


def test_an_organization_is_approved_on_its_page(desk, asked):
    path = f"/operate/approvals/publishers/{asked.pk}"
    assert "Departures." in desk.get("/operate/approvals").content.decode()
    assert "Departures." in desk.get(path).content.decode()
    assert desk.post(path, {"decision": "approve"}).url == "/operate/approvals"
    assert Organization.objects.get(pk=asked.pk).publisher_state == "APPROVED"
    again = desk.post(path, {"decision": "approve"})
    assert (again.status_code, "is approved already" in again.content.decode()) == (409, True)


def test_an_organization_is_declined_with_a_reason_and_not_without(desk, asked):
    path = f"/operate/approvals/publishers/{asked.pk}"
    empty = desk.post(path, {"decision": "decline", "reason": " "})
    assert (empty.status_code, list(empty.context["form"].errors)) == (422, ["reason"])
    assert Organization.objects.get(pk=asked.pk).publisher_state == "REQUESTED"
    desk.post(path, {"decision": "decline", "reason": "Whose data is it?"})
    row = Organization.objects.get(pk=asked.pk)
    assert (row.publisher_state, row.publisher_note) == ("DECLINED", "Whose data is it?")


def test_a_product_is_shown_safely_and_listed(desk, submitted):
    path = f"/operate/approvals/products/{submitted.pk}"
    shown = desk.get(path).content.decode()
    assert "Arrivals &lt;i&gt;of&lt;/i&gt; New York" in shown
    assert "<strong>arrivals</strong>" in shown
    assert "<script>alert" not in shown
    assert desk.post(path, {"decision": "approve"}).url == "/operate/approvals"
    assert Product.objects.get(pk=submitted.pk).state == "PUBLISHED"
    assert desk.get(path).status_code == 404


def test_a_product_is_sent_back_with_a_reason(desk, submitted):
    path = f"/operate/approvals/products/{submitted.pk}"
    assert desk.post(path, {"decision": "decline", "reason": "x" * 501}).status_code == 422
    desk.post(path, {"decision": "decline", "reason": "Say where it comes from."})
    row = Product.objects.get(pk=submitted.pk)
    assert (row.state, row.submitted_at, row.refusal) == ("DRAFT", None, "Say where it comes from.")


def test_a_product_that_is_not_ready_any_more_is_not_listed(desk, submitted):
    Product.objects.filter(pk=submitted.pk).update(description="")
    answer = desk.post(f"/operate/approvals/products/{submitted.pk}", {"decision": "approve"})
    assert answer.status_code == 409
    assert "Write a description" in answer.content.decode()
    assert Product.objects.get(pk=submitted.pk).state == "DRAFT"


def test_turning_approval_on_spares_who_publishes_already(desk, product, subscriber):
    desk.post("/operate/approvals", {"approves_publishers": "on"})
    row = SiteSettings.objects.get()
    assert (row.approves_publishers, row.approves_products) == (True, False)
    assert Organization.objects.get(pk=product.owner_id).publisher_state == "APPROVED"
    assert Organization.objects.get(pk=subscriber.organization_id).publisher_state == ""


def test_branding_keeps_name_and_hue_and_refuses_what_is_none(desk):
    assert desk.post("/operate/branding", {"name": "Harbour Exchange", "hue": "150"}).status_code == 302
    row = SiteSettings.objects.get()
    assert (row.name, row.hue) == ("Harbour Exchange", 150)
    wrong = desk.post("/operate/branding", {"name": "Harbour", "hue": "361"})
    assert (wrong.status_code, list(wrong.context["form"].errors)) == (422, ["hue"])
    assert 'value="Harbour"' in wrong.content.decode()
    desk.post("/operate/branding", {"name": "", "hue": ""})
    row.refresh_from_db()
    assert (row.name, row.hue) == ("", None)


def test_branding_shows_another_hue_with_its_contrasts_and_keeps_nothing(desk):
    shown = desk.get("/operate/branding?hue=30")
    text = shown.content.decode()
    assert '<link rel="stylesheet" href="/brand.css?hue=30">' in text
    assert "Hue 30:" in text
    assert len(shown.context["pairs"]) == len(contrast.PAIRS)
    assert not SiteSettings.objects.exists()
    assert "Hue 262:" in desk.get("/operate/branding?hue=1e9").content.decode()


def image(kind="PNG", size=(40, 40)):
    """Return the bytes of a picture."""
    file = io.BytesIO()
    Image.new("RGB", size, "#36c").save(file, kind)
    file.seek(0)
    file.name = "logo"
    return file


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_taken_as_png_jpeg_and_webp(desk, kind):
    assert desk.post("/operate/branding/logo", {"logo": image(kind)}).status_code == 302
    stored = SiteSettings.objects.get().logo.read()
    assert Image.open(io.BytesIO(stored)).format == "PNG"
    desk.post("/operate/branding/logo", {"remove": "1"})
    assert not SiteSettings.objects.get().logo


def test_a_logo_that_is_no_picture_is_refused_at_its_field(desk):
    svg = io.BytesIO(b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    svg.name = "logo.svg"
    answer = desk.post("/operate/branding/logo", {"logo": svg})
    assert (answer.status_code, list(answer.context["logo_form"].errors)) == (422, ["logo"])
    assert desk.post("/operate/branding/logo", {}).status_code == 422
    assert not SiteSettings.objects.exclude(logo="").exclude(logo=None).exists()


@pytest.mark.parametrize(("given", "kept"), [("0", 0), ("12.5", 1250), ("0.01", 1), ("100", 10_000), ("8.29", 829)])
def test_a_commission_is_kept_exactly(desk, given, kept):
    desk.post("/operate/fees", {"commission": given})
    assert SiteSettings.objects.get().commission_basis_points == kept
    assert "Nothing is charged yet" in desk.get("/operate/fees").content.decode()


@pytest.mark.parametrize("wrong", ["-1", "100.01", "1.005", "NaN", "", "1e1"])
def test_a_commission_that_is_none_is_refused(desk, wrong):
    if wrong == "1e1":
        desk.post("/operate/fees", {"commission": wrong})
        assert SiteSettings.objects.get().commission_basis_points == 1000
        return
    answer = desk.post("/operate/fees", {"commission": wrong})
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["commission"])
    assert not SiteSettings.objects.exists()


def test_organizations_are_found_by_name_and_account(desk, publisher, subscriber):
    found = desk.get("/operate/organizations", {"q": publisher.organization.account_id})
    assert [o for o, _ in found.context["rows"]] == [publisher.organization]
    assert [o for o, _ in desk.get("/operate/organizations?q=SUBSCR").context["rows"]] == [subscriber.organization]
    assert "No organization matches" in desk.get("/operate/organizations", {"q": "\x00%_'"}).content.decode()


def test_the_badge_is_given_and_taken(desk, publisher):
    path = f"/operate/organizations/{publisher.organization_id}"
    desk.post(f"{path}/verified", {"verified": "yes"})
    assert Organization.objects.get(pk=publisher.organization_id).is_verified
    assert "Take the badge" in desk.get(path).content.decode()
    desk.post(f"{path}/verified", {"verified": "no"})
    assert not Organization.objects.get(pk=publisher.organization_id).is_verified
    assert desk.get("/operate/organizations/nobody").status_code == 404


def test_a_user_is_suspended_and_let_in_again(desk, operator, subscriber):
    listed = desk.get("/operate/users", {"q": subscriber.user.email})
    assert [u.pk for u in listed.context["page"]] == [subscriber.user_id]
    desk.post(f"/operate/users/{subscriber.user_id}/suspend")
    assert not User.objects.get(pk=subscriber.user_id).is_active
    desk.post(f"/operate/users/{subscriber.user_id}/reactivate")
    assert User.objects.get(pk=subscriber.user_id).is_active
    desk.post(f"/operate/users/{operator.user_id}/suspend")
    assert User.objects.get(pk=operator.user_id).is_active
    assert "cannot suspend yourself" in desk.get("/operate/users").content.decode()
    assert desk.post("/operate/users/999999999999999999999/suspend").status_code == 404


def test_parked_work_is_run_again_or_given_up_from_the_page(desk):
    rows = [
        WorkItem.objects.create(task="core.deliver_webhook", key=f"w{n}", state="PARKED", last_error="<b>Timeout</b>")
        for n in range(2)
    ]
    shown = desk.get("/operate/health").content.decode()
    assert "&lt;b&gt;Timeout&lt;/b&gt;" in shown
    desk.post(f"/operate/work/{rows[0].pk}/run-again")
    desk.post(f"/operate/work/{rows[1].pk}/give-up")
    assert [WorkItem.objects.get(pk=row.pk).state for row in rows] == ["PENDING", "FAILED"]
    desk.post(f"/operate/work/{rows[1].pk}/run-again")
    assert "not parked any more" in desk.get("/operate/health").content.decode()


def test_health_is_asked_for_anew_while_the_page_is_looked_at(desk):
    shown = desk.get("/operate/health")
    text = shown.content.decode()
    assert re.search(r'id="health"[^>]*hx-trigger="every 5s"[^>]*hx-swap="outerMorph"', text.replace("\n", " "))
    measured = shown.context["health"]
    assert measured.database.version.startswith("18.")
    assert measured.database.connections >= 1
    assert 0 < measured.store.write_s < 4
    assert measured.broker_s > 0
    assert measured.problems == {}
    assert "no-store" in shown.headers["Cache-Control"]


def test_health_says_what_does_not_answer(desk, settings):
    places._probe_client.cache_clear()
    settings.S3_ENDPOINT_URL = "http://127.0.0.1:9"
    try:
        shown = desk.get("/operate/health")
    finally:
        places._probe_client.cache_clear()
    assert shown.status_code == 200
    assert shown.context["health"].store is None
    assert shown.context["health"].database is not None
    assert "The object store does not answer" in shown.content.decode()


def test_a_test_mail_goes_to_the_operator_alone_and_not_for_ever(desk, operator):
    answer = desk.post("/operate/health/email-test", {"to": "somebody@else.example"})
    assert answer.status_code == 200
    assert "The test mail was taken" in answer.content.decode()
    assert [m.to for m in mail.outbox] == [[operator.user.email]]
    assert mail.outbox[0].from_email == "Entrepot <no-reply@localhost>"
    for _ in range(10):
        desk.post("/operate/health/email-test")
    assert len(mail.outbox) == 10


def token_of(member, *wanted):
    """Return headers with a token of a member."""
    _, text = create_api_token(
        membership=member, name="Watcher", wanted_scopes=list(wanted), actor=actor_of(member), at=timezone.now()
    )
    return {"Authorization": f"Bearer {text}"}


def test_metrics_are_for_a_token_of_an_operator_alone(client, operator, publisher):
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer entt_wrong"}).status_code == 401
    assert client.get("/metrics", headers=token_of(publisher, *scopes.ALL)).status_code == 403
    assert client.get("/metrics", headers=token_of(operator, *scopes.ALL)).status_code == 403
    assert sign_in(Client(), operator).get("/metrics").status_code == 401
    WorkItem.objects.create(task='odd"\\\n', key="w", state="PARKED")
    answer = client.get("/metrics", headers=token_of(operator, scopes.OPERATOR))
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.content.decode().splitlines()
    assert 'entrepot_up{part="database"} 1' in lines
    assert 'entrepot_work_items{task="odd\\"\\\\\\n",state="parked"} 1' in lines
    value = r"[-+]?[0-9.]+(e[-+]?[0-9]+)?"
    label = r'[a-z]+="(?:[^"\\\n]|\\.)*"'
    sample = re.compile(rf"entrepot_[a-z_]+(\{{{label}(,{label})*\}})? {value}")
    assert [line for line in lines if not line.startswith("# ") and not sample.fullmatch(line)] == []


def test_a_publisher_asks_and_reads_where_it_stands(client, publisher):
    sign_in(client, publisher)
    assert "No approval is needed" in client.get("/publish/approval").content.decode()
    switch()
    empty = client.post("/publish/approval", {"note": ""})
    assert (empty.status_code, list(empty.context["form"].errors)) == (422, ["note"])
    assert client.post("/publish/approval", {"note": "Tides."}).status_code == 302
    assert "The operator has your request" in client.get("/publish/approval").content.decode()
    assert client.post("/publish/approval", {"note": "Tides."}).status_code == 409
    by = {"organization": publisher.organization, "actor": SYSTEM, "at": timezone.now()}
    publishers.decline_publisher(reason="Whose?", **by)
    declined = client.get("/publish/approval").content.decode()
    assert "Whose?" in declined
    assert "Ask for approval" in declined
    publishers.approve_publisher(**by)
    assert "may publish" in client.get("/publish/approval").content.decode()


@pytest.fixture
def many(publisher, product, submitted):
    """Rows enough to fill every list."""
    switch()
    now = timezone.now()
    for n in range(30):
        member = make_member(f"Asker{n}")
        publishers.ask_to_publish(organization=member.organization, note=f"Data {n}", actor=actor_of(member), at=now)
        create_data_set(
            owner=publisher.organization, name=f"Set {n}", description="x", actor=actor_of(publisher), at=now
        )
        Product.objects.create(owner=publisher.organization, name=f"P{n}", category="Energy", submitted_at=now)
        WorkItem.objects.create(task=f"task.{n}", key="k", state="PARKED", last_error="x")
        WorkerHeartbeat.objects.create(name=f"worker-{n}", beat_at=now)
    return submitted


def test_no_page_asks_more_with_many_rows(desk, many, publisher, django_assert_max_num_queries):
    details = (
        f"/approvals/publishers/{publisher.organization_id}",
        f"/approvals/products/{many.pk}",
        f"/organizations/{publisher.organization_id}",
    )
    for path in (*PATHS, *details):
        brand.forget()
        with django_assert_max_num_queries(15, info=path):
            assert desk.get(f"/operate{path}").status_code == 200, path
    with django_assert_max_num_queries(15):
        desk.get("/publish/approval")
