"""A team in the browser: invited, joined, changed; a passkey; all of it by keyboard and without scripts."""

from __future__ import annotations

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import faults_of, sign_in

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def owner():
    """The owner of a fresh organization, with what they sign in with."""
    from tests.parts import EXCHANGE

    EXCHANGE.wait_until_ready()
    return EXCHANGE.create_organization("Harbour Data", f"ada-{secrets.token_hex(4)}@example.org")


def invite(page: Page, exchange, email: str, role: str) -> str:
    """Invite somebody by the form and return the link that is shown once."""
    page.goto(f"{exchange.url}/team")
    page.get_by_role("link", name="Invite somebody").click()
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("radio", name=re.compile(f"^{role}")).check()
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("heading", name=email)).to_be_visible()
    return page.locator(".secret span").inner_text()


def join(page: Page, link: str, name: str) -> None:
    """Open the link, sign up and arrive as a member."""
    page.goto(link)
    expect(page.get_by_role("heading", name="Join Harbour Data")).to_be_visible()
    page.get_by_role("link", name="Create an account to join").click()
    assert page.get_by_label("Organization").count() == 0
    expect(page.get_by_label("Email")).to_be_disabled()
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account and join").click()
    page.wait_for_url("**/home")


def test_somebody_is_invited_joins_is_changed_and_removed(exchange, visitor, owner):
    email = f"grace-{secrets.token_hex(4)}@example.org"
    mine = visitor.page()
    sign_in(mine, exchange, owner)
    link = invite(mine, exchange, email, "Viewer")
    theirs = visitor.page(visitor.context(viewport={"width": 390, "height": 844}))
    join(theirs, link, "Grace Hopper")
    theirs.goto(f"{exchange.url}/team")
    expect(theirs.get_by_text("Who acts for Harbour Data")).to_be_visible()
    assert theirs.get_by_role("link", name="Invite somebody").count() == 0
    mine.goto(f"{exchange.url}/team")
    mine.get_by_role("link", name="Change Grace Hopper").click()
    mine.get_by_role("radio", name=re.compile("^Publisher")).check()
    mine.get_by_role("button", name="Change role").click()
    expect(mine.get_by_role("status").get_by_text("Grace Hopper is publisher now.")).to_be_visible()
    mine.get_by_role("link", name="Change Grace Hopper").click()
    mine.get_by_role("button", name="Remove member").click()
    dialog = mine.get_by_role("dialog", name="Remove Grace Hopper?")
    expect(dialog).to_be_visible()
    mine.emulate_media(reduced_motion="reduce")
    dialog.get_by_role("button", name="Remove member").click()
    expect(mine.get_by_role("status").get_by_text("Grace Hopper removed.")).to_be_visible()
    theirs.goto(f"{exchange.url}/team")
    theirs.wait_for_url("**/home")
    expect(theirs.get_by_role("heading", name="Create your organization")).to_be_visible()
    mine.goto(f"{exchange.url}/audit?action=member.")
    rows = mine.locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("Removed a member: Grace Hopper")


def test_inviting_works_by_keyboard_alone(exchange, visitor, owner):
    page = visitor.page()
    sign_in(page, exchange, owner)
    page.goto(f"{exchange.url}/team/invitations/new")
    page.get_by_label("E-mail address").focus()
    page.keyboard.type(f"mary-{secrets.token_hex(4)}@example.org")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("^mary-"))).to_be_visible()
    expect(page.get_by_text("As billing")).to_be_visible()


def test_a_person_joins_and_reads_the_log_without_scripts(exchange, visitor, owner):
    mine = visitor.page(visitor.context(java_script_enabled=False))
    sign_in(mine, exchange, owner)
    link = invite(mine, exchange, f"emmy-{secrets.token_hex(4)}@example.org", "Admin")
    theirs = visitor.page(visitor.context(java_script_enabled=False))
    join(theirs, link, "Emmy Noether")
    theirs.goto(f"{exchange.url}/audit")
    theirs.get_by_label("Action").select_option("invitation.")
    theirs.get_by_role("button", name="Show").click()
    expect(theirs.locator("tbody tr").first).to_contain_text("Invited somebody")
    theirs.get_by_role("button", name="Verify chain").click()
    expect(theirs.get_by_text("Chain verified")).to_be_visible()
    assert "action=invitation." in theirs.url


def test_a_passkey_is_added_signs_in_and_confirms(exchange, visitor):
    person = exchange.create_organization("Key Holders", f"kay-{secrets.token_hex(4)}@example.org")
    url = exchange.url.replace("127.0.0.1", "localhost")  # browsers make no keys for an IP address
    page = visitor.page(visitor.context(bypass_csp=False))
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    page.goto(f"{url}/accounts/login/")
    page.get_by_label("Email").fill(person["user_email"])
    page.get_by_label("Password", exact=True).fill(person["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{url}/home")
    page.goto(f"{url}/accounts/2fa/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("Work laptop")
    page.get_by_role("button", name="Add key").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    expect(page.locator(".codes li")).to_have_count(10)
    assert len(session.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]) == 1
    page.goto(f"{url}/accounts/2fa/webauthn/")
    expect(page.locator(".session")).to_contain_text("Work laptop")
    expect(page.locator(".session")).to_contain_text("Passkey")
    page.context.clear_cookies()
    page.goto(f"{url}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{url}/home")
    page.goto(f"{url}/team/invitations/new")
    expect(page.get_by_role("heading", name="Invite somebody")).to_be_visible()
    page.context.clear_cookies()
    page.goto(f"{url}/accounts/login/")
    page.get_by_label("Email").fill(person["user_email"])
    page.get_by_label("Password", exact=True).fill(person["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey or security key").click()
    page.wait_for_url(f"{url}/home")
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.context.clear_cookies()
    page.goto(f"{url}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("The device did not confirm")


def test_the_pages_of_joining_and_of_the_second_step_are_accessible(exchange, visitor, owner):
    mine = visitor.page()
    sign_in(mine, exchange, owner)
    link = invite(mine, exchange, f"joan-{secrets.token_hex(4)}@example.org", "Publisher")
    faults = []
    page = visitor.page(visitor.context(bypass_csp=True, reduced_motion="reduce"))
    page.goto(link)
    state = page.context.storage_state()
    for theme in ("light", "dark"):
        for width in (1440, 390):
            page = visitor.page(visitor.context(bypass_csp=True, reduced_motion="reduce", storage_state=state))
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 900})
            for path in ("/invitation", "/accounts/signup/?next=/invitation", "/accounts/login/"):
                page.goto(exchange.url + path)
                faults += faults_of(page)
    assert faults == []
