"""How a published revision is cited: a sentence, BibTeX, and CITATION.cff (https://citation-file-format.github.io, 1.2.0)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "^": r"\^{}",
    "_": r"\_",
    "~": r"\~{}",
    "%": r"\%",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True)
class Cited:
    """What is cited. digest: of its content, empty for what has no files. url: the lasting address of the revision."""

    title: str
    publisher: str
    site: str
    published_at: datetime
    revision_id: str
    digest: str
    url: str
    summary: str
    spdx: str
    licence_url: str

    @property
    def version(self) -> str:
        """Return what tells this revision from others."""
        return f"{self.published_at:%Y-%m-%d}-{self.revision_id[:8]}"


def plain(cited: Cited) -> str:
    """Return the citation as a sentence."""
    digest = f" sha256:{cited.digest}." if cited.digest else ""
    return _line(
        f"{cited.publisher} ({cited.published_at:%Y}). {cited.title}, revision of {cited.published_at:%Y-%m-%d}"
        f" [Data set]. {cited.site}. {cited.url}.{digest}"
    )


def bibtex(cited: Cited) -> str:
    """Return the citation as BibTeX, for BibLaTeX's @dataset or as @misc."""
    word = re.sub(r"[^A-Za-z0-9]+", "", cited.publisher)[:20] or "data"
    note = f"\n  note = {{sha256:{cited.digest}}}," if cited.digest else ""
    return (
        f"@misc{{{word}{cited.published_at:%Y}{cited.revision_id[:8]},\n"
        f"  author = {{{{{_tex(cited.publisher)}}}}},\n"
        f"  title = {{{{{_tex(cited.title)}}}}},\n"
        f"  year = {{{cited.published_at:%Y}}},\n"
        f"  month = {{{cited.published_at.month}}},\n"
        f"  version = {{{cited.version}}},\n"
        f"  publisher = {{{_tex(cited.site)}}},\n"
        f"  howpublished = {{\\url{{{cited.url}}}}},\n"
        f"  url = {{{cited.url}}},{note}\n}}\n"
    )


def citation_file(cited: Cited) -> str:
    """Return CITATION.cff."""
    document: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use this data, please cite it as below.",
        "type": "dataset",
        "title": _line(cited.title),
        "authors": [{"name": _line(cited.publisher)}],
        "date-released": cited.published_at.date(),
        "version": cited.version,
        "url": cited.url,
    }
    if cited.summary:
        document["abstract"] = _CONTROL.sub(" ", cited.summary)
    if cited.spdx:
        document["license"] = cited.spdx
    elif cited.licence_url:
        document["license-url"] = cited.licence_url
    if cited.digest:
        document["identifiers"] = [
            {"type": "other", "value": f"sha256:{cited.digest}", "description": "SHA-256 over the manifest"}
        ]
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)


def _line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in _line(text))
