"""What the catalogue is narrowed by: the words of each facet, and the numbers that stand for them in the search table.

A number once given keeps its meaning: rows hold it. New words are added at the end.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db import models


class PriceKind(models.TextChoices):
    """What a product costs, as the catalogue's filter has it."""

    FREE = "FREE", "Free"
    TRIAL = "TRIAL", "Free trial"
    PAID = "PAID", "Paid"


class Delivery(models.TextChoices):
    """How subscribers get the data; follows from the asset types of a product's data sets."""

    S3_EXPORT = "S3_EXPORT", "S3 export"
    ROWS = "ROWS", "Rows by data API"
    API = "API", "API calls"
    S3_ACCESS = "S3_ACCESS", "Live S3 access"
    TABLES = "TABLES", "Live tables"


@dataclass(frozen=True)
class Facet:
    """A facet of the catalogue.

    name: in addresses and answers. column: of the search table. words: the word at its number. is_set: a product may have
    several of them; the column then holds the bit 1 << number for each, else the number plus 1, and 0 for none.
    """

    name: str
    title: str
    column: str
    words: tuple[str, ...]
    is_set: bool = False

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def code(self, word: str) -> int:
        """Return what stands for one word; 0 for a word that is not known."""
        number = self._numbers.get(word)
        if number is None:
            return 0
        return 1 << number if self.is_set else number + 1

    def bits(self, words: Iterable[str]) -> int:
        """Return what stands for several words of a facet that is a set."""
        return sum({self.code(word) for word in words})

    def read(self, value: int) -> list[str]:
        """Return the words that a value stands for, in their order."""
        if self.is_set:
            return [word for number, word in enumerate(self.words) if value >> number & 1]
        return [self.words[value - 1]] if 0 < value <= len(self.words) else []


CATEGORY = Facet(
    "category",
    "Category",
    "category_code",
    (
        "Finance",
        "Energy",
        "Location",
        "Weather",
        "Climate",
        "Agriculture",
        "Retail",
        "Health",
        "Mobility",
        "Economy",
        "Science",
    ),
)
PRICE = Facet("price", "Price", "price_bits", ("FREE", "TRIAL", "PAID"), is_set=True)
DELIVERY = Facet(
    "delivery", "Delivery", "delivery_bits", ("S3_EXPORT", "ROWS", "API", "S3_ACCESS", "TABLES"), is_set=True
)
FORMAT = Facet(
    "format",
    "Format",
    "format_bits",
    (
        "CSV",
        "TSV",
        "JSON",
        "NDJSON",
        "Parquet",
        "Excel",
        "Arrow",
        "ZIP",
        "Files",
        "Avro",
        "ORC",
        "GeoJSON",
        "GeoPackage",
        "GeoTIFF",
        "XML",
        "NetCDF",
        "HDF5",
        "SQLite",
        "PDF",
        "Text",
    ),
    is_set=True,
)
FREQUENCY = Facet(
    "frequency",
    "Update frequency",
    "frequency_code",
    ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "QUARTERLY", "YEARLY", "IRREGULAR", "ONCE"),
)
REGION = Facet(
    "region",
    "Region",
    "region_bits",
    ("GLOBAL", "EUROPE", "NORTH_AMERICA", "SOUTH_AMERICA", "ASIA_PACIFIC", "MIDDLE_EAST", "AFRICA"),
    is_set=True,
)
#: by account id, which is a number of twelve digits as it is
PUBLISHER = Facet("publisher", "Publisher", "publisher", ())
FACETS = (CATEGORY, PRICE, DELIVERY, FORMAT, FREQUENCY, REGION, PUBLISHER)
