"""What each change of a change set does: its type and details, spelled as AWS spells them, become our operations.

Source: AWS Data Exchange user guide, AddDataSets and AddRevisions; AWS Marketplace API reference, the change types of
other kinds of products, which here exist for data products too.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, DomainError, Invalid, NotFound
from marketplace.core.models import Organization
from publishers.models import (
    DataSet,
    DocumentKind,
    Offer,
    Product,
    ProductDocument,
    ProductState,
    PublishedDataSet,
    Revision,
    Visibility,
)
from publishers.operations import documents, offers, products, revisions
from publishers.operations.change_details import (
    TEXTS,
    ChangeRefused,
    entries_of,
    information_of,
    only,
    terms_of,
    text_of,
)
from publishers.operations.locking import lock_data_set

DATA_PRODUCT, OFFER = "DataProduct@1.0", "Offer@1.0"
REFERENCE = re.compile(r"\$([a-zA-Z][a-zA-Z0-9]*)\.Entity\.Identifier")
#: revisions in one AddRevisions. Source: AWS Data Exchange user guide, AddRevisions.
MOST_REVISIONS = 5
_ARN = re.compile(
    r"arn:aws:dataexchange:[a-z0-9-]*:(\d{12}):data-sets/([a-zA-Z0-9]{30,40})(?:/revisions/([a-zA-Z0-9]{30,40}))?"
)
_DESCRIBING = frozenset({"CreateOffer", "CreateProduct", "UpdateInformation", "UpdateLegalTerms"})


class _DependsOnFailure(Exception):
    """The change is about an entity that another change could not create; that one says why."""


@dataclass(frozen=True)
class Change:
    """One change as it was asked for. identifier: an entity's id, a reference, or empty for what is created."""

    name: str
    type: str
    entity_type: str
    identifier: str
    details: dict[str, Any]


@dataclass(eq=False)
class _NewProduct:
    """A product that is being described: title, category and terms may come in different changes of a set."""

    index: int
    information: dict[str, Any] = field(default_factory=dict)
    terms: str | None = None
    offer: dict[str, str] = field(default_factory=dict)
    row: Product | None = None
    has_failed: bool = False


_Target = Product | _NewProduct


@dataclass(frozen=True)
class _OfferOf:
    """The public offer of a product that exists or is being described; or an offer by its id."""

    product: _Target
    row: Offer | None = None


def error_of(error: DomainError) -> tuple[str, str]:
    """Return (code, message) of a refusal as a change set tells it."""
    if isinstance(error, ChangeRefused):
        code = error.error_code
    elif isinstance(error, products.DataSetAlreadyInProduct):
        code = "DATA_SET_ALREADY_PUBLISHED"
    elif isinstance(error, NotFound):
        code = f"{error.resource_type}_NOT_FOUND"
    elif isinstance(error, Conflict):
        code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", error.code).upper()
    else:
        code = "INVALID_INPUT"
    where = f"{error.field}: " if isinstance(error, Invalid) and error.field else ""
    return code, " ".join(f"{where}{error.message}".split())[:2000]


