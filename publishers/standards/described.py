"""A product in words that belong to no standard; each module of a standard writes its document from this alone."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Column:
    """A column. type: one of words.TYPES. What was measured is None where nothing was."""

    name: str
    type: str
    meaning: str = ""
    is_key: bool = False
    nulls: int | None = None
    distinct: int | None = None
    least: Any = None
    greatest: Any = None


@dataclass(frozen=True)
class File:
    """A file of the newest revision. url: of its bytes, for whoever is entitled; page_url: of its revision."""

    id: str
    name: str
    size_bytes: int
    sha256: str
    media_type: str
    packing: str
    eu_format: str
    is_table: bool
    url: str
    page_url: str
    published_at: datetime


@dataclass(frozen=True)
class Table:
    """A table of a data set. files: those of Described.files that hold its rows. row_count: None where nobody counted.

    is_partial: what is measured covers a part of the rows.
    """

    name: str
    data_set_id: str
    columns: list[Column]
    files: list[File] = field(default_factory=list)
    row_count: int | None = None
    key: list[str] = field(default_factory=list)
    is_partial: bool = False


@dataclass(frozen=True)
class RevisionOf:
    """The newest revision of a data set that is published and readable. number: how many were published so far."""

    id: str
    comment: str
    published_at: datetime
    url: str
    digest: str
    number: int
    file_count: int


@dataclass(frozen=True)
class PublishedSet:
    """A data set of a product. contract: the members of the contract in force that everybody may read, with its version."""

    id: str
    name: str
    description: str
    holds_files: bool
    revision: RevisionOf | None = None
    contract_version: str = ""
    contract: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OfferOf:
    """The public offer in its newest version."""

    id: str
    number: int
    price_minor: int
    currency: str
    terms: str
    created_at: datetime


@dataclass(frozen=True)
class Publisher:
    """Who publishes. website is safe to write as an IRI, or empty."""

    name: str
    account_id: str
    url: str
    website: str = ""


@dataclass(frozen=True)
class Site:
    """The exchange that shows the product."""

    name: str
    url: str
    catalogue_url: str
    data_url: str
    profile_url: str


@dataclass(frozen=True)
class Described:
    """A product. metadata_url: its documents lie below. licence: the publisher's words; spdx, licence_url: where known.

    duration: ISO 8601, how often new data comes, empty where nothing is promised. rights: right -> whether it is allowed.
    files_left_out: how many files of the newest revisions are not listed here.
    """

    id: str
    url: str
    metadata_url: str
    name: str
    summary: str
    description: str
    category: str
    licence: str
    spdx: str
    licence_url: str
    rights: dict[str, bool]
    publisher: Publisher
    contact: str
    site: Site
    coverage: str
    regions: list[str]
    frequency: str
    frequency_words: str
    duration: str
    personal_data: str
    source_url: str
    requires_approval: bool
    is_public: bool
    created_at: datetime
    first_at: datetime | None
    last_at: datetime | None
    version: str
    offer: OfferOf | None = None
    data_sets: list[PublishedSet] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    files_left_out: int = 0

    @property
    def text(self) -> str:
        """Return what the product is, in words; never empty, because every standard wants a description."""
        return self.summary or self.description[:500] or self.name

    @property
    def terms_url(self) -> str:
        """Return where the licence is read: its own address, else the terms on the product's page."""
        return self.licence_url or f"{self.url}#licence"

    @property
    def places(self) -> list[str]:
        """Return what the data covers, in words: the publisher's own first."""
        return [place for place in (self.coverage, ", ".join(self.regions)) if place]
