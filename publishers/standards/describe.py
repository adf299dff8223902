"""Gather what the standards say of products: a fixed number of statements, however many products are described."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from marketplace.core import brand
from publishers.models import (
    Asset,
    Contract,
    OfferVersion,
    Product,
    ProductState,
    ProfiledTable,
    ProfileState,
    PublishedDataSet,
    PublishedRevision,
    Region,
    Visibility,
)
from publishers.queries.manifests import manifest_digests
from publishers.standards.citations import Cited
from publishers.standards.contracts import public_part, tables_of_contract
from publishers.standards.described import (
    Column,
    Described,
    File,
    OfferOf,
    PublishedSet,
    Publisher,
    RevisionOf,
    Site,
    Table,
)
from publishers.standards.words import DURATIONS, format_of_name, licence_of, safe_url, type_of

#: files of each newest revision that a document lists; the page of the revision has them all
MOST_FILES = 1_000
#: the same in a page of the catalogue, which holds a hundred products: it takes some 0.7 s of processor time
MOST_FILES_IN_CATALOGUE = 5


def describe(*, product: Product, at: datetime) -> Described:
    """Return everything that the standards say of a product whose owner is at hand, in eight statements.

    at: which contracts are in force. The caller has asked whether the product may be seen.
    """
    return _Gathered([product], at=at, most_files=MOST_FILES, is_whole=True).describe(product)


def describe_many(*, products: Sequence[Product], at: datetime) -> list[Described]:
    """Return what a catalogue says of products, in six statements: no tables, no digests, the first files only."""
    gathered = _Gathered(products, at=at, most_files=MOST_FILES_IN_CATALOGUE, is_whole=False)
    return [gathered.describe(product) for product in products]


def outline(
    *, product: Product, offer: OfferVersion | None, first_at: datetime | None, last_at: datetime | None, revisions: int
) -> Described:
    """Return what a page knows of a product already, without a statement: no data sets, no tables, no files."""
    return _described(product, offer=offer, first_at=first_at, last_at=last_at, revisions=revisions, major=1)


def site_of() -> Site:
    """Return this exchange as the documents name it."""
    base = settings.PUBLIC_URL
    return Site(
        name=brand.current().name,
        url=f"{base}/",
        catalogue_url=f"{base}{reverse('catalogue')}",
        data_url=f"{base}/data/",
        profile_url=f"{base}{reverse('odrl-profile')}",
    )


def product_url(*, product_id: str) -> str:
    """Return the lasting address of a product's page."""
    return f"{settings.PUBLIC_URL}{reverse('product', args=[product_id])}"


def revision_url(*, product_id: str, revision_id: str) -> str:
    """Return the lasting address of a published revision."""
    return f"{settings.PUBLIC_URL}{reverse('product-revision', args=[product_id, revision_id])}"


def cited_revision(*, product: Product, publication: PublishedRevision, digest: str) -> Cited:
    """Return a published revision of a product whose owner is at hand, as it is cited."""
    spdx, licence_url = licence_of(product.licence)
    return Cited(
        title=product.name,
        publisher=product.owner.name,
        site=brand.current().name,
        published_at=publication.published_at,
        revision_id=publication.revision_id,
        digest=digest,
        url=revision_url(product_id=product.pk, revision_id=publication.revision_id),
        summary=product.short_description,
        spdx=spdx,
        licence_url=licence_url or f"{product_url(product_id=product.pk)}#licence",
    )