class Run:
    """Applies changes in order, in the caller's transaction, which takes all of them back when one was refused."""

    def __init__(
        self,
        *,
        organization: Organization,
        changes: list[Change],
        actor: Actor,
        at: datetime,
        samples: dict[str, documents.Prepared] | None = None,
    ) -> None:
        """samples: what `prepare_samples` gave; those that products took are in `taken` afterwards."""
        self.organization, self.changes, self.actor, self.at = organization, changes, actor, at
        self.samples = samples or {}
        self.taken: set[str] = set()
        #: index of a change -> (code, message)
        self.errors: dict[int, tuple[str, str]] = {}
        self._by_name: dict[str, _Target | _OfferOf] = {}
        self._targets: dict[int, _Target | _OfferOf] = {}

    def apply(self) -> None:
        """Apply every change; what is refused stands in `errors`, and the changes after it are tried as well.

        What describes comes first, otherwise in the order of the request: a product can then be filled and released by
        the set that makes it, wherever in the set its terms stand.
        """
        for index, change in sorted(enumerate(self.changes), key=lambda entry: entry[1].type not in _DESCRIBING):
            self._guarded(index, lambda index=index, change=change: self._apply(index, change))  # type: ignore[misc]
        for target in [found for found in self._targets.values() if isinstance(found, _NewProduct)]:
            self._guarded(target.index, lambda target=target: self._product(target))  # type: ignore[misc]

    def entity_ids(self) -> dict[int, str]:
        """Return the id of the entity that each applied change is about."""
        found = {}
        for index, target in self._targets.items():
            product = target.product if isinstance(target, _OfferOf) else target
            row = product.row if isinstance(product, _NewProduct) else product
            if row is not None:
                found[index] = self._offer_row(target).pk if isinstance(target, _OfferOf) else row.pk
        return found

    def _guarded(self, index: int, act: Callable[[], object]) -> None:
        try:
            act()
        except _DependsOnFailure:
            pass
        except DomainError as error:
            self.errors.setdefault(index, error_of(error))

    def _apply(self, index: int, change: Change) -> None:
        target = self._targets[index] = self._target_of(index, change)
        if change.name:
            self._by_name[change.name] = target
        act = CHANGES[change.entity_type, change.type].act
        act(self, target, change.details)

    # --- what a change is about -------------------------------------------------------------------------------------
    def _target_of(self, index: int, change: Change) -> _Target | _OfferOf:
        if change.type == "CreateProduct":
            return _NewProduct(index)
        if change.type == "CreateOffer":
            return _OfferOf(self._product_of_offer(change.details))
        return self._find(change.entity_type, change.identifier)

    def _find(self, entity_type: str, identifier: str) -> _Target | _OfferOf:
        reference = REFERENCE.fullmatch(identifier)
        if reference is not None:
            if reference[1] not in self._by_name:
                raise _DependsOnFailure
            return self._by_name[reference[1]]
        if entity_type == OFFER:
            offer = Offer.objects.select_related("product").filter(pk=identifier).first()
            if offer is None or offer.product.owner_id != self.organization.pk:
                raise NotFound("OFFER", identifier)
            return _OfferOf(offer.product, offer)
        return self._owned_product(identifier)

    def _owned_product(self, product_id: str) -> Product:
        product = Product.objects.owned_by(self.organization).filter(pk=product_id).first()
        if product is None:
            raise NotFound("PRODUCT", product_id)
        return product

    def _product_of_offer(self, details: dict[str, Any]) -> _Target:
        identifier = text_of(details, "ProductId")
        if not identifier:
            raise ChangeRefused("INVALID_INPUT", "Give the product of the offer in ProductId.")
        found = self._find(DATA_PRODUCT, identifier.partition("@")[0])
        if isinstance(found, _OfferOf):
            raise ChangeRefused("INVALID_INPUT", "ProductId must be the id of a product, or refer to one.")
        return found

    def _product(self, target: _Target) -> Product:
        """Return the product, made now when it was only described until here."""
        if isinstance(target, Product):
            return target
        if target.has_failed:
            raise _DependsOnFailure
        if target.row is None:
            try:
                with transaction.atomic():
                    target.row = self._create(target)
            except DomainError as error:
                target.has_failed = True
                self.errors.setdefault(target.index, error_of(error))
                raise _DependsOnFailure from None
        return target.row

    def _create(self, target: _NewProduct) -> Product:
        information = dict(target.information)
        for member, name in (("ProductTitle", "name"), ("Categories", "category")):
            if name not in information:
                message = f"A product needs {member}: give it here or in UpdateInformation of the same change set."
                raise ChangeRefused("INVALID_INPUT", message)
        if target.terms is None:
            message = "A product has a public offer from the beginning: add CreateOffer and UpdateLegalTerms to the change set."
            raise ChangeRefused("INVALID_INPUT", message)
        product = products.create_product(
            owner=self.organization, terms=target.terms, actor=self.actor, at=self.at, **information
        )
        if target.offer:
            self._update_offer(product.offers.get(is_public=True), target.offer)
        return product

    def _offer_row(self, target: _OfferOf) -> Offer:
        if target.row is not None:
            return target.row
        return self._product(target.product).offers.get(is_public=True, withdrawn_at=None)

    # --- data products ----------------------------------------------------------------------------------------------
    def create_product(self, target: Any, details: dict[str, Any]) -> None:
        target.information = information_of(details)

    def update_information(self, target: Any, details: dict[str, Any]) -> None:
        information = information_of(details)
        if not information:
            raise ChangeRefused(
                "INVALID_INPUT", f"Give at least one of {', '.join([*TEXTS, 'Categories', 'Dictionary'])}."
            )
        if isinstance(target, _NewProduct) and target.row is None:
            target.information |= information
            return
        with transaction.atomic():
            products.update_product(product=self._product(target), actor=self.actor, at=self.at, **information)

    def add_data_sets(self, target: Any, details: dict[str, Any]) -> None:
        product = self._product(target)
        only(details, "DataSets")
        arns = [text_of(entry, "Arn") for entry in entries_of(details, "DataSets")]
        if len(set(arns)) != len(arns):
            raise ChangeRefused("DATA_SET_DUPLICATE_PROVIDED", "A data set is named twice in DataSets.")
        with transaction.atomic():
            for arn in arns:
                products.add_data_set(product=product, data_set=self._data_set(arn), actor=self.actor, at=self.at)

    def add_revisions(self, target: Any, details: dict[str, Any]) -> None:
        """Publish finalized revisions of a data set of the product.

        On AWS this is for older products, whose revisions do not publish themselves. Here each finalized revision does,
        moments after it was finalized, so that one which is there already is a success: programs written for those
        products finalize a revision and then add it, and must not lose a race. A revision that the access rules kept
        back, such as one from before the product, is published by this.
        """
        product = self._product(target)
        only(details, "DataSetArn", "RevisionArns")
        data_set = self._data_set(text_of(details, "DataSetArn"))
        arns = details.get("RevisionArns")
        if (
            not isinstance(arns, list)
            or not 1 <= len(arns) <= MOST_REVISIONS
            or not all(isinstance(a, str) for a in arns)
        ):
            raise ChangeRefused("INVALID_INPUT", f"RevisionArns must be a list of 1 to {MOST_REVISIONS} ARNs.")
        if len(set(arns)) != len(arns):
            raise ChangeRefused("REVISION_DUPLICATE_PROVIDED", "A revision is named twice in RevisionArns.")
        entry = (
            PublishedDataSet.objects.select_related("product__owner", "data_set")
            .filter(product=product, product__state=ProductState.PUBLISHED, data_set=data_set, closed_at=None)
            .first()
        )
        if entry is None:
            message = f"The data set {data_set.pk} is not published in this product."
            raise ChangeRefused("DATA_SET_NOT_PUBLISHED", message)
        with transaction.atomic():
            lock_data_set(data_set.pk)  # see revisions.publish_revision
            for arn in arns:
                revisions.publish_to(entry=entry, revision=self._revision(arn, data_set), at=self.at)

    def release_product(self, target: Any, details: dict[str, Any]) -> None:
        product = self._product(target)
        only(details)
        with transaction.atomic():
            self._complete(product, target)
            products.publish_product(product=product, actor=self.actor, at=self.at)

    def _complete(self, product: Product, target: Any) -> None:
        """Give a product that lacks sample or dictionary those of its newest revision, where one could be made.

        Change sets have no way to upload a sample, and what AWS asks of a product is less than our catalogue does.
        """
        product.refresh_from_db(fields=["visibility", "state", "dictionary"])
        if product.visibility != Visibility.PUBLIC or product.state != ProductState.DRAFT:
            return
        index = next(i for i, found in self._targets.items() if found is target and self.changes[i].type in RELEASING)
        prepared = self.samples.get(self.changes[index].identifier)
        if prepared is not None and not product.documents.filter(kind=DocumentKind.SAMPLE).exists():
            documents.attach(product=product, prepared=prepared, actor=self.actor, at=self.at, keeps_bytes=True)
            self.taken.add(prepared.path)
        if not product.dictionary:
            documents.fill_dictionary(product=product, actor=self.actor, at=self.at)

    def restrict_product(self, target: Any, details: dict[str, Any]) -> None:
        product = self._product(target)
        only(details)
        if Product.objects.get(pk=product.pk).state == ProductState.DRAFT:
            raise ChangeRefused("INVALID_INPUT", "This product was never released.")
        with transaction.atomic():
            products.unpublish_product(product=product, actor=self.actor, at=self.at)

    def update_visibility(self, target: Any, details: dict[str, Any]) -> None:
        only(details, "TargetVisibility")
        visibility = text_of(details, "TargetVisibility")
        if visibility == "Public":
            self.release_product(target, {})
        elif visibility == "Restricted":
            self.restrict_product(target, {})
        else:
            raise ChangeRefused("INVALID_INPUT", "TargetVisibility must be Public or Restricted.")

    # --- offers -----------------------------------------------------------------------------------------------------
    def create_offer(self, target: Any, details: dict[str, Any]) -> None:
        """Take up the public offer of a product that is not in the catalogue yet: each product has exactly one."""
        only(details, "ProductId", "Name", "Description")
        taken = [t for t in self._targets.values() if isinstance(t, _OfferOf) and t is not target]
        if any(other.row is None and other.product == target.product for other in taken):
            raise ChangeRefused("INVALID_INPUT", "A product has one public offer; another change creates it already.")
        product = target.product
        if isinstance(product, Product) and product.state != ProductState.DRAFT:
            message = (
                f"The product has its public offer already: {self._offer_row(target).pk}. Change its terms instead."
            )
            raise ChangeRefused("OFFER_ALREADY_EXISTS", message)
        named = {name: value for name, value in details.items() if name != "ProductId"}
        if named:
            self._name_offer(target, named)

    def update_offer_information(self, target: Any, details: dict[str, Any]) -> None:
        only(details, "Name", "Description")
        if not details:
            raise ChangeRefused("INVALID_INPUT", "Give Name, Description or both.")
        self._name_offer(target, details)

    def _name_offer(self, target: _OfferOf, details: dict[str, Any]) -> None:
        texts = {member: text_of(details, member) for member in details}
        product = target.product
        if isinstance(product, _NewProduct) and product.row is None:
            product.offer |= texts
            return
        with transaction.atomic():
            self._update_offer(self._offer_row(target), texts)

    def _update_offer(self, offer: Offer, texts: dict[str, str]) -> None:
        name, description = texts.get("Name"), texts.get("Description")
        offers.update_offer(offer=offer, name=name, description=description, actor=self.actor, at=self.at)

    def update_legal_terms(self, target: Any, details: dict[str, Any]) -> None:
        terms = terms_of(details)
        product = target.product
        if isinstance(product, _NewProduct) and product.row is None:
            product.terms = terms
            return
        if target.row is not None and (not target.row.is_public or target.row.withdrawn_at is not None):
            raise ChangeRefused("INVALID_INPUT", "Only the terms of a public offer can be changed.")
        with transaction.atomic():
            products.update_product(product=self._product(product), terms=terms, actor=self.actor, at=self.at)

    def release_offer(self, target: Any, details: dict[str, Any]) -> None:
        """Find the offer. It is in force as long as its product is in the catalogue, so that nothing else is to be done."""
        only(details)
        self._offer_row(target)

    # --- what ARNs name ---------------------------------------------------------------------------------------------
    def _data_set(self, arn: str) -> DataSet:
        found = _ARN.fullmatch(arn)
        if found is None or found[3]:
            raise ChangeRefused("INVALID_INPUT", f"{arn[:200]!r} is not the ARN of a data set that you own.")
        row = DataSet.objects.owned_by(self.organization).filter(pk=found[2]).first()
        if row is None or found[1] != self.organization.account_id:
            raise NotFound("DATA_SET", found[2])
        return row

    def _revision(self, arn: str, data_set: DataSet) -> Revision:
        found = _ARN.fullmatch(arn)
        if found is None or not found[3]:
            raise ChangeRefused("INVALID_INPUT", f"{arn[:200]!r} is not the ARN of a revision that you own.")
        row = Revision.objects.filter(data_set=data_set, pk=found[3]).first()
        if row is None or found[1] != self.organization.account_id or found[2] != data_set.pk:
            raise NotFound("REVISION", found[3])
        if not row.is_finalized:
            raise ChangeRefused("REVISION_NOT_FINALIZED", f"The revision {row.pk} is not finalized.")
        if row.revoked_at is not None:
            raise ChangeRefused("INVALID_INPUT", f"The revision {row.pk} is revoked.")
        return row


