"""A person's browser: Chromium, signed in, and what it says about a page."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.parts import Exchange

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_AXE = Axe()


def chromium_path() -> str:
    """Return where Chromium is. Without one the test fails in CI and is reported as not run elsewhere."""
    candidates = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    found = next((path for name in candidates if name and (path := shutil.which(name))), "")
    if not found:
        reason = "Chromium is not installed: run `make browser`, or name it in CHROMIUM."
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return found


def sign_in(page: Page, exchange: Exchange, credentials: dict[str, str]) -> None:
    """Sign in by the form."""
    page.goto(f"{exchange.url}/accounts/login/")
    page.get_by_label("Email").fill(credentials["user_email"])
    page.get_by_label("Password", exact=True).fill(credentials["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{exchange.url}/home")


@dataclass
class Visitor:
    """Opens pages and remembers every message that a healthy page would not have caused."""

    browser: Browser
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def context(self, **options: object) -> BrowserContext:
        """Return a fresh session: cookies, size and theme of its own."""
        context = self.browser.new_context(**options)
        self.contexts.append(context)
        return context

    def page(self, context: BrowserContext | None = None, **options: object) -> Page:
        """Return a fresh page whose complaints are kept."""
        page = (context or self.context(**options)).new_page()
        page.on("console", lambda m: self._keep(page, f"{m.text} {m.location['url']}") if m.type == "error" else None)
        page.on("pageerror", lambda error: self._keep(page, f"error: {error}"))
        return page

    def _keep(self, page: Page, text: str) -> None:
        self.complaints.append(f"{page.url}: {text}")

    def close(self) -> None:
        """End every session."""
        for context in self.contexts:
            context.close()


def faults_of(page: Page) -> list[str]:
    """Return what axe finds on a page, and whether it scrolls sideways."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.axe_script)
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    found = page.evaluate("async (options) => (await axe.run(document, options)).violations", options)
    faults = [f"{v['id']}: {n['target']} {n['html'][:160]} {n['failureSummary']}" for v in found for n in v["nodes"]]
    width, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if width > room:
        faults.append(f"scrolls sideways: {width} px in {room} px")
    return [f"{page.url} {fault}" for fault in faults]