class _Gathered:
    """The rows that belong to some products, each kind asked for once."""

    def __init__(self, products: Sequence[Product], *, at: datetime, most_files: int, is_whole: bool) -> None:
        self._entries: dict[str, list[PublishedDataSet]] = defaultdict(list)
        ids = [product.pk for product in products]
        found = PublishedDataSet.objects.filter(product__in=ids).select_related("data_set").order_by("added_at", "pk")
        for entry in found:
            self._entries[str(entry.product_id)].append(entry)
        entries = [entry for each in self._entries.values() for entry in each]
        published = PublishedRevision.objects.filter(published_data_set__in=entries, revision__revoked_at=None)
        self._counts = {
            row["published_data_set"]: row
            for row in published.values("published_data_set").annotate(
                n=Count("pk"), first=Min("revision__finalized_at"), last=Max("published_at")
            )
        }
        newest = published.order_by("published_data_set", "-published_at", "-pk").distinct("published_data_set")
        self._newest = {row.published_data_set_id: row for row in newest.select_related("revision")}
        revision_ids = {row.revision_id for row in self._newest.values()}
        self._assets, self._totals = _assets_of(revision_ids, each=most_files)
        self._offers = _offers_of(ids)
        self._contracts = _contracts_of([entry.data_set_id for entry in entries], at=at)
        self._digests = manifest_digests(revision_ids=revision_ids) if is_whole else {}
        self._profiled = _profiled_of(revision_ids) if is_whole else {}
        self._is_whole = is_whole

    def describe(self, product: Product) -> Described:
        """Return one of the products, described."""
        entries = self._entries.get(product.pk, [])
        counts = [self._counts[entry.pk] for entry in entries if entry.pk in self._counts]
        contracts = [self._contracts[e.data_set_id] for e in entries if e.data_set_id in self._contracts]
        files = {entry.pk: self._files(product, entry) for entry in entries}
        return _described(
            product,
            offer=self._offers.get(product.pk),
            first_at=min((row["first"] for row in counts if row["first"]), default=None),
            last_at=max((row["last"] for row in counts), default=None),
            revisions=sum(row["n"] for row in counts),
            major=max((contract.major for contract in contracts), default=1),
            data_sets=[self._set(product, entry) for entry in entries],
            tables=self._tables(product, entries, files) if self._is_whole else [],
            files=[file for each in files.values() for file in each],
            files_left_out=sum(
                self._totals.get(row.revision_id, 0) - len(self._assets.get(row.revision_id, []))
                for entry in entries
                if (row := self._newest.get(entry.pk))
            ),
        )

    def _set(self, product: Product, entry: PublishedDataSet) -> PublishedSet:
        newest, contract = self._newest.get(entry.pk), self._contracts.get(entry.data_set_id)
        revision = None
        if newest is not None:
            revision = RevisionOf(
                id=newest.revision_id,
                comment=newest.revision.comment,
                published_at=newest.published_at,
                url=revision_url(product_id=product.pk, revision_id=newest.revision_id),
                digest=self._digests.get(newest.revision_id, ""),
                number=self._counts[entry.pk]["n"],
                file_count=self._totals.get(newest.revision_id, 0),
            )
        return PublishedSet(
            id=entry.pk,
            name=entry.data_set.name,
            description=entry.data_set.description,
            holds_files=entry.data_set.holds_files,
            revision=revision,
            contract_version=contract.version if contract else "",
            contract=public_part(contract.document) if contract else {},
        )

    def _files(self, product: Product, entry: PublishedDataSet) -> list[File]:
        newest = self._newest.get(entry.pk)
        if newest is None:
            return []
        page_url = revision_url(product_id=product.pk, revision_id=newest.revision_id)
        return [
            _file(asset, data_set_id=entry.pk, page_url=page_url, published_at=newest.published_at)
            for asset in self._assets.get(newest.revision_id, [])
        ]

    def _tables(self, product: Product, entries: list[PublishedDataSet], files: dict[str, list[File]]) -> list[Table]:
        """Return what was measured, else what the contract says, else what the dictionary says of the only table."""
        meanings = {str(row.get("column", "")): row for row in product.dictionary}
        tables: list[Table] = []
        for entry in entries:
            newest, contract = self._newest.get(entry.pk), self._contracts.get(entry.data_set_id)
            measured = self._profiled.get(newest.revision_id, []) if newest else []
            if measured:
                tables += [_measured(table, entry.pk, files[entry.pk], meanings) for table in measured]
            elif contract is not None:
                tables += tables_of_contract(
                    public_part(contract.document), data_set_id=entry.pk, files=files[entry.pk]
                )
        columns = dictionary_of(product)
        if not tables and columns:
            rows = [file for each in files.values() for file in each if file.is_table]
            name = entries[0].data_set.name if len(entries) == 1 else product.name
            only = rows if len(rows) == 1 else []
            where = next((entry.pk for entry in entries if files[entry.pk]), entries[0].pk if entries else "")
            tables.append(Table(name, where, columns, only, key=[column.name for column in columns if column.is_key]))
        return tables


def dictionary_of(product: Product) -> list[Column]:
    """Return the columns of a product's data dictionary; one that is named twice counts once."""
    found: dict[str, Column] = {}
    for row in product.dictionary:
        name = str(row.get("column", ""))
        if name:
            kind, meaning = type_of(str(row.get("type", ""))), str(row.get("meaning", ""))
            found.setdefault(name, Column(name, kind, meaning, is_key=bool(row.get("key"))))
    return list(found.values())


def _measured(table: ProfiledTable, data_set_id: str, files: list[File], meanings: dict[str, dict[str, Any]]) -> Table:
    rows = {str(each.get("asset_id", "")) for each in table.files}
    columns = []
    for column in table.columns:
        name = str(column.get("name", ""))
        told = meanings.get(f"{table.name}.{name}") or meanings.get(name) or {}
        columns.append(
            Column(
                name=name,
                type=type_of(str(column.get("type", ""))),
                meaning=str(told.get("meaning", "")),
                is_key=bool(told.get("key")),
                nulls=column.get("nulls"),
                distinct=column.get("distinct"),
                least=column.get("least"),
                greatest=column.get("greatest"),
            )
        )
    key = [column.name for column in columns if column.is_key]
    if not key and table.keys and not table.is_partial:
        key = [str(name) for name in min(table.keys, key=len)]
    held = [file for file in files if file.id in rows]
    return Table(table.name, data_set_id, columns, held, table.row_count, key, table.is_partial)