RELEASING = frozenset({"ReleaseProduct", "UpdateVisibility"})


def prepare_samples(*, organization: Organization, changes: list[Change]) -> dict[str, documents.Prepared]:
    """Return by a product's identifier the samples of products that the changes release and that have none.

    Called before the changes are applied, because it reads and writes the object store; data sets that are not the
    organization's, or have no table, are left out: applying the changes says so.
    """
    found: dict[str, documents.Prepared] = {}
    for identifier in {c.identifier for c in changes if c.type in RELEASING}:
        if ProductDocument.objects.filter(product=identifier, kind=DocumentKind.SAMPLE).exists():
            continue
        added = [c.details.get("DataSets") for c in changes if c.type == "AddDataSets" and c.identifier == identifier]
        entries = [entry for given in added if isinstance(given, list) for entry in given if isinstance(entry, dict)]
        arns = [str(entry.get("Arn")) for entry in entries]
        ids = [match[2] for arn in arns if (match := _ARN.fullmatch(arn))]
        owned = DataSet.objects.owned_by(organization)
        data_sets = list(owned.filter(pk__in=ids) | owned.filter(published_data_sets__product=identifier))
        try:
            found[identifier] = documents.prepare_sample(data_sets)
        except (documents.NoTableToSample, documents.StoreIsAway):
            continue
    return found


