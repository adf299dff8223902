"""The inbox and keys as a person uses them: by keyboard, without scripts, and the file that a new secret is saved as."""

import time
from pathlib import Path

import pytest

from tests.journeys.browser import faults_of, sign_in
from tests.journeys.client import Customer
from tests.parts import EXCHANGE

#: what a worker would have told; journeys of the facts themselves are in tests/subscriptions/test_tellings.py
TELL = """
from django.utils import timezone
from marketplace.core.models import Organization
from marketplace.core.operations.inbox import tell_members
organization = Organization.objects.get(account_id="{account_id}")
for number, label in enumerate(["Tides", "Tides", "Tides", "Tides", "Winds"]):
    tell_members(
        organization_ids=[organization.pk], topic="delivery.failed" if label == "Winds" else "revision.published",
        source_key=f"journey:{stamp}:{{number}}", subject_key=f"data-set:{{label}}", subject_label=label,
        text=f"Sentence {{number}} about {{label}}.", path="/deliveries", at=timezone.now(),
    )
"""


@pytest.fixture
def reader(exchange):
    """Somebody with five unread notifications about two objects."""
    EXCHANGE.wait_until_ready()
    person = Customer(EXCHANGE, "Reader")
    account_id = person.credentials["account_id"]
    EXCHANGE.manage("shell", "-c", TELL.format(account_id=account_id, stamp=time.time_ns()))
    return person


def test_notifications_are_read_by_keyboard_and_marking_is_undone(reader, exchange, visitor):
    page = visitor.page(visitor.context(bypass_csp=True, reduced_motion="reduce"))
    sign_in(page, exchange, reader.credentials)
    bell = page.get_by_role("link", name="Notifications, 5 unread")
    bell.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/notifications")
    assert faults_of(page) == []
    winds = page.get_by_role("article").filter(has=page.get_by_role("heading", name="Winds"))
    winds.get_by_role("button", name="Sentence 4 about Winds.", exact=False).first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/deliveries")
    page.go_back()
    page.reload()
    page.get_by_role("link", name="Notifications, 4 unread").wait_for()
    page.get_by_role("link", name="Show 1 earlier about Tides").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Tides"
    assert page.get_by_text("Sentence 0 about Tides.").count() >= 1
    page.get_by_role("link", name="Notifications", exact=True).click()
    page.get_by_role("button", name="Mark all as read").click()
    page.get_by_text("Marked 4 notifications as read.").wait_for()
    assert faults_of(page) == []
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name="Notifications, 4 unread").wait_for()
    page.get_by_role("link", name="Unread 4").click()
    assert "show=unread" in page.url
    page.get_by_role("button", name="Mark read all about Tides").click()
    page.get_by_text("Marked 4 notifications as read.").wait_for()


def test_the_inbox_and_its_settings_work_with_scripts_off(reader, exchange, visitor):
    page = visitor.page(java_script_enabled=False)
    sign_in(page, exchange, reader.credentials)
    page.get_by_role("link", name="Notifications, 5 unread").click()
    page.get_by_role("button", name="Mark as read: Sentence 4 about Winds.").click()
    assert page.get_by_role("button", name="Mark as unread: Sentence 4 about Winds.").is_visible()
    page.get_by_role("link", name="Settings").click()
    box = page.get_by_role("checkbox", name="A new revision of data you have: by mail")
    assert not box.is_checked()
    box.check()
    page.get_by_role("button", name="Save settings").click()
    assert page.get_by_text("Saved.").is_visible()
    assert box.is_checked()


def test_a_token_is_replaced_and_the_new_ones_file_is_saved(reader, exchange, visitor, tmp_path):
    page = visitor.page(visitor.context(bypass_csp=False, accept_downloads=True))
    sign_in(page, exchange, reader.credentials)
    page.goto(f"{exchange.url}/keys")
    row = page.get_by_role("row").filter(has_text="entt_").first
    row.get_by_role("link", name="Replace").click()
    page.get_by_role("radio", name="7 days").check()
    page.get_by_role("button", name="Replace token").click()
    page.get_by_text("The old one works until").wait_for()
    text = page.locator(".secret span").first.inner_text()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download entrepot.env").click()
    target = tmp_path / "entrepot.env"
    started.value.save_as(target)
    assert Path(target).read_text().splitlines()[1] == f"ENTREPOT_TOKEN={text}"
    page.goto(f"{exchange.url}/keys")
    page.get_by_text("Replaced", exact=True).wait_for()
    assert text not in page.content()
    assert reader.call("GET", "/api/whoami")["credential"] == "token"  # the old one still works
