"""What the words of publishers are in the vocabularies of the standards: types, licences, frequencies, formats, addresses."""

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from publishers.models import Category, Frequency

#: what a column can be, in the words that the documents are made from
TYPES = ("string", "integer", "number", "boolean", "date", "timestamp", "time", "object", "array")
_TYPE_WORDS: tuple[tuple[str, str], ...] = (
    (r"\b(array|list|repeated)\b|\[\]$|^(?!.*char).*\[\d+\]$", "array"),
    (r"\b(object|struct|map|json|jsonb|record|variant|geojson)\b|^(struct|map)\(", "object"),
    (r"timestamp|datetime|date[ -]?time|instant", "timestamp"),
    (r"\bdate\b|^day$", "date"),
    (r"\btime\b", "time"),
    (r"\bbool(ean)?\b", "boolean"),
    (r"\b(u?(tiny|small|big|huge)?int(eger)?\d*|long|short|year|count|serial|bigserial)\b", "integer"),
    (r"\b(number|numeric|decimal|float\d*|double|real|money|percent)\b", "number"),
)
_KNOWN_TYPES = tuple((re.compile(pattern), kind) for pattern, kind in _TYPE_WORDS)

#: what is written as a licence -> (SPDX id, its address)
_LICENCES: dict[str, tuple[str, str]] = {
    "cc0": ("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "cc by": ("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "cc by sa": ("CC-BY-SA-4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "cc by nc": ("CC-BY-NC-4.0", "https://creativecommons.org/licenses/by-nc/4.0/"),
    "cc by nd": ("CC-BY-ND-4.0", "https://creativecommons.org/licenses/by-nd/4.0/"),
    "cc by nc sa": ("CC-BY-NC-SA-4.0", "https://creativecommons.org/licenses/by-nc-sa/4.0/"),
    "cc by nc nd": ("CC-BY-NC-ND-4.0", "https://creativecommons.org/licenses/by-nc-nd/4.0/"),
    "odbl": ("ODbL-1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
    "odc by": ("ODC-By-1.0", "https://opendatacommons.org/licenses/by/1-0/"),
    "pddl": ("PDDL-1.0", "https://opendatacommons.org/licenses/pddl/1-0/"),
    "odc pddl": ("PDDL-1.0", "https://opendatacommons.org/licenses/pddl/1-0/"),
    "ogl uk": ("OGL-UK-3.0", "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"),
    "dl de by": ("DL-DE-BY-2.0", "https://www.govdata.de/dl-de/by-2-0"),
    "dl de zero": ("DL-DE-ZERO-2.0", "https://www.govdata.de/dl-de/zero-2-0"),
    "etalab": ("etalab-2.0", "https://github.com/DISIC/politique-de-contribution-open-source/blob/master/LICENSE.pdf"),
    "mit": ("MIT", "https://opensource.org/license/mit"),
    "apache": ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
}
_VERSIONS = {"4.0", "4", "1.0", "1", "3.0", "3", "2.0", "2"}
_SPDX = dict(_LICENCES.values())

#: ISO 8601 durations, and what the EU's list of frequencies calls them
DURATIONS: dict[str, str] = {
    Frequency.HOURLY: "PT1H",
    Frequency.DAILY: "P1D",
    Frequency.WEEKLY: "P1W",
    Frequency.MONTHLY: "P1M",
    Frequency.QUARTERLY: "P3M",
    Frequency.YEARLY: "P1Y",
}
EU_FREQUENCIES: dict[str, str] = {
    Frequency.HOURLY: "HOURLY",
    Frequency.DAILY: "DAILY",
    Frequency.WEEKLY: "WEEKLY",
    Frequency.MONTHLY: "MONTHLY",
    Frequency.QUARTERLY: "QUARTERLY",
    Frequency.YEARLY: "ANNUAL",
    Frequency.IRREGULAR: "IRREG",
    Frequency.ONCE: "NEVER",
}
#: shelf -> a theme of the EU's list
EU_THEMES: dict[str, str] = {
    Category.FINANCE: "ECON",
    Category.ENERGY: "ENER",
    Category.LOCATION: "REGI",
    Category.WEATHER: "ENVI",
    Category.CLIMATE: "ENVI",
    Category.AGRICULTURE: "AGRI",
    Category.RETAIL: "ECON",
    Category.HEALTH: "HEAL",
    Category.MOBILITY: "TRAN",
    Category.ECONOMY: "ECON",
    Category.SCIENCE: "TECH",
}


@dataclass(frozen=True)
class Format:
    """A file format: its media type, the word of the EU's list of file types, and whether columns can be named in it."""

    media_type: str
    eu: str
    is_table: bool = False


_OTHER = Format("application/octet-stream", "BIN")
_FORMATS: dict[str, Format] = {
    "csv": Format("text/csv", "CSV", is_table=True),
    "tsv": Format("text/tab-separated-values", "TSV", is_table=True),
    "tab": Format("text/tab-separated-values", "TSV", is_table=True),
    "json": Format("application/json", "JSON", is_table=True),
    "ndjson": Format("application/x-ndjson", "JSON", is_table=True),
    "jsonl": Format("application/x-ndjson", "JSON", is_table=True),
    "parquet": Format("application/vnd.apache.parquet", "PARQUET", is_table=True),
    "pq": Format("application/vnd.apache.parquet", "PARQUET", is_table=True),
    "arrow": Format("application/vnd.apache.arrow.file", "BIN", is_table=True),
    "feather": Format("application/vnd.apache.arrow.file", "BIN", is_table=True),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "XLSX", is_table=True),
    "xls": Format("application/vnd.ms-excel", "XLS", is_table=True),
    "ods": Format("application/vnd.oasis.opendocument.spreadsheet", "ODS", is_table=True),
    "geojson": Format("application/geo+json", "GEOJSON"),
    "xml": Format("application/xml", "XML"),
    "pdf": Format("application/pdf", "PDF"),
    "txt": Format("text/plain", "TXT"),
    "md": Format("text/markdown", "TXT"),
    "zip": Format("application/zip", "ZIP"),
    "gpkg": Format("application/geopackage+sqlite3", "GPKG"),
    "nc": Format("application/netcdf", "NETCDF"),
}
_PACKINGS = {"gz": "application/gzip", "zst": "application/zstd"}


def type_of(words: str) -> str:
    """Return which of TYPES somebody's word for a type means: "VARCHAR(20)" is string, "bigint" is integer."""
    lower = words.strip().lower()
    if lower in TYPES:
        return lower
    return next((kind for pattern, kind in _KNOWN_TYPES if pattern.search(lower)), "string")


def licence_of(words: str) -> tuple[str, str]:
    """Return (SPDX id, address) of a licence that is known by what it is called or by its address; both empty otherwise.

    A version that is named has to be that of the SPDX id: "CC BY 3.0" is not CC-BY-4.0, and is not known.
    """
    given = words.strip()
    if given in _SPDX:
        return given, _SPDX[given]
    bare = re.sub(r"^https?://(www\.)?", "", given).rstrip("/")
    for spdx, address in _SPDX.items():
        if bare == re.sub(r"^https?://(www\.)?", "", address).rstrip("/"):
            return spdx, address
    tokens = re.sub(r"[\s_\-,()]+", " ", given.lower().replace("creative commons", "cc").replace("attribution", "by"))
    parts = [part.removeprefix("v") for part in tokens.split() if part not in {"licence", "license", "international"}]
    version = parts.pop() if parts and parts[-1] in _VERSIONS else ""
    spdx, address = _LICENCES.get(" ".join(parts), ("", ""))
    if version and spdx and not spdx.endswith(f"-{version}" if "." in version else f"-{version}.0"):
        return "", ""
    return spdx, address


def format_of_name(name: str) -> tuple[Format, str]:
    """Return a file's format by its name, and the media type of its packing; empty where it is not packed."""
    parts = name.rsplit("/", 1)[-1].lower().split(".")
    packing = _PACKINGS.get(parts[-1], "") if len(parts) > 1 else ""
    if packing:
        parts = parts[:-1]
    return (_FORMATS.get(parts[-1], _OTHER) if len(parts) > 1 else _OTHER), packing


def safe_url(text: str) -> str:
    """Return an http(s) address with whatever an IRI cannot hold written in percent signs; empty for anything else."""
    try:
        parts = urlsplit(text.strip())
        host = parts.hostname
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host:
        return ""
    return quote(text.strip(), safe="!#$%&'()*+,/:;=?@[]~-._")


def slug_of(text: str, *, otherwise: str) -> str:
    """Return a text as a name of lower-case letters, digits, "-", "_" and "."; `otherwise` where nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")[:80] or otherwise


def unique(name: str, taken: set[str]) -> str:
    """Return a name that is not taken yet, and take it."""
    made, number = name, 1
    while made in taken:
        number += 1
        made = f"{name}-{number}"
    taken.add(made)
    return made
