"""The catalogue in a browser: typing, filters, history, keyboard, layouts, phone, and scripts off."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import faults_of
from tests.parts import EXCHANGE

#: Products of a publisher of their own, whose made-up word no other test's products have.
SHELVE = """
from django.utils import timezone
from marketplace.core.models import Organization
from publishers.models import Offer, OfferVersion, Product, ProductSearch
from publishers.models.facets import FORMAT
from publishers.operations.search import refresh
owner = Organization.objects.create(name="{word} works", is_verified=True)
for number in range(22):
    product = Product.objects.create(
        owner=owner, name=f"{word} series {{number:02}}", short_description="Readings of every {word} gauge.",
        category=["Weather", "Climate"][number % 2], frequency=["DAILY", "HOURLY"][number % 2],
        regions=["EUROPE"] if number < 5 else ["AFRICA"], state="PUBLISHED", published_at=timezone.now(),
    )
    OfferVersion.objects.create(offer=Offer.objects.create(product=product), number=1, terms="t")
    refresh(product=product)
    ProductSearch.objects.filter(product=product).update(format_bits=FORMAT.code("CSV"), size_bytes=10**9)
"""


@pytest.fixture(scope="module")
def word() -> str:
    """The word that stands in 22 products of the running installation."""
    EXCHANGE.wait_until_ready()
    made = "Zorvek" + "".join(chr(ord("a") + int(digit)) for digit in str(time.time_ns())[-8:])
    EXCHANGE.manage("shell", "-c", SHELVE.format(word=made))
    return made


def status(page: Page):
    return page.locator("#results [role=status]")


def query_of(page: Page) -> str:
    return page.url.partition("?")[2]


def test_typing_shows_results_without_a_reload_and_keeps_the_focus(exchange, visitor, word):
    page = visitor.page()
    page.goto(f"{exchange.url}/catalogue")
    page.evaluate("window.same = document.querySelector('#q')")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type(word[:6])
    expect(status(page)).to_contain_text(f"for “{word[:6]}”")
    page.keyboard.type(word[6:])
    expect(status(page)).to_contain_text(f"22 data products for “{word}”")
    assert page.evaluate("document.activeElement === window.same && window.same.selectionStart") == len(word)
    expect(page.locator(".product h2 mark").first).to_have_text(word)
    assert query_of(page) == f"q={word}"
    expect(page.locator("#save-search")).to_have_attribute("href", f"/searches/new?q={word}")


def test_back_leads_through_filters_and_out_of_the_typing(exchange, visitor, word):
    page = visitor.page()
    page.goto(f"{exchange.url}/catalogue")
    page.evaluate("window.here = true")
    page.locator("#q").press_sequentially(word[:5], delay=10)
    expect(status(page)).to_contain_text(f"for “{word[:5]}”")
    page.locator("#q").press_sequentially(word[5:], delay=10)
    expect(status(page)).to_contain_text(f"for “{word}”")
    page.get_by_label("Europe").check()
    expect(status(page)).to_contain_text("5 data products")
    expect(page.get_by_label("Africa")).to_be_enabled()  # its count leaves out the filter of its own facet
    expect(page.get_by_label("Remove filter Europe")).to_be_visible()
    assert query_of(page) == f"q={word}&region=EUROPE"
    page.go_back()
    expect(status(page)).to_contain_text("22 data products")
    expect(page.get_by_label("Europe")).not_to_be_checked()
    expect(page.locator("#q")).to_have_value(word)
    page.go_back()
    expect(page.locator("#q")).to_have_value("")
    assert query_of(page) == ""
    page.go_forward()
    expect(status(page)).to_contain_text(f"for “{word}”")
    assert page.evaluate("window.here") is True


def test_back_from_a_product_restores_results_and_scroll(exchange, visitor, word):
    page = visitor.page()
    page.goto(f"{exchange.url}/catalogue?sort=name")
    page.locator("#q").fill(word)
    expect(status(page)).to_contain_text("22 data products")
    last = page.locator(".product h2 a").nth(17)
    last.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    assert before > 0
    last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{word} series 17")
    page.go_back()
    expect(status(page)).to_contain_text("22 data products")
    page.wait_for_function("before => Math.abs(scrollY - before) < 40", arg=before)


def test_pages_categories_and_layouts_are_links(exchange, visitor, word):
    page = visitor.page()
    page.goto(f"{exchange.url}/catalogue?q={word}&sort=name")
    page.get_by_role("link", name="Page 2").click()
    expect(page.locator(".product h2").first).to_have_text(f"{word} series 18")
    page.get_by_role("link", name=re.compile("^Climate")).click()
    expect(status(page)).to_contain_text("11 data products")
    page.get_by_role("link", name="List").click()
    expect(page.locator(".products-list .product")).to_have_count(11)
    assert query_of(page) == f"q={word}&category=Climate&sort=name&view=list"
    page.get_by_label("Sort by").select_option("newest")
    expect(page.locator(".product h2").first).to_have_text(f"{word} series 21")
    assert query_of(page) == f"q={word}&category=Climate&sort=newest&view=list"
    page.get_by_role("link", name="Grid").click()
    expect(page.locator(".products-list")).to_have_count(0)
    page.get_by_role("link", name="Clear all").click()
    expect(status(page)).to_contain_text("22 data products")


def test_the_keyboard_alone_finds_narrows_and_opens(exchange, visitor, word):
    page = visitor.page()
    page.goto(f"{exchange.url}/catalogue")
    page.keyboard.press("/")
    page.keyboard.type(f"{word} series")
    expect(status(page)).to_contain_text("22 data products")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "HOURLY":
            break
    page.keyboard.press("Space")
    expect(status(page)).to_contain_text("11 data products")
    assert page.evaluate("document.activeElement.value") == "HOURLY"  # the focus stays through the swap
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.product h2') !== null"):
            break
    name = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_has_its_filters_in_a_sheet(exchange, visitor, word, theme):
    context = visitor.context(
        viewport={"width": 390, "height": 844},
        has_touch=True,
        color_scheme=theme,
        bypass_csp=True,
        reduced_motion="reduce",
    )
    page = visitor.page(context)
    page.goto(f"{exchange.url}/catalogue?q={word}")
    sheet = page.locator("#facets")
    expect(sheet).to_be_hidden()
    page.get_by_role("button", name="Filters").click()
    expect(sheet).to_be_visible()
    assert faults_of(page) == []
    sheet.get_by_label("Europe").check()
    expect(sheet.get_by_role("button", name="Show 5 products")).to_be_visible()  # and the sheet stays open
    sheet.get_by_role("button", name="Show 5 products").click()
    expect(sheet).to_be_hidden()
    expect(status(page)).to_contain_text("5 data products")
    expect(page.get_by_role("button", name="Filters")).to_contain_text("1")


def test_nothing_found_leads_on(exchange, visitor, word):
    page = visitor.page(bypass_csp=True)
    typed = f"{word.replace('rv', 'vr')} series"
    page.goto(f"{exchange.url}/catalogue")
    page.locator("#q").fill(typed)
    expect(page.locator("#results")).to_contain_text("Did you mean")
    page.locator("#results .empty").get_by_role("link", name=re.compile(f"^{word} series")).click()
    expect(page.locator(".product h2").first).to_contain_text(f"{word} series")
    page.locator("#q").fill("nothing-is-called-this")
    ask = page.get_by_role("link", name="Request this data")
    expect(ask).to_have_attribute("href", "/requests/new?title=nothing-is-called-this")
    assert faults_of(page) == []


def test_everything_works_with_scripts_off(exchange, visitor, word):
    page = visitor.page(java_script_enabled=False)
    page.goto(f"{exchange.url}/catalogue")
    page.locator("#q").fill(word)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(status(page)).to_contain_text("22 data products")
    page.get_by_label("Europe").check()
    page.get_by_role("checkbox", name=re.compile("^Daily")).check()
    page.get_by_role("button", name="Apply filters").click()
    expect(status(page)).to_contain_text("3 data products")
    page.get_by_label("Remove filter Europe").click()
    expect(status(page)).to_contain_text("11 data products")
    page.get_by_role("link", name="List").click()
    expect(page.locator(".products-list .product")).to_have_count(11)
