"""Files on a product's page: samples, dictionaries as documents, images. Their bytes lie in the media bucket."""

import csv
import hashlib
import io
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max
from PIL import Image

from marketplace.core import audit, storage
from marketplace.core.actors import Actor
from marketplace.core.errors import Conflict, Invalid, LimitExceeded
from marketplace.core.ids import new_id
from publishers.models import Asset, DataSet, DocumentKind, Product, ProductDocument, ProductState, Visibility
from publishers.operations import products, samples
from publishers.operations.names import clean_name, content_type_of, extension_of
from publishers.operations.texts import check_text

MIB = 1024 * 1024
#: kind -> (bytes of one, how many a product has, what they are called)
LIMITS: dict[str, tuple[int, int, str]] = {
    DocumentKind.SAMPLE: (25 * MIB, 10, "sample"),
    DocumentKind.DICTIONARY: (10 * MIB, 5, "document"),
    DocumentKind.IMAGE: (2 * MIB, 8, "image"),
}
IMAGE_PIXELS = 4_000_000
IMAGE_SIDE = 1600
#: how much of a file is read to make a sample of it
HEAD_BYTES = 2 * MIB
#: files of the newest revision among which one that is a table is looked for
FILES_LOOKED_AT = 1000
DICTIONARY_ROWS = 2000


class DocumentExists(Conflict):
    message = "The product already has a file of this name."


class LastSample(Conflict):
    message = "A product in the catalogue keeps a sample. Add another one first."


class NoTableToSample(Conflict):
    message = (
        "No sample can be made: the newest revision has no CSV, TSV, JSON or NDJSON file with rows. Upload a sample."
    )


class StoreIsAway(Conflict):
    message = "The object store does not answer. Try again in a moment."


@dataclass(frozen=True)
class Prepared:
    """A file that was checked and stored, and is not on a product's page yet."""

    kind: str
    name: str
    path: str
    content_type: str
    size_bytes: int
    sha256: str
    preview: dict[str, Any] = field(default_factory=dict)
    width: int | None = None
    height: int | None = None


def add_document(
    *,
    product: Product,
    kind: str,
    name: str,
    stream: IO[bytes],
    caption: str = "",
    replaces: bool = False,
    actor: Actor,
    at: datetime,
) -> ProductDocument:
    """Put a file on a product's page; nothing is kept of one that is refused.

    kind: of DocumentKind. replaces: take the place of a file of the same kind and name, if there is one. A sample
    that is a table gets its preview; an image is written anew and needs a caption. Raises Invalid (field file or caption),
    DocumentExists, LimitExceeded.
    """
    if kind not in LIMITS:
        raise Invalid(f"Choose one of {', '.join(LIMITS)}.", field="kind")
    caption = check_text(" ".join(caption.split()), field="caption", longest=200, needed=kind == DocumentKind.IMAGE)
    name = clean_name(name)
    most, _, _ = LIMITS[kind]
    content = stream.read(most + 1)
    if len(content) > most:
        raise Invalid(f"This file is too large: at most {most // MIB} MB.", field="file")
    if not content:
        raise Invalid("This file is empty.", field="file")
    prepared = _prepare(kind, name, content)
    return attach(product=product, prepared=prepared, caption=caption, replaces=replaces, actor=actor, at=at)


def _prepare(kind: str, name: str, content: bytes) -> Prepared:
    """Store the bytes under a key of their own and return what is to be known of them."""
    width = height = None
    content_type = content_type_of(content, name)
    if kind == DocumentKind.IMAGE:
        content, width, height = _image(content, name)
        content_type, name = "image/webp", f"{name.rpartition('.')[0] or name}.webp"
    preview = samples.parse(content, name) if kind == DocumentKind.SAMPLE else {}
    path = default_storage.save(f"products/{new_id()}", ContentFile(content))
    return Prepared(
        kind=kind,
        name=name,
        path=path,
        content_type=content_type,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        preview=preview,
        width=width,
        height=height,
    )


def _image(content: bytes, name: str) -> tuple[bytes, int, int]:
    """Return an image as we have drawn it anew, as WebP within IMAGE_SIDE, with its width and height. Raises Invalid."""
    if extension_of(name) == "svg" or b"<svg" in content[:4096].lower():
        raise Invalid("SVG is refused: it can hold programs. Send a PNG, JPEG or WebP image.", field="file")
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > IMAGE_PIXELS:
                raise Invalid("The image may have at most 4 megapixels.", field="file")
            picture = image.convert("RGBA" if image.has_transparency_data else "RGB")
    except Invalid:
        raise
    except Exception:  # noqa: BLE001 - decoders meet damage with whatever comes to them, SyntaxError among it
        raise Invalid("This is not a PNG, JPEG or WebP image.", field="file") from None
    picture.thumbnail((IMAGE_SIDE, IMAGE_SIDE))
    encoded = io.BytesIO()
    picture.save(encoded, "WEBP", quality=86)
    return encoded.getvalue(), picture.width, picture.height


