"""What looks like personal data in a product: in its samples, and in what was measured of its newest revisions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.fields.json import KeyTransform

from marketplace.core.jailed.detecting import KINDS, findings_of_rows
from publishers.models import (
    DataSet,
    DocumentKind,
    PersonalData,
    Product,
    ProductDocument,
    Profile,
    ProfiledTable,
    ProfileState,
    Revision,
)

SAMPLE, REVISION = "SAMPLE", "REVISION"
#: a sample that no check could read
UNREAD = "unread"
WORDS: dict[str, str] = {**KINDS, UNREAD: "a file that could not be checked"}
_ENDING = re.compile(r"(\.(csv|tsv|txt|json|ndjson|jsonl|parquet|arrow|feather|xlsx|gz|zip|zst))+$")
_MADE = re.compile(r"-sample$")


@dataclass(frozen=True)
class Finding:
    """A column of a table that holds what looks like personal data.

    by, count, share: see detecting.findings_of_rows. places: SAMPLE, REVISION or both. is_personal: the publisher says that
    it is about people; of one that is not acknowledged, what is taken for granted.
    """

    table: str
    column: str
    kind: str
    by: str
    count: int
    share: float
    places: tuple[str, ...]
    is_acknowledged: bool = False
    is_personal: bool = True

    @property
    def words(self) -> str:
        """Return what the kind is called."""
        return WORDS.get(self.kind, self.kind)

    @property
    def sentence_part(self) -> str:
        """Return the finding as a part of a sentence: "e-mail addresses (column contact)"."""
        if self.kind == UNREAD:
            return f"{self.words} ({self.table})"
        return f"{self.words} (column {self.column})"


def key_of(table: str, column: str, kind: str) -> tuple[str, str, str]:
    """Return what makes two findings the same one: files of one table differ in digits, ending and "-sample" only."""
    stem = _MADE.sub("", _ENDING.sub("", table.rpartition("/")[2].casefold()))
    return re.sub(r"[\W_\d]+", "", stem) or stem, column, kind


def with_findings(documents: QuerySet[ProductDocument]) -> QuerySet[ProductDocument]:
    """Return documents that bring along what list_findings asks of samples: `is_read`, `kept_findings`."""
    return documents.annotate(
        is_read=ExpressionWrapper(~Q(preview={}), output_field=BooleanField()),
        kept_findings=KeyTransform("findings", "preview"),
    )


def list_findings(*, product: Product, samples: Iterable[ProductDocument] | None = None) -> list[Finding]:
    """Return the findings of a product, those that nobody has answered for first. Two queries, whatever it holds.

    samples: those of the product by with_findings, where the caller has them already.
    """
    found: dict[tuple[str, str, str], Finding] = {}
    if samples is None:
        mine = product.documents.filter(kind=DocumentKind.SAMPLE).defer("preview").order_by("position", "pk")
        samples = with_findings(mine)
    for sample in samples:
        _gather(found, sample.name, _kept_of(sample), SAMPLE)
    for name, findings in _newest_tables(product):
        _gather(found, name, findings, REVISION)
    answered = {key_of(row["table"], row["column"], row["kind"]): row for row in product.acknowledged_findings}
    told = [
        replace(finding, is_acknowledged=True, is_personal=bool(answered[key].get("is_personal", True)))
        if key in answered
        else finding
        for key, finding in found.items()
    ]
    return sorted(told, key=lambda finding: finding.is_acknowledged)


def _gather(
    found: dict[tuple[str, str, str], Finding], table: str, findings: Iterable[dict[str, Any]], place: str
) -> None:
    for row in findings:
        column, kind, count = str(row["column"]), str(row["kind"]), int(row["count"])
        key = key_of(table, column, kind)
        known = found.get(key)
        if known is None:
            share, by = float(row.get("share", 0)), str(row.get("by", "values"))
            found[key] = Finding(table, column, kind, by, count, share, (place,), is_personal=kind != UNREAD)
        elif place not in known.places:
            found[key] = replace(known, count=max(known.count, count), places=(*known.places, place))


def findings_of_sample(preview: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the findings of a sample by its preview; one without a preview was not read, which is a finding too."""
    if not preview:
        return [{"column": "", "kind": UNREAD, "by": "file", "count": 0, "share": 0.0}]
    if "findings" in preview:
        kept: list[dict[str, Any]] = preview["findings"]
        return kept
    return findings_of_rows([str(column["name"]) for column in preview["columns"]], preview["rows"])


