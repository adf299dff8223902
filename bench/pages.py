"""Measure how soon pages of the demo stand on the screen of a slow visitor: 10 Mbit/s, 40 ms, a processor four times slower.

Each page is opened a few times with an empty cache; the median counts. Limits are those of UI.md, section 9.
"""

import statistics
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.demo import Demo, demo
from tests.journeys.browser import chromium_path

ROUNDS, SLOWER, LATENCY_MS, BYTES_A_SECOND = 5, 4, 40, 10_000_000 / 8
LCP_MS, SHIFT, TASK_MS = 1_500, 0.02, 100
PAGES = {
    "catalogue": ("", "/catalogue"),
    "product": ("", "/products/{product}"),
    "home": ("subscriber", "/home"),
    "deliveries": ("subscriber", "/deliveries"),
    "data set": ("publisher", "/publish/data-sets/{data_set}"),
    "product editor": ("publisher", "/publish/products/{own}"),
}
WATCH = """
window.measured = {lcp: 0, shift: 0, task: 0};
const watch = (type, act) => new PerformanceObserver(list => list.getEntries().forEach(act)).observe({type, buffered: true});
watch("largest-contentful-paint", entry => { measured.lcp = entry.startTime; });
watch("layout-shift", entry => { if (!entry.hadRecentInput) measured.shift += entry.value; });
watch("longtask", entry => { measured.task = Math.max(measured.task, entry.duration); });
"""


def opened(browser: Browser, held: Demo, who: str, path: str, width: int) -> dict[str, float]:
    """Open a page with an empty cache; return its largest paint (ms), layout shift and longest task (ms)."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    if who:
        held.sign_in(page, who)
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    wire: dict[str, Any] = {"offline": False, "latency": LATENCY_MS}
    wire |= {"downloadThroughput": BYTES_A_SECOND, "uploadThroughput": BYTES_A_SECOND}
    session.send("Network.emulateNetworkConditions", wire)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.add_init_script(WATCH)
    page.goto(held.url(path), wait_until="networkidle")
    page.wait_for_timeout(300)
    measured: dict[str, float] = page.evaluate("measured")
    context.close()
    return measured


def main() -> None:
    """Print one line a page and width."""
    with demo() as held, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        for name, (who, path) in PAGES.items():
            for width in (1440, 390):
                runs = [opened(browser, held, who, path, width) for _ in range(ROUNDS)]
                lcp, shift, task = (statistics.median(run[key] for run in runs) for key in ("lcp", "shift", "task"))
                held_all = lcp <= LCP_MS and shift <= SHIFT and task <= TASK_MS
                print(
                    f"{name:<16} {width:>5} px   LCP {lcp:6.0f} ms   CLS {shift:.3f}   longest task {task:4.0f} ms   "
                    f"{'held' if held_all else 'NOT HELD'}",
                    flush=True,
                )
        browser.close()
    print(f"limits: LCP {LCP_MS} ms, CLS {SHIFT}, task {TASK_MS} ms")


if __name__ == "__main__":
    main()
