"""A score of a product from what is measured of it: each part says its figure, its weight and how it is computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from publishers.queries.freshness import Freshness
from publishers.queries.measured import Measured, Newest

#: weights of the parts; those of parts that are not known fall to the others in proportion
WEIGHTS = {"contract": 30, "freshness": 25, "completeness": 20, "description": 15, "fixity": 10}
#: a score of less would say one thing and look like five
LEAST_PARTS = 2
NAMES = {
    "contract": "Contract",
    "freshness": "Freshness",
    "completeness": "Completeness",
    "description": "Description",
    "fixity": "Fixity",
}


@dataclass(frozen=True)
class Part:
    """One part of a score. share: 0 to 1, None where it is not known. weight: of 100, after the unknown parts fell away.

    found: the figure in words. method: how it is computed.
    """

    key: str
    share: float | None
    weight: float
    found: str
    method: str

    @property
    def name(self) -> str:
        return NAMES[self.key]


@dataclass(frozen=True)
class Quality:
    """A product's score, 0 to 100; None while fewer than two parts are known. parts: by weight, the unknown ones among them."""

    score: int | None
    parts: list[Part]

    @property
    def known(self) -> list[Part]:
        return [part for part in self.parts if part.share is not None]


_Counted = tuple[int, int] | None
METHODS = {
    "contract": "Of the rules of its contract that the newest revision was checked against, how many it passed.",
    "freshness": "Of the revisions promised in the last twelve months, how many came in time.",
    "completeness": "Of all cells in the tables of the newest revision, how many are not empty.",
    "description": "Of the columns, how many the data dictionary gives a meaning.",
    "fixity": "Of the files of the newest revision, of how many the SHA-256 was computed here from the bytes, and is kept.",
}


def quality_of(measured: Sequence[Measured], *, freshness: Freshness, dictionary: Sequence[dict[str, Any]]) -> Quality:
    """Return the score of a product: the mean of its parts by weight, rounded down so that 100 means all of it.

    dictionary: rows of Product.dictionary. Each part counts over all data sets of the product for which it is known.
    """
    newest = [data_set.newest for data_set in measured if data_set.newest is not None]
    counted: dict[str, _Counted] = {
        "contract": _sum([(n.rules_passed or 0, n.rules) for n in newest if n.rules]),
        "freshness": (freshness.on_time, freshness.periods) if freshness.periods else None,
        "completeness": _sum([(n.cells - (n.empty_cells or 0), n.cells) for n in newest if n.cells]),
        "description": _described(newest, dictionary),
        "fixity": _sum([(n.digested, n.files) for n in newest if n.files]),
    }
    known = {key: good / whole for key, found in counted.items() if found is not None for good, whole in [found]}
    total = sum(WEIGHTS[key] for key in known)
    parts = [
        Part(
            key=key,
            share=known.get(key),
            weight=100 * WEIGHTS[key] / total if key in known else 0,
            found=_in_words(key, counted[key], newest),
            method=METHODS[key],
        )
        for key in WEIGHTS
    ]
    if len(known) < LEAST_PARTS:
        return Quality(score=None, parts=parts)
    weighed = sum(WEIGHTS[key] * share for key, share in known.items()) / total
    return Quality(score=int(100 * weighed + 1e-9), parts=parts)


def _sum(counts: list[tuple[int, int]]) -> _Counted:
    return (sum(good for good, _ in counts), sum(whole for _, whole in counts)) if counts else None


def _described(newest: Sequence[Newest], dictionary: Sequence[dict[str, Any]]) -> _Counted:
    """Count the columns that have a meaning: those of the profile, or of the dictionary where nothing was profiled."""
    with_meaning = {str(row.get("column", "")) for row in dictionary if str(row.get("meaning", "")).strip()}
    profiled = {column for n in newest for column in n.columns or []}
    columns = profiled or {str(row.get("column", "")) for row in dictionary}
    return (len(columns & with_meaning), len(columns)) if columns else None


_UNKNOWN = {
    "contract": "The newest revision was not checked against a contract.",
    "freshness": "No revision was due yet, or none is promised.",
    "completeness": "The newest revision has no table that was measured.",
    "description": "No columns are known.",
    "fixity": "Nothing that is published has files.",
}
_WORDS = {
    "contract": "{0:,} of {1:,} rules passed",
    "freshness": "{0:,} of {1:,} periods on time",
    "completeness": "{0:,} of {1:,} cells filled",
    "description": "{0:,} of {1:,} columns described",
    "fixity": "{0:,} of {1:,} files with SHA-256",
}


def _in_words(key: str, counted: _Counted, newest: Sequence[Newest]) -> str:
    if counted is None:
        return _UNKNOWN[key]
    words = _WORDS[key].format(*counted)
    if key == "completeness" and any(n.is_partial and n.cells for n in newest):
        words += ", of the part that could be measured"
    if key == "contract" and any(n.is_overridden for n in newest):
        words += "; the publisher finalized it all the same"
    return words