def _file(asset: Asset, *, data_set_id: str, page_url: str, published_at: datetime) -> File:
    kind, packing = format_of_name(asset.name)
    there = {"data_set_id": data_set_id, "revision_id": asset.revision_id, "asset_id": asset.pk}
    return File(
        id=asset.pk,
        name=asset.name,
        size_bytes=asset.size_bytes,
        sha256=asset.sha256,
        media_type=kind.media_type,
        packing=packing,
        eu_format=kind.eu,
        is_table=kind.is_table,
        url=f"{settings.PUBLIC_URL}{reverse('data-download', kwargs=there)}?redirect=1",
        page_url=page_url,
        published_at=published_at,
    )


def _assets_of(revision_ids: Iterable[str], *, each: int) -> tuple[dict[str, list[Asset]], dict[str, int]]:
    """Return by revision its first files by name, and how many it has."""
    ranked = (
        Asset.objects.filter(revision__in=list(revision_ids))
        .exclude(vault_key="")
        .annotate(
            place=Window(RowNumber(), partition_by="revision", order_by="name"),
            total=Window(Count("pk"), partition_by="revision"),
        )
        .filter(place__lte=each)
        .order_by("revision_id", "name")
    )
    found: dict[str, list[Asset]] = defaultdict(list)
    totals: dict[str, int] = {}
    for asset in ranked:
        found[asset.revision_id].append(asset)
        totals[asset.revision_id] = asset.total
    return found, totals


def _offers_of(product_ids: list[str]) -> dict[str, OfferVersion]:
    newest = (
        OfferVersion.objects.filter(offer__product__in=product_ids, offer__is_public=True, offer__withdrawn_at=None)
        .select_related("offer")
        .order_by("offer__product", "-number")
        .distinct("offer__product")
    )
    return {version.offer.product_id: version for version in newest}


def _contracts_of(data_set_ids: list[str], *, at: datetime) -> dict[str, Contract]:
    order = ("data_set", "-effective_at", "-major", "-minor", "-patch")
    found = Contract.objects.filter(data_set__in=data_set_ids, effective_at__lte=at).order_by(*order)
    return {contract.data_set_id: contract for contract in found.distinct("data_set")}


def _profiled_of(revision_ids: Iterable[str]) -> dict[str, list[ProfiledTable]]:
    found: dict[str, list[ProfiledTable]] = defaultdict(list)
    tables = ProfiledTable.objects.filter(profile__in=list(revision_ids), profile__state=ProfileState.DONE)
    for table in tables.order_by("profile", "position", "name").defer("rejected", "findings", "parquet"):
        found[table.profile_id].append(table)
    return found


def _described(
    product: Product,
    *,
    offer: OfferVersion | None,
    first_at: datetime | None,
    last_at: datetime | None,
    revisions: int,
    major: int,
    **parts: Any,
) -> Described:
    owner, site = product.owner, site_of()
    url = product_url(product_id=product.pk)
    spdx, licence_url = licence_of(product.licence)
    chosen = set(product.regions)
    return Described(
        id=product.pk,
        url=url,
        metadata_url=f"{url}/metadata",
        name=product.name,
        summary=product.short_description,
        description=product.description,
        category=product.category,
        licence=product.licence,
        spdx=spdx,
        licence_url=licence_url,
        rights=dict(product.licence_rights),
        publisher=Publisher(
            name=owner.name,
            account_id=owner.account_id,
            url=f"{settings.PUBLIC_URL}{reverse('publisher', args=[owner.account_id])}",
            website=safe_url(owner.website),
        ),
        contact=product.support_contact,
        site=site,
        coverage=product.coverage,
        regions=[region.label for region in Region if region in chosen],
        frequency=product.frequency,
        frequency_words=product.update_frequency,
        duration=DURATIONS.get(product.frequency, ""),
        personal_data=product.personal_data,
        source_url=safe_url(product.source_url),
        requires_approval=product.requires_approval,
        is_public=product.state == ProductState.PUBLISHED and product.visibility == Visibility.PUBLIC,
        created_at=product.created_at,
        first_at=first_at,
        last_at=last_at,
        version=f"{major}.{revisions - 1}.0" if revisions else "0.1.0",
        offer=_offer(offer) if offer else None,
        columns=dictionary_of(product),
        **parts,
    )


def _offer(version: OfferVersion) -> OfferOf:
    return OfferOf(
        id=version.pk,
        number=version.number,
        price_minor=version.price_minor,
        currency=version.currency,
        terms=version.terms,
        created_at=version.created_at,
    )