@dataclass(frozen=True)
class ChangeType:
    """How a change is applied. creates: its entity is made by it, so that no identifier is given."""

    act: Callable[[Run, Any, dict[str, Any]], None]
    creates: bool = False


CHANGES: dict[tuple[str, str], ChangeType] = {
    (DATA_PRODUCT, "CreateProduct"): ChangeType(Run.create_product, creates=True),
    (DATA_PRODUCT, "UpdateInformation"): ChangeType(Run.update_information),
    (DATA_PRODUCT, "AddDataSets"): ChangeType(Run.add_data_sets),
    (DATA_PRODUCT, "AddRevisions"): ChangeType(Run.add_revisions),
    (DATA_PRODUCT, "ReleaseProduct"): ChangeType(Run.release_product),
    (DATA_PRODUCT, "RestrictProduct"): ChangeType(Run.restrict_product),
    (DATA_PRODUCT, "UpdateVisibility"): ChangeType(Run.update_visibility),
    (OFFER, "CreateOffer"): ChangeType(Run.create_offer, creates=True),
    (OFFER, "UpdateInformation"): ChangeType(Run.update_offer_information),
    (OFFER, "UpdateLegalTerms"): ChangeType(Run.update_legal_terms),
    (OFFER, "ReleaseOffer"): ChangeType(Run.release_offer),
}
