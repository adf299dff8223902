"""Operating by browser: the look follows the slider, health keeps itself up to date, a publisher asks and is let in."""

import json
import time

import pytest

from marketplace.core import contrast
from tests.journeys.browser import faults_of, sign_in
from tests.journeys.client import Customer
from tests.parts import EXCHANGE

PARK = """
from marketplace.core.models import WorkItem
WorkItem.objects.create(task="core.email_notification", key="journey-{stamp}", state="PARKED", attempts=10,
    arguments={{"notification_id": "0" * 32}}, last_error="TemporaryFailure: the mail server is away")
"""
#: the sRGB bytes that Chromium paints a colour with
PAINT = """(colour) => {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}"""
RESET = """
from marketplace.core.models import SiteSettings
SiteSettings.objects.all().delete()
"""


@pytest.fixture(scope="module")
def operator():
    """The logins of an operator; what they set is taken back afterwards."""
    EXCHANGE.wait_until_ready()
    answer = EXCHANGE.manage("create_operator", f"operator-{time.time_ns()}@example.org", "--organization", "Harbour")
    yield json.loads(answer.strip().splitlines()[-1])
    EXCHANGE.manage("shell", "-c", RESET)


@pytest.fixture
def desk(operator, exchange, visitor):
    """A page of the operator."""
    page = visitor.page(visitor.context(bypass_csp=True, reduced_motion="reduce"))
    sign_in(page, exchange, operator)
    return page


def byte(linear):
    """Return the sRGB byte of a linear channel. Source: IEC 61966-2-1."""
    shown = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * shown)


def test_contrast_is_measured_on_what_the_browser_paints(desk, exchange):
    desk.goto(f"{exchange.url}/operate/branding")
    for hue in (0, 25, 90, 150, 200, 262, 300):
        for name, colours in contrast.site_tokens().items():
            for lightness, chroma, own in colours:
                angle = hue if own is None else own
                painted = desk.evaluate(PAINT, f"oklch({lightness} {chroma} {angle})")
                expected = [byte(channel) for channel in contrast.rgb_of((lightness, chroma, own), hue)]
                assert max(abs(a - b) for a, b in zip(painted, expected, strict=True)) <= 2, (name, hue)


def test_the_page_follows_the_slider_and_every_page_the_saved_hue(desk, exchange):
    desk.goto(f"{exchange.url}/operate/branding")
    slider = desk.get_by_role("slider", name="Hue, by a slider")
    slider.focus()
    desk.keyboard.press("Home")
    for _ in range(5):
        desk.keyboard.press("ArrowRight")
    assert desk.get_by_label("Hue (optional)").input_value() == "5"
    desk.get_by_text("Hue 5:").wait_for()
    assert desk.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--h').trim()") == "5"
    desk.get_by_label("Name of the exchange").fill("Harbour Exchange")
    assert faults_of(desk) == []
    desk.get_by_role("button", name="Save").click()
    desk.get_by_text("Saved. Every page shows it").wait_for()
    deadline = time.monotonic() + 20  # each web process reads the settings anew within seconds
    while True:
        desk.goto(f"{exchange.url}/catalogue")
        hue = desk.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--h').trim()")
        if hue == "5" and "Harbour Exchange" in desk.title():
            break
        assert time.monotonic() < deadline, (hue, desk.title())
    desk.goto(f"{exchange.url}/operate/branding")
    desk.get_by_label("Hue (optional)").fill("")
    desk.get_by_label("Name of the exchange").fill("")
    desk.get_by_role("button", name="Save").click()
    desk.get_by_text("Saved. Every page shows it").wait_for()


def test_health_is_morphed_in_place_and_parked_work_runs_again(desk, exchange):
    EXCHANGE.manage("shell", "-c", PARK.format(stamp=time.time_ns()))
    desk.goto(f"{exchange.url}/operate/health")
    desk.evaluate("document.getElementById('part-1').dataset.ready = 'kept'")
    table = desk.get_by_role("region", name="Work by task and state")
    table.focus()
    for _ in range(2):
        with desk.expect_response(lambda answer: answer.url.endswith("/operate/health")) as asked:
            pass
        assert asked.value.status == 200
    desk.wait_for_function("document.getElementById('part-1').dataset.ready === 'kept'")
    assert desk.evaluate("document.activeElement.getAttribute('aria-label')") == "Work by task and state"
    assert faults_of(desk) == []
    desk.get_by_role("button", name="Run core.email_notification").first.click()
    desk.get_by_text("It runs again now.").wait_for()
    desk.get_by_text("Nothing is parked.").wait_for()


def test_a_user_is_suspended_after_a_question(desk, exchange, visitor):
    person = Customer(EXCHANGE, "Leaver")
    theirs = visitor.page()
    sign_in(theirs, exchange, person.credentials)
    desk.goto(f"{exchange.url}/operate/users?q={person.credentials['user_email']}")
    desk.get_by_role("button", name="Suspend").click()
    question = desk.get_by_role("dialog")
    question.wait_for()
    assert faults_of(desk) == []
    question.get_by_role("button", name="Suspend", exact=True).click()
    desk.get_by_text("is suspended: signed out").wait_for()
    theirs.goto(f"{exchange.url}/home")
    assert "/accounts/login/" in theirs.url


def test_a_publisher_asks_without_scripts_and_an_operator_lets_them_in_by_keyboard(desk, exchange, visitor):
    asker = Customer(EXCHANGE, "Asker")
    desk.goto(f"{exchange.url}/operate/approvals")
    box = desk.get_by_label("Organizations ask before they publish")
    try:
        box.focus()
        desk.keyboard.press("Space")
        desk.get_by_role("button", name="Save").press("Enter")
        desk.get_by_text("It holds from now on.").wait_for()
        plain = visitor.page(java_script_enabled=False)
        sign_in(plain, exchange, asker.credentials)
        plain.goto(f"{exchange.url}/publish/approval")
        plain.get_by_role("button", name="Ask for approval").click()
        plain.get_by_label("What do you want to publish?").fill("Tides of eleven harbours.")
        plain.get_by_role("button", name="Ask for approval").click()
        plain.get_by_text("The operator has your request").first.wait_for()
        desk.goto(f"{exchange.url}/operate/approvals")
        desk.get_by_role("link", name="Asker").first.press("Enter")
        desk.get_by_text("Tides of eleven harbours.").wait_for()
        assert faults_of(desk) == []
        desk.get_by_role("button", name="Approve").press("Enter")
        desk.get_by_text("may publish now and is told so").wait_for()
        plain.goto(f"{exchange.url}/publish/approval")
        plain.get_by_text("may publish").first.wait_for()
    finally:
        EXCHANGE.manage("shell", "-c", RESET)


def test_the_tables_work_under_the_policy_for_browsers(operator, exchange, visitor):
    page = visitor.page()
    sign_in(page, exchange, operator)
    page.goto(f"{exchange.url}/admin/")
    page.get_by_role("link", name="Organizations").first.click()
    page.locator("#searchbar").fill("Harbour")
    page.get_by_role("button", name="Search").click()
    page.locator("#result_list a").first.click()
    assert page.get_by_text("Account id").first.is_visible()
    assert page.locator("input[name=_save]").count() == 0