def attach(
    *,
    product: Product,
    prepared: Prepared,
    caption: str = "",
    replaces: bool = False,
    keeps_bytes: bool = False,
    actor: Actor,
    at: datetime,
) -> ProductDocument:
    """Put a prepared file on a product's page, as the last of its kind or in the place of the one of its name.

    keeps_bytes: leave it to the caller to discard the bytes of a file that is refused.
    """
    try:
        with transaction.atomic():
            return _add_row(product, prepared, caption=caption, replaces=replaces, actor=actor, at=at)
    except (Conflict, LimitExceeded):
        if not keeps_bytes:
            discard(prepared)
        raise


def _add_row(
    product: Product, prepared: Prepared, *, caption: str, replaces: bool, actor: Actor, at: datetime
) -> ProductDocument:
    product = Product.objects.select_for_update().get(pk=product.pk)
    there = product.documents.filter(kind=prepared.kind)
    before = there.filter(name=prepared.name).first()
    if before is not None and replaces:
        _delete(before)
    elif before is not None:
        raise DocumentExists("DOCUMENT", prepared.name, f"The product already has a file “{prepared.name}”.")
    _, most, word = LIMITS[prepared.kind]
    if there.count() >= most:
        raise LimitExceeded(
            f"{word.capitalize()}s per product", most, f"A product has at most {most} {word}s. Remove one first."
        )
    made = ProductDocument.objects.create(
        product=product,
        kind=prepared.kind,
        name=prepared.name,
        file=prepared.path,
        content_type=prepared.content_type,
        size_bytes=prepared.size_bytes,
        sha256=prepared.sha256,
        caption=caption,
        width=prepared.width,
        height=prepared.height,
        preview=prepared.preview,
        position=before.position if before else (there.aggregate(last=Max("position"))["last"] or 0) + 1,
        created_at=at,
    )
    detail = {"document_id": made.pk, "kind": made.kind, "name": made.name}
    audit.record("product.document_added", actor=actor, subject=product, detail=detail)
    return made


def discard(prepared: Prepared) -> None:
    """Remove the bytes of a prepared file that no product took."""
    default_storage.delete(prepared.path)


@transaction.atomic
def change_document(
    *, document: ProductDocument, caption: str | None = None, position: int | None = None, actor: Actor, at: datetime
) -> ProductDocument:
    """Write another caption, or move a file to a place among those of its kind (1 is the first). Raises Invalid."""
    Product.objects.select_for_update().get(pk=document.product_id)
    document = ProductDocument.objects.get(pk=document.pk)
    if caption is not None:
        needed = document.kind == DocumentKind.IMAGE
        document.caption = check_text(" ".join(caption.split()), field="caption", longest=200, needed=needed)
        document.save(update_fields=["caption"])
    if position is not None:
        order = list(
            ProductDocument.objects.filter(product=document.product_id, kind=document.kind)
            .exclude(pk=document.pk)
            .order_by("position", "pk")
        )
        order.insert(max(0, position - 1), document)
        for number, row in enumerate(order, start=1):
            row.position = number
        ProductDocument.objects.bulk_update(order, ["position"])
    audit.record(
        "product.document_changed", actor=actor, subject=document.product, detail={"document_id": document.pk}, at=at
    )
    return document


@transaction.atomic
def remove_document(*, document: ProductDocument, actor: Actor) -> None:
    """Take a file off a product's page and remove its bytes. Raises LastSample for a product in the catalogue."""
    product = Product.objects.select_for_update().get(pk=document.product_id)
    row = ProductDocument.objects.filter(pk=document.pk).first()
    if row is None:
        return
    is_listed = product.state == ProductState.PUBLISHED and product.visibility == Visibility.PUBLIC
    if row.kind == DocumentKind.SAMPLE and is_listed and product.documents.filter(kind=row.kind).count() == 1:
        raise LastSample("DOCUMENT", row.pk)
    _delete(row)
    audit.record(
        "product.document_removed",
        actor=actor,
        subject=product,
        detail={"document_id": document.pk, "name": row.name},
    )