def _kept_of(sample: Any) -> list[dict[str, Any]]:
    if not sample.is_read:
        return findings_of_sample({})
    if sample.kept_findings is None:  # put there before findings were kept
        return findings_of_sample(sample.preview)
    kept: list[dict[str, Any]] = sample.kept_findings
    return kept


def _newest_tables(product: Product) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """Return (name, findings) of the tables with findings in the newest measured revision of each data set."""
    newest = (
        Profile.objects.filter(
            state=ProfileState.DONE,
            revision__data_set__published_data_sets__product=product,
            revision__finalized_at__isnull=False,
            revision__revoked_at=None,
        )
        .order_by("revision__data_set_id", "-revision__finalized_at", "-pk")
        .distinct("revision__data_set_id")
    )
    tables = ProfiledTable.objects.filter(profile__in=Subquery(newest.values("pk"))).exclude(findings=[])
    return tables.order_by("name").values_list("name", "findings")


def rows_of_newest(*, data_sets: Iterable[DataSet]) -> int | None:
    """Return how many rows the newest revisions of data sets hold; None where one of them was not measured, or has no table."""
    newest = (
        Revision.objects.filter(data_set__in=list(data_sets), finalized_at__isnull=False, revoked_at=None)
        .order_by("data_set_id", "-finalized_at", "-pk")
        .distinct("data_set_id")
    )
    is_done = Exists(Profile.objects.filter(revision=OuterRef("pk"), state=ProfileState.DONE))
    measured = list(newest.annotate(is_done=is_done).values_list("pk", "is_done"))
    if not measured or not all(done for _, done in measured):
        return None
    tables = ProfiledTable.objects.filter(profile__in=[pk for pk, _ in measured])
    rows = tables.aggregate(rows=Sum("row_count"))["rows"]
    return int(rows) if rows else None


def list_new_findings(*, product: Product, revision: Revision) -> list[Finding]:
    """Return what a measured revision holds that the one before it did not, and that nobody has answered for."""
    before = (
        Profile.objects.filter(state=ProfileState.DONE, revision__data_set=revision.data_set_id)
        .filter(revision__finalized_at__isnull=False, revision__revoked_at=None)
        .filter(revision__finalized_at__lt=revision.finalized_at)
        .order_by("-revision__finalized_at", "-pk")
        .first()
    )
    of_both = Q(profile=revision.pk) | Q(profile=before.pk if before else None)
    known = {key_of(row["table"], row["column"], row["kind"]) for row in product.acknowledged_findings}
    found: dict[tuple[str, str, str], Finding] = {}
    for profile_id, name, findings in ProfiledTable.objects.filter(of_both).values_list("profile", "name", "findings"):
        if profile_id == revision.pk:
            _gather(found, name, findings, REVISION)
        else:
            known |= {key_of(name, row["column"], row["kind"]) for row in findings}
    return [finding for key, finding in found.items() if key not in known]


def holds_of(product: Product) -> list[str]:
    """Return the kinds of personal data that a publisher has said are in a product, in words, each once."""
    kinds = {row["kind"] for row in product.acknowledged_findings if row.get("is_personal", True)}
    return [words for kind, words in KINDS.items() if kind in kinds]


def lacks_class(product: Product, findings: Iterable[Finding]) -> bool:
    """Return True where findings were acknowledged as personal and the product says that it holds nothing about people."""
    is_undeclared = product.personal_data in {"", PersonalData.NONE}
    return is_undeclared and any(finding.is_acknowledged and finding.is_personal for finding in findings)


def in_words(findings: list[Finding], *, most: int = 3) -> str:
    """Return findings as the object of a sentence, the first ones by name."""
    parts = [finding.sentence_part for finding in findings[:most]]
    if len(findings) > most:
        parts.append(f"{len(findings) - most} more")
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
