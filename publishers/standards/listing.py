"""What a document of somebody else says of a product, and what of it could not be taken over."""

import re
from dataclasses import dataclass, field
from typing import Any

from publishers.models import Category, Frequency
from publishers.standards.words import licence_of, safe_url, type_of

MOST_COLUMNS = 2000
MOST_LEFT_OUT = 60
_LONGEST = {"name": 72, "description": 30_000, "licence": 120, "source_url": 200, "support_contact": 254}
_SHORT = 300
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
#: word of a keyword, a domain or a tag -> the shelf that it belongs to
_SHELVES: dict[str, tuple[str, ...]] = {
    Category.FINANCE: ("finance", "financial", "banking", "payments", "stocks", "insurance", "trading", "currency"),
    Category.ENERGY: ("energy", "electricity", "power", "gas", "oil", "fuel", "solar"),
    Category.LOCATION: ("location", "geospatial", "gis", "maps", "addresses", "places", "geography", "boundaries"),
    Category.WEATHER: ("weather", "meteorology", "forecast", "rain", "temperature"),
    Category.CLIMATE: ("climate", "emissions", "co2", "environment", "environmental", "air", "ocean"),
    Category.AGRICULTURE: ("agriculture", "farming", "crops", "food", "soil"),
    Category.RETAIL: ("retail", "sales", "seller", "ecommerce", "commerce", "products", "consumer", "marketing"),
    Category.HEALTH: ("health", "healthcare", "medical", "medicine", "clinical", "covid", "hospital", "fhir", "mri"),
    Category.MOBILITY: (
        "mobility",
        "transport",
        "transportation",
        "traffic",
        "flights",
        "aviation",
        "shipping",
        "ports",
    ),
    Category.ECONOMY: ("economy", "economics", "population", "census", "employment", "trade", "gdp", "demographics"),
    Category.SCIENCE: ("science", "research", "physics", "biology", "chemistry", "astronomy", "machine", "nlp"),
}
_SHELF_OF = {word: shelf for shelf, words in _SHELVES.items() for word in words}


@dataclass
class Listing:
    """A product to be. standard: what was read. left_out: sentences for the publisher. category: empty where none fits."""

    standard: str
    name: str = ""
    description: str = ""
    category: str = ""
    licence: str = ""
    source_url: str = ""
    support_contact: str = ""
    frequency: str = ""
    dictionary: list[dict[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def short_description(self) -> str:
        """Return the beginning of the description, up to a sentence's end where there is one."""
        text = " ".join(self.description.split())
        if len(text) <= _SHORT:
            return text
        cut = text[:_SHORT]
        end = max(cut.rfind(". "), cut.rfind("! "), cut.rfind("? "))
        return cut[: end + 1] if end > 60 else f"{cut.rsplit(' ', 1)[0]} …"

    def leave(self, sentence: str) -> None:
        """Say what was not taken over, once."""
        if sentence not in self.left_out and len(self.left_out) < MOST_LEFT_OUT:
            self.left_out.append(sentence[:500])

    def leave_members(self, document: dict[str, Any], words: dict[str, str]) -> None:
        """Say which members of a document were not read. words: member -> the sentence about it."""
        for member, sentence in words.items():
            if document.get(member):
                self.leave(sentence)

    def take(self, member: str, value: Any) -> None:
        """Take a text over where there is none yet; what is longer than a product's text may be is cut, and said."""
        text = text_of(value)
        if not text or getattr(self, member):
            return
        longest = _LONGEST[member]
        if member == "source_url":
            text = safe_url(text)
        if len(text) > longest:
            if member in {"source_url", "support_contact"}:
                self.leave(f"An address of more than {longest} characters.")
                return
            self.leave(f"What is beyond {longest:,} characters of the {member}.")
            text = text[: longest - 2].rsplit(" ", 1)[0] + " …" if member == "name" else text[:longest]
        setattr(self, member, " ".join(text.split()) if member != "description" else text)

    def take_licence(self, *, name: Any = "", url: Any = "") -> None:
        """Take a licence over, by its SPDX id where it is known."""
        words, address = text_of(name), text_of(url)
        known = licence_of(words)[0] or licence_of(address)[0]
        if known and licence_of(words)[0] != known:
            words = known
        self.take("licence", words or address)

    def take_keywords(self, words: list[Any]) -> None:
        """Choose the shelf by the first keyword that fits one; keywords themselves have no place in a product."""
        given = [text_of(word) for word in words if text_of(word)]
        for word in given:
            exact = next((shelf for shelf in Category.values if shelf.lower() == word.lower()), "")
            parts = re.findall(r"[a-z0-9]+", word.lower())
            found = exact or next((_SHELF_OF[part] for part in parts if part in _SHELF_OF), "")
            if found:
                self.category = self.category or found
        rest = [word for word in given if word.lower() != self.category.lower()]
        if rest:
            self.leave(f"Keywords: {', '.join(rest)[:300]}.")

    def take_frequency(self, days: float) -> None:
        """Take over how often data comes, as the nearest that the catalogue knows."""
        steps: tuple[tuple[float, str], ...] = (
            (0.5, Frequency.HOURLY),
            (3, Frequency.DAILY),
            (14, Frequency.WEEKLY),
            (60, Frequency.MONTHLY),
            (180, Frequency.QUARTERLY),
            (1000, Frequency.YEARLY),
        )
        self.frequency = next((word for most, word in steps if days <= most), Frequency.IRREGULAR)

    def add_columns(self, table: str, columns: list[tuple[Any, Any, Any]], *, is_only: bool) -> None:
        """Add (name, type, meaning) of a table's columns; of several tables each name has the table's before it."""
        known = {row["column"] for row in self.dictionary}
        for name, kind, meaning in columns:
            column = " ".join(text_of(name).split())
            if not column:
                continue
            whole = (column if is_only else f"{table}.{column}")[:500]
            if whole in known:
                self.leave(f"The column {whole[:100]} a second time.")
            elif len(self.dictionary) >= MOST_COLUMNS:
                self.leave(f"Columns beyond {MOST_COLUMNS:,}.")
                return
            else:
                known.add(whole)
                words = " ".join(text_of(meaning).split())[:500]
                self.dictionary.append({"column": whole, "type": type_of(text_of(kind)), "meaning": words})


def text_of(value: Any) -> str:
    """Return a text of a document as it can be kept; of a text in several languages the English one, else the first."""
    if isinstance(value, dict):
        chosen = value.get("en") or value.get("@value") or next(iter(value.values()), "")
        return text_of(chosen) if not isinstance(chosen, dict) else ""
    if isinstance(value, list):
        return text_of(value[0]) if value else ""
    if value is None or isinstance(value, bool):
        return ""
    return _CONTROL.sub("", str(value)).strip()


def dicts_of(value: Any) -> list[dict[str, Any]]:
    """Return the mappings of a value that may be one, a list of some, or something else."""
    if isinstance(value, dict):
        return [value]
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def list_of(value: Any) -> list[Any]:
    """Return a value as a list; a text with commas as its parts."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value if isinstance(value, list) else [] if value is None else [value]
