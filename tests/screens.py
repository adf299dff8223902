"""Take the pictures of docs/screens from a fresh demo: `make screens`. Compressed, so that they can stand in the repository."""

import io
import sys

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.demo import Demo, demo
from tests.journeys.browser import chromium_path
from tests.parts import ROOT

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


def _page_of(browser: Browser, held: Demo, who: str, width: int, theme: str) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    if who:
        held.sign_in(page, who)
    return page


def main(names: list[str]) -> None:
    """Write every picture, or those that were named."""
    with demo() as held, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        OUT.mkdir(exist_ok=True)
        for name, (who, path, width, theme) in SHOTS.items():
            if names and name not in names:
                continue
            page = _page_of(browser, held, who, width, theme)
            page.goto(held.url(path), wait_until="networkidle")
            picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
            picture = picture.crop((0, 0, picture.width, min(picture.height, 2400)))
            picture.save(OUT / f"{name}.webp", quality=QUALITY, method=6)
            print(f"{name}: {picture.width} x {picture.height}")  # noqa: T201
            page.context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
