"""The documentation in service models, which is HTML, as Markdown."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`"}
_BLOCKS = frozenset({"p", "ul", "ol", "dl", "note", "important", "fullname", "dt", "dd"})
_BREAK = "\n\n"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.links: list[str] = []
        self.in_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "li":
            self.parts.append("\n- ")
        elif tag in _BLOCKS:
            # A paragraph that begins a list item stays on the item's line.
            if not (self.parts and self.parts[-1] == "\n- "):
                self.parts.append(_BREAK)
        elif tag == "a":
            self.links.append(dict(attrs).get("href") or "")
            self.parts.append("[" if self._links_out() else "")
        elif tag in _MARKS:
            self.in_code = tag == "code"
            self.parts.append(_MARKS[tag])

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self.links:
            self.parts.append(f"]({self.links[-1]})" if self._links_out() else "")
            self.links.pop()
        elif tag in _MARKS:
            self.in_code = False
            self.parts.append(_MARKS[tag])
        elif tag in _BLOCKS:
            self.parts.append(_BREAK)

    def handle_data(self, data: str) -> None:
        text = re.sub(r"\s+", " ", data)
        # An item begins with its text, not with the white space of the source.
        text = text.lstrip() if self.parts and self.parts[-1] == "\n- " else text
        if text:
            self.parts.append(text if self.in_code else re.sub(r"([\\<*_`\[\]])", r"\\\1", text))

    def _links_out(self) -> bool:
        return self.links[-1].startswith("https://")


def markdown(html: str) -> str:
    """Return a model's documentation as Markdown: paragraphs, lists, emphasis, code and outward links; no HTML is left."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    text = "".join(reader.parts)
    text = re.sub(r"[ \t]*\n[ \t]*(?!- )", "\n", text)
    text = re.sub(r"\n+- ", "\n- ", text)
    return re.sub(r"\n{3,}", _BREAK, text).strip()
