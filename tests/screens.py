"""Take the pictures of docs/screens from a fresh demo: `make screens`. Compressed, so that they can stand in the repository."""

import io
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.journeys.browser import chromium_path
from tests.parts import ROOT, Exchange, free_port

OUT = ROOT / "docs" / "screens"
QUALITY = 72
#: name -> (who, path, width, theme); {product} and the like are filled from what the demo holds
SHOTS: dict[str, tuple[str, str, int, str]] = {
    "catalogue": ("", "/catalogue", 1440, "light"),
    "catalogue-dark": ("", "/catalogue?view=list", 1440, "dark"),
    "catalogue-phone": ("", "/catalogue", 390, "light"),
    "product": ("", "/products/{product}", 1440, "light"),
    "product-phone": ("", "/products/{product}", 390, "dark"),
    "subscribe": ("subscriber", "/products/{other}/subscribe", 1440, "light"),
    "home": ("subscriber", "/home", 1440, "light"),
    "my-data": ("subscriber", "/my-data", 1440, "light"),
    "deliveries": ("subscriber", "/deliveries", 1440, "light"),
    "notifications": ("subscriber", "/notifications", 1440, "light"),
    "keys": ("subscriber", "/keys", 1440, "light"),
    "board": ("", "/requests", 1440, "light"),
    "publish": ("publisher", "/publish", 1440, "light"),
    "editor": ("publisher", "/publish/products/{own}", 1440, "light"),
    "requests": ("publisher", "/publish/requests", 1440, "light"),
    "usage": ("publisher", "/publish/usage", 1440, "light"),
    "data-set": ("publisher", "/publish/data-sets/{data_set}", 1440, "light"),
    "team": ("publisher", "/team", 1440, "light"),
    "audit": ("publisher", "/audit", 1440, "light"),
    "operate": ("operator", "/operate", 1440, "light"),
    "health": ("operator", "/operate/health", 1440, "dark"),
}


def _ids(exchange: Exchange, publisher: str) -> dict[str, str]:
    """Return the ids that the paths above name."""
    code = (
        "import json; from publishers.models import Product, DataSet; from subscriptions.models import Agreement;"
        "listed = list(Product.objects.listed().order_by('name'));"
        "taken = set(Agreement.objects.values_list('product', flat=True));"
        f"own = sorted((p for p in listed if p.owner.memberships.filter(user__email={publisher!r}).exists()), key=lambda p: 'departures' not in p.name);"
        "print(json.dumps({'product': own[0].pk, 'own': own[0].pk, 'other': next(p.pk for p in listed if p.pk not in taken),"
        "'data_set': DataSet.objects.filter(owner=own[0].owner).order_by('created_at').first().pk}))"
    )
    return dict(json.loads(exchange.manage("shell", "-c", code).strip().splitlines()[-1]))


def _page_of(browser: Browser, exchange: Exchange, login: tuple[str, str] | None, width: int, theme: str) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    if login:
        page.goto(f"{exchange.url}/accounts/login/")
        page.get_by_label("Email").fill(login[0])
        page.get_by_label("Password", exact=True).fill(login[1])
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"{exchange.url}/home")
    return page


def main(names: list[str]) -> None:
    """Write every picture, or those that were named."""
    directory = Path(tempfile.mkdtemp(prefix="entrepot-screens-"))
    exchange = Exchange(directory / "state", free_port(), "--demo")
    try:
        exchange.wait_until_ready(600)
        while "Demo logins" not in exchange.log.read_text():  # the demo is loaded once the site is up
            if exchange.process.poll() is not None:
                raise RuntimeError(exchange.log.read_text()[-4000:])
            time.sleep(1)
        logins = json.loads((exchange.state / "demo-logins.json").read_text())
        people = {who: next(e for e in logins if e.startswith(f"{who}@")) for who in ("subscriber", "operator")}
        people["publisher"] = next(e for e in logins if e not in people.values())
        ids = _ids(exchange, people["publisher"])
        OUT.mkdir(exist_ok=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
            for name, (who, path, width, theme) in SHOTS.items():
                if names and name not in names:
                    continue
                login = (people[who], logins[people[who]]) if who else None
                page = _page_of(browser, exchange, login, width, theme)
                page.goto(exchange.url + path.format(**ids), wait_until="networkidle")
                picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
                picture = picture.crop((0, 0, picture.width, min(picture.height, 2400)))
                picture.save(OUT / f"{name}.webp", quality=QUALITY, method=6)
                print(f"{name}: {picture.width} x {picture.height}")  # noqa: T201
                page.context.close()
            browser.close()
    finally:
        exchange.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
