"""Fixtures of tests that use a browser."""

import pytest
from playwright.sync_api import sync_playwright

from tests.journeys.browser import Visitor, chromium_path


@pytest.fixture(scope="module")
def chromium():
    """A running Chromium; ended with the module, because its event loop would stop Django's queries in other tests."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium):
    """Somebody who opens pages; the test fails when a page has complained."""
    someone = Visitor(chromium)
    yield someone
    someone.close()
    assert someone.complaints == []
