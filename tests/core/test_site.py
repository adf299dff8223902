"""Settings of the installation: the look with its contrasts, the commission, approvals; and what pages make of them."""

import io
from datetime import timedelta

import pytest
from django.utils import timezone
from PIL import Image

from marketplace.core import audit, brand, contrast
from marketplace.core.actors import SYSTEM, Actor
from marketplace.core.errors import Invalid
from marketplace.core.models import AuditRecord, Organization, PublisherState, SiteSettings
from marketplace.core.operations import site
from marketplace.core.queries.site import get_site_settings, may_publish

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_brand():
    """Read the settings anew: what this process knows belongs to another test."""
    brand.forget()
    yield
    brand.forget()


def change(**values):
    """Set name and hue as an operator."""
    return site.change_brand(**({"name": "", "hue": None} | values), actor=SYSTEM, at=timezone.now())


def test_nothing_set_stands_for_the_environment(settings):
    assert (brand.current().name, brand.current().hue, brand.current().logo) == ("Entrepot", 262, "")
    settings.SITE_NAME, settings.SITE_HUE = "Harbour", 150
    brand.forget()
    assert (brand.current().name, brand.current().hue) == ("Harbour", 150)


def test_what_an_operator_sets_overrules_the_environment(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        change(name="  North   Sea Data ", hue=200)
    assert (brand.current().name, brand.current().hue) == ("North Sea Data", 200)
    assert brand.sender() == "North Sea Data <no-reply@localhost>"
    with django_capture_on_commit_callbacks(execute=True):
        change()
    assert (brand.current().name, brand.current().hue) == ("Entrepot", 262)


def test_the_brand_costs_no_query_for_some_seconds(django_assert_num_queries):
    brand.current()
    with django_assert_num_queries(0):
        assert brand.current() == brand.known()


def test_a_change_stands_in_the_chain_of_the_installation_and_the_same_again_does_not(publisher):
    operator = Actor(kind="user", user_id=publisher.user_id, organization_id=publisher.organization_id)
    for _ in range(2):
        site.change_brand(name="North Sea Data", hue=200, actor=operator, at=timezone.now())
    record = AuditRecord.objects.get(action="site.changed")
    assert (record.scope, record.actor_user_id) == ("", publisher.user_id)
    assert record.detail == {"name": {"from": "", "to": "North Sea Data"}, "hue": {"from": None, "to": 200}}
    assert audit.first_broken_link("") is None


@pytest.mark.parametrize(
    ("values", "field"),
    [({"name": "x" * 61}, "name"), ({"name": "a\u202eb"}, "name"), ({"hue": 361}, "hue"), ({"hue": -1}, "hue")],
)
def test_what_cannot_be_a_look_is_refused(values, field):
    with pytest.raises(Invalid) as refused:
        change(**values)
    assert refused.value.field == field
    assert not SiteSettings.objects.exclude(name="", hue=None).exists()


def test_every_hue_can_be_read_in_both_themes():
    assert [hue for hue in range(361) if contrast.failing(hue)] == []
    assert len(contrast.measure(262)) == 2 * len(contrast.PAIRS)


def test_contrast_is_that_of_the_standard():
    black, white, grey = (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.5999, 0.0, 0.0)
    assert contrast.ratio(black, white, 0) == pytest.approx(21)
    assert contrast.ratio(white, white, 0) == pytest.approx(1)
    assert contrast.ratio(white, grey, 0) == pytest.approx(3.95, abs=0.01)  # 0.5999 ** 3 = 0.2159 of luminance


def test_red_and_blue_are_where_css_has_them():
    red = contrast.rgb_of((0.627955, 0.257683, None), 29.234)
    blue = contrast.rgb_of((0.452014, 0.313214, 264.052), 0)
    assert red == pytest.approx((1, 0, 0), abs=0.001)
    assert blue == pytest.approx((0, 0, 1), abs=0.001)


def test_a_hue_in_which_something_cannot_be_read_is_refused_with_what(settings, tmp_path):
    text = (settings.BASE_DIR / "static" / "css" / "tokens.css").read_text()
    paler = text.replace("oklch(48% .2 var(--h))", "oklch(72% .12 var(--h))")
    assert paler != text
    (tmp_path / "static" / "css").mkdir(parents=True)
    (tmp_path / "static" / "css" / "tokens.css").write_text(paler)
    settings.BASE_DIR = tmp_path
    contrast.site_tokens.cache_clear()
    try:
        with pytest.raises(site.HueIsUnreadable) as refused:
            change(hue=90)
    finally:
        contrast.site_tokens.cache_clear()
    assert "links on the page (light, " in refused.value.message
    assert "dark" not in refused.value.message
    assert get_site_settings().hue is None


def test_the_style_sheet_answers_what_its_address_says(client):
    answer = client.get("/brand.css?hue=150")
    assert answer.content == b":root{--h:150}"
    assert "immutable" in answer.headers["Cache-Control"]
    assert client.get("/brand.css").headers["Cache-Control"] == "no-cache"
    for wrong in ("361", "-1", "1;}", "1e2", "٣"):
        assert client.get("/brand.css", {"hue": wrong}).status_code == 404


def test_a_page_links_the_hue_and_says_the_name(client, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        change(name="North <b>Sea</b>", hue=200)
    page = client.get("/").content.decode()
    assert '<link rel="stylesheet" href="/brand.css?hue=200">' in page
    assert "North &lt;b&gt;Sea&lt;/b&gt;" in page
    assert "<b>Sea" not in page


def picture(size=(600, 300), colour="#d33"):
    """Draw a picture as somebody would upload it, decoded."""
    return Image.new("RGB", size, colour)


def test_a_logo_is_written_anew_and_shown_under_an_address_of_its_own(client, django_capture_on_commit_callbacks):
    at = timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        site.set_logo(picture=picture(), actor=SYSTEM, at=at)
    first = brand.current().version
    shown = client.get(f"/brand/logo?v={first}")
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/png")
    assert "immutable" in shown.headers["Cache-Control"]
    assert Image.open(io.BytesIO(shown.content)).size == (256, 128)
    assert client.get("/brand/logo?v=old").headers["Cache-Control"] == "no-cache"
    assert f'src="/brand/logo?v={first}"' in client.get("/").content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        site.set_logo(picture=picture(colour="#3d3"), actor=SYSTEM, at=at + timedelta(seconds=2))
    assert brand.current().version not in {"", first}
    with django_capture_on_commit_callbacks(execute=True):
        site.remove_logo(actor=SYSTEM, at=at)
        site.remove_logo(actor=SYSTEM, at=at)
    assert client.get("/brand/logo").status_code == 404
    assert '<svg class="mark"' in client.get("/").content.decode()
    actions = list(AuditRecord.objects.filter(scope="").order_by("sequence").values_list("action", flat=True))
    assert actions == ["site.logo_set", "site.logo_set", "site.logo_removed"]


def test_a_commission_is_kept_in_hundredths_of_a_per_cent():
    assert site.change_commission(basis_points=1250, actor=SYSTEM, at=timezone.now()).commission_basis_points == 1250
    for wrong in (-1, 10_001):
        with pytest.raises(Invalid):
            site.change_commission(basis_points=wrong, actor=SYSTEM, at=timezone.now())
    assert get_site_settings().commission_basis_points == 1250


def test_who_publishes_already_counts_as_approved_when_approval_is_turned_on(publisher, subscriber, stranger):
    Organization.objects.filter(pk=stranger.organization_id).update(publisher_state=PublisherState.DECLINED)
    already = [publisher.organization_id, stranger.organization_id]
    switches = {"approves_products": False, "actor": SYSTEM, "at": timezone.now()}
    assert may_publish(subscriber.organization)
    site.change_approvals(approves_publishers=True, already_publishing=already, **switches)
    states = {o.pk: o.publisher_state for o in Organization.objects.all()}
    assert states[publisher.organization_id] == "APPROVED"
    assert states[stranger.organization_id] == "DECLINED"
    assert states[subscriber.organization_id] == ""
    assert not may_publish(subscriber.organization)
    # on again changes nobody: it is the turning on that counts
    site.change_approvals(approves_publishers=True, already_publishing=[subscriber.organization_id], **switches)
    assert Organization.objects.get(pk=subscriber.organization_id).publisher_state == ""
