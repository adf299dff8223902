"""The guides of docs/ as pages of the product: our own Markdown, with headings to link to and screenshots."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from marketplace.core.errors import NotFound
from marketplace.core.markdown import own_renderer

_SCREENS = re.compile(r"^(?:\.\./)?screens/")
_GUIDE = re.compile(r"^(?:\./)?([a-z-]+)\.md(#.*)?$")


@dataclass(frozen=True)
class Guide:
    """A page of docs/: its name in addresses and of its file, what it is called, whom it is for, its icon."""

    slug: str
    title: str
    summary: str
    icon: str

    @property
    def path(self) -> Path:
        return Path(settings.BASE_DIR) / "docs" / f"{self.slug}.md"


GUIDES = (
    Guide("subscribing", "Receive data", "Find, judge, subscribe, have every revision delivered.", "download"),
    Guide("publishing", "Publish data", "From a file to a product that people find and subscribe to.", "upload"),
    Guide("team", "Team and security", "Members, roles, keys, second factors, the audit log.", "users"),
    Guide("operating", "Run an exchange", "Approvals, branding, health, e-mail, for whoever installed it.", "settings"),
)


@dataclass(frozen=True)
class Rendered:
    """A guide as HTML, and its second-level headings as (anchor, words)."""

    html: SafeString
    headings: tuple[tuple[str, str], ...]


def get_guide(slug: str) -> Guide:
    """Raises NotFound."""
    found = next((guide for guide in GUIDES if guide.slug == slug), None)
    if found is None:
        raise NotFound("PAGE", slug)
    return found


@cache
def render_guide(guide: Guide) -> Rendered:
    """Render the file of a guide without its first heading, which the page has already."""
    renderer = own_renderer()
    environment: dict[str, object] = {}
    tokens = renderer.parse(guide.path.read_text(encoding="utf-8"), environment)
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        tokens = tokens[3:]
    headings = []
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            words = tokens[at + 1].content
            token.attrs["id"] = slugify(words)
            if token.tag == "h2":
                headings.append((slugify(words), words))
        for child in token.children or []:
            if child.type == "image":
                child.attrs["src"] = static(_SCREENS.sub("screens/", str(child.attrs["src"])))
                child.attrs["loading"] = "lazy"
            elif child.type == "link_open" and (match := _GUIDE.match(str(child.attrs["href"]))):
                child.attrs["href"] = reverse("guide", args=[match[1]]) + (match[2] or "")
    html = renderer.renderer.render(tokens, renderer.options, environment)
    html = html.replace("<table>", '<div class="table-wrap" tabindex="0"><table>').replace("</table>", "</table></div>")
    html = html.replace("<pre>", '<pre tabindex="0">')
    return Rendered(mark_safe(html), tuple(headings))  # noqa: S308 - our own files
