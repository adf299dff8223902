"""A fresh installation with the demo in it: for pictures and for measurements of pages."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from tests.parts import Exchange, free_port


@dataclass(frozen=True)
class Demo:
    """A demo that runs. people: publisher, subscriber, operator -> (email, password). ids: product, own, other, data_set."""

    exchange: Exchange
    people: dict[str, tuple[str, str]]
    ids: dict[str, str]

    def url(self, path: str) -> str:
        """Return the address of a path in which {product} and the like stand for ids."""
        return self.exchange.url + path.format(**self.ids)

    def sign_in(self, page: Page, who: str) -> None:
        """Sign in as one of the people, by the form."""
        email, password = self.people[who]
        page.goto(f"{self.exchange.url}/accounts/login/")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"{self.exchange.url}/home")


@contextmanager
def demo() -> Iterator[Demo]:
    """Start an installation, wait until its demo is loaded, and end it afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="entrepot-demo-"))
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
        signed = {who: (email, logins[email]) for who, email in people.items()}
        yield Demo(exchange, signed, _ids(exchange, people["publisher"]))
    finally:
        exchange.stop()
        shutil.rmtree(directory, ignore_errors=True)


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
