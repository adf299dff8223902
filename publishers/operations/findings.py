"""Answer for what looks like personal data in a product, and tell its publisher when a new revision brings more of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.urls import reverse

from marketplace.core import audit
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid
from marketplace.core.operations.inbox import tell_members
from publishers.models import PersonalData, Product, ProductState, Profile, ProfileState, Revision
from publishers.operations.texts import check_text
from publishers.queries import findings as queries
from publishers.queries.findings import WORDS, Finding, findings_of_sample, in_words, key_of, lacks_class, list_findings

MOST_FINDINGS = 2_000
_TABLE, _COLUMN = 255, 500


class SampleNotAnswered(Conflict):
    """A sample for a product that everybody finds holds what nobody has answered for; `findings` says what."""

    def __init__(self, name: str, findings: list[Finding]) -> None:
        self.findings = findings
        verb = "is" if findings[0].kind == queries.UNREAD else "holds what looks like"
        super().__init__(
            "DOCUMENT",
            name,
            f"This sample {verb} {in_words(findings)}. Everybody would see it at once: say under “Sensitive data” that it may"
            " be published, then add it again.",
        )


def missing_answers(product: Product, findings: list[Finding]) -> list[tuple[str, str]]:
    """Return (field, sentence) for what is to be said about personal data before everybody may find a product."""
    missing = []
    unanswered = [finding for finding in findings if not finding.is_acknowledged]
    if unanswered:
        verb = "has" if unanswered[0].kind == queries.UNREAD else "holds what looks like"
        missing.append(("findings", f"Say whether it may be published: the data {verb} {in_words(unanswered)}."))
    if lacks_class(product, findings):
        words = "not said" if not product.personal_data else "“None”"
        sentence = (
            f"Declare what the product holds about people: it is {words} although personal data was acknowledged."
        )
        missing.append(("personal_data", sentence))
    return missing


@transaction.atomic
def acknowledge_findings(
    *, product: Product, findings: Iterable[dict[str, Any]], personal_data: str, actor: Actor, at: datetime
) -> Product:
    """Answer for findings: the publisher knows of these, and they may be published.

    findings: each {"table", "column", "kind"} and, unless it is about people, "is_personal": False. It is the whole list:
    what is found in the product and not among them is answered for no more. One that is not found yet may be among them,
    for a sample to come. personal_data: of PersonalData, the declared class.
    Raises Invalid (field findings or personal_data); nothing is then changed. The same again changes nothing.
    """
    product = Product.objects.select_for_update().get(pk=product.pk)
    if personal_data not in {"", *PersonalData.values}:
        raise Invalid(f"Choose one of {', '.join(PersonalData.values)}.", field="personal_data")
    given = {key_of(row["table"], row["column"], row["kind"]): row for row in map(_checked, findings)}
    if any(row["is_personal"] for row in given.values()) and personal_data in {"", PersonalData.NONE}:
        raise Invalid(
            "Declare pseudonymous or personal data, or say of each finding that it is not about people.",
            field="personal_data",
        )
    current = {key_of(each.table, each.column, each.kind) for each in list_findings(product=product)}
    kept = {key_of(row["table"], row["column"], row["kind"]): row for row in product.acknowledged_findings}
    answers = [row for key, row in kept.items() if key not in current and key not in given] + list(given.values())
    if len(answers) > MOST_FINDINGS:
        raise Invalid(f"A product has at most {MOST_FINDINGS:,} findings.", field="findings")
    if answers == product.acknowledged_findings and personal_data == product.personal_data:
        return product
    product.acknowledged_findings, product.personal_data, product.updated_at = answers, personal_data, at
    if product.draft:  # what was typed before must not take the declaration back when it is saved
        product.draft["personal_data"] = [personal_data]
    product.save(update_fields=["acknowledged_findings", "personal_data", "updated_at", "draft"])
    detail = {
        "personal_data": personal_data,
        "findings": [{name: row[name] for name in ("table", "column", "kind")} for row in given.values()][:100],
        "count": len(given),
    }
    audit.record("product.findings_acknowledged", actor=actor, subject=product, detail=detail, at=at)
    return product


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("table", "column", "kind")):
        raise Invalid("Name table, column and kind of each finding.", field="findings")
    if row["kind"] not in WORDS:
        raise Invalid(f"{row['kind'][:40]!r} is no kind of finding. Choose among {', '.join(WORDS)}.", field="findings")
    return {
        "table": check_text(row["table"], field="findings", longest=_TABLE, needed=True),
        "column": check_text(row["column"], field="findings", longest=_COLUMN, needed=row["kind"] != queries.UNREAD),
        "kind": row["kind"],
        "is_personal": bool(row.get("is_personal", row["kind"] != queries.UNREAD)),
    }


def check_sample(*, product: Product, name: str, preview: dict[str, Any]) -> None:
    """Raise SampleNotAnswered for a sample that everybody would see at once, and of which a finding has no answer."""
    known = {key_of(row["table"], row["column"], row["kind"]) for row in product.acknowledged_findings}
    new = [
        Finding(name, row["column"], row["kind"], row["by"], row["count"], row["share"], (queries.SAMPLE,))
        for row in findings_of_sample(preview)
        if key_of(name, row["column"], row["kind"]) not in known
    ]
    if new:
        raise SampleNotAnswered(name, new)


def tell_of_findings(*, revision: Revision, at: datetime) -> int:
    """Tell the publisher what a measured revision holds that looks like personal data and is new; return how many are told.

    What is published stays published: it is for the publisher to revoke the revision, or to answer for it.
    """
    is_measured = Profile.objects.filter(revision=revision, state=ProfileState.DONE).exists()
    if revision.finalized_at is None or revision.revoked_at is not None or not is_measured:
        return 0
    told = 0
    products = Product.objects.filter(state=ProductState.PUBLISHED, published_data_sets__data_set=revision.data_set_id)
    for product in products.order_by("pk"):
        new = queries.list_new_findings(product=product, revision=revision)
        if new:
            told += tell_members(
                organization_ids=[product.owner_id],
                topic="product.findings",
                source_key=f"product-findings:{product.pk}:{revision.pk}",
                subject_key=f"product:{product.pk}",
                subject_label=product.name,
                text=f"The newest revision of {revision.data_set.name} holds what looks like {in_words(new)}.",
                path=f"{reverse('product-edit', args=[product.pk])}#sensitive",
                at=at,
            )
    return told