def _delete(row: ProductDocument) -> None:
    """Delete a row, and its bytes once that is certain."""
    path = str(row.file.name)
    row.delete()
    transaction.on_commit(lambda: default_storage.delete(path), robust=True)


# --- samples of what the product already holds ----------------------------------------------------------------------
def make_sample(*, product: Product, actor: Actor, at: datetime) -> ProductDocument:
    """Make a sample of the first rows of a file of the product's newest revision.

    Raises NoTableToSample, StoreIsAway, DocumentExists, LimitExceeded.
    """
    data_sets = DataSet.objects.filter(published_data_sets__product=product, owner=product.owner_id)
    prepared = prepare_sample(list(data_sets))
    return attach(product=product, prepared=prepared, actor=actor, at=at)


def prepare_sample(data_sets: list[DataSet]) -> Prepared:
    """Store the first rows of the first table in the newest finalized revision of data sets.

    Raises NoTableToSample, StoreIsAway.
    """
    newest = (
        Asset.objects.filter(
            revision__data_set__in=data_sets, revision__finalized_at__isnull=False, revision__revoked_at=None
        )
        .exclude(vault_key="")
        .order_by("-revision__finalized_at", "revision_id", "name")[:FILES_LOOKED_AT]
    )
    found = list(newest)
    for asset in found:
        if asset.revision_id == found[0].revision_id and samples.is_table_name(asset.name):
            head = _head_of(asset)
            if head is not None:
                return head
    raise NoTableToSample("PRODUCT", "")


def _head_of(asset: Asset) -> Prepared | None:
    try:
        content = storage.vault().read_start(asset.vault_key, HEAD_BYTES)
    except storage.StorageFault:
        raise StoreIsAway("ASSET", asset.pk) from None
    try:
        rows = samples.first_lines(content, asset.name, is_cut=asset.size_bytes > len(content))
    except (samples.NoTable, ValueError):
        return None
    kind = extension_of(asset.name)
    stem = clean_name(asset.name).removesuffix(".gz").rpartition(".")[0] or "first"
    name = clean_name(f"{stem[:100]}-sample.{'ndjson' if kind == 'json' else kind}")
    if not samples.parse(rows, name):
        return None
    return _prepare(DocumentKind.SAMPLE, name, rows)


# --- the dictionary --------------------------------------------------------------------------------------------------
def fill_dictionary(*, product: Product, actor: Actor, at: datetime) -> list[dict[str, str]]:
    """Add the columns of the samples that the dictionary lacks, with the types found; return those that are new."""
    product.refresh_from_db(fields=["dictionary"])
    missing = missing_columns(product=product, dictionary=product.dictionary)
    if missing:
        products.update_product(
            product=product, dictionary=[*product.dictionary, *missing][:DICTIONARY_ROWS], actor=actor, at=at
        )
    return missing


def missing_columns(*, product: Product, dictionary: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return what the samples hold and a dictionary does not tell, each column once."""
    known = {row.get("column") for row in dictionary}
    found = []
    for document in product.documents.filter(kind=DocumentKind.SAMPLE).order_by("position", "pk"):
        for row in samples.columns_of(document.preview):
            if row["column"] not in known:
                known.add(row["column"])
                found.append(row)
    return found


def read_dictionary(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a dictionary in a CSV file with the columns column, type and meaning. Raises Invalid."""
    if len(content) > MIB:
        raise Invalid("This file is too large: at most 1 MB.", field="file")
    preview = samples.parse(content, "dictionary.csv")
    try:
        text = content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        names = {(name or "").strip().lower(): name for name in reader.fieldnames or []}
        if not preview or "column" not in names:
            raise Invalid("Give a CSV file whose first line is column,type,meaning.", field="file")
        rows = []
        for row in reader:
            cells = {key: (row.get(names[key]) or "") if key in names else "" for key in ("column", "type", "meaning")}
            cells = {key: " ".join(str(value).replace("\x00", "").split())[:500] for key, value in cells.items()}
            if cells["column"]:
                rows.append(cells)
    except (csv.Error, UnicodeDecodeError):
        raise Invalid("This is not a CSV file in UTF-8.", field="file") from None
    if not rows:
        raise Invalid("This file names no column.", field="file")
    if len(rows) > DICTIONARY_ROWS:
        raise Invalid("A dictionary has at most 2,000 columns.", field="file")
    return rows


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max((",", ";", "\t"), key=first.count)
