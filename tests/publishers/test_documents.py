"""Files on a product's page: what is taken, what is refused with a sentence, and what is made of the data itself."""

import io
import struct
import zlib

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image, PngImagePlugin

from marketplace.core.errors import Invalid, LimitExceeded
from marketplace.core.models import AuditRecord
from publishers.models import Product, ProductDocument
from publishers.operations import data_sets, documents, products, revisions
from publishers.operations.documents import DocumentExists, LastSample, NoTableToSample
from tests.conftest import actor_of, make_listable, put_asset
from tests.publishers.test_logo import picture, png_header

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(publisher) -> Product:
    """A product with nothing in it."""
    return products.create_product(
        owner=publisher.organization,
        name="Tides",
        category="Weather",
        terms="t",
        actor=actor_of(publisher),
        at=timezone.now(),
    )


def add(product, member, content, name="a.csv", kind="SAMPLE", **more):
    return documents.add_document(
        product=product,
        kind=kind,
        name=name,
        stream=io.BytesIO(content),
        actor=actor_of(member),
        at=timezone.now(),
        **more,
    )


def stored(document) -> bytes:
    with default_storage.open(document.file.name) as file:
        return file.read()


def test_a_sample_is_kept_as_it_is_and_read_as_a_table(draft, publisher):
    content = b"port,calls\n=HYPERLINK(1),1\n"
    made = add(draft, publisher, content, "../calls.csv")
    assert (made.name, made.content_type, made.size_bytes) == ("calls.csv", "text/csv", len(content))
    assert stored(made) == content
    assert made.preview["rows"] == [["=HYPERLINK(1)", "1"]]
    assert "calls" not in made.file.name
    other = add(draft, publisher, b"PAR1" + b"\x00" * 50, "calls.parquet")
    assert (other.preview, other.content_type) == ({}, "application/vnd.apache.parquet")
    assert AuditRecord.objects.filter(action="product.document_added").count() == 2


def test_a_name_stands_once_and_may_be_replaced(draft, publisher):
    first = add(draft, publisher, b"a\n1\n")
    with pytest.raises(DocumentExists, match="already has a file “a.csv”"):
        add(draft, publisher, b"a\n2\n")
    assert stored(first) == b"a\n1\n"
    second = add(draft, publisher, b"a\n2\n", replaces=True)
    assert (stored(second), second.position) == (b"a\n2\n", first.position)
    assert list(draft.documents.all()) == [second]


@pytest.mark.parametrize(
    ("kind", "content", "name", "sentence"),
    [
        ("SAMPLE", b"", "a.csv", "This file is empty."),
        ("SAMPLE", b"x", "\u202e", "needs a name"),
        ("SAMPLE", b"x" * (25 * 1024 * 1024 + 1), "a.bin", "at most 25 MB"),
        ("DICTIONARY", b"x" * (10 * 1024 * 1024 + 1), "a.pdf", "at most 10 MB"),
        ("IMAGE", b"x" * (2 * 1024 * 1024 + 1), "a.png", "at most 2 MB"),
        (
            "IMAGE",
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
            "a.png",
            "SVG is refused",
        ),
        ("IMAGE", b"anything", "a.SVG", "SVG is refused"),
        ("IMAGE", b"GIF89a/*", "a.gif", "not a PNG, JPEG or WebP image"),
        ("IMAGE", png_header(2001, 2000), "a.png", "at most 4 megapixels"),
        ("IMAGE", png_header(2**31 - 1, 1), "a.png", "4 megapixels|not a PNG"),
        ("LOGO", b"x", "a.png", "Choose one of"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_a_sentence(draft, publisher, kind, content, name, sentence):
    with pytest.raises(Invalid, match=sentence):
        add(draft, publisher, content, name, kind, caption="A chart")
    assert not ProductDocument.objects.exists()


def test_an_image_is_drawn_anew_and_needs_its_words(draft, publisher):
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", "<script>alert(1)</script>")
    polyglot = picture("PNG", pnginfo=words) + b"<script>alert(2)</script>"
    made = add(draft, publisher, polyglot, "chart.png", "IMAGE", caption="Calls  by\nport")
    assert (made.name, made.content_type, made.caption) == ("chart.webp", "image/webp", "Calls by port")
    assert (made.width, made.height) == (600, 300)
    kept = stored(made)
    assert b"script" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        assert (image.format, image.size) == ("WEBP", (600, 300))
    with pytest.raises(Invalid) as caught:
        add(draft, publisher, picture("PNG"), "two.png", "IMAGE")
    assert caught.value.field == "caption"


def test_a_picture_that_unpacks_to_more_than_it_says_is_refused(draft, publisher):
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    bomb = chunk(b"iCCP", b"x\x00\x00" + zlib.compress(b"\x00" * 50_000_000))
    content = png_header(10, 10)[:33] + bomb + png_header(10, 10)[33:]
    try:
        made = add(draft, publisher, content, "bomb.png", "IMAGE", caption="x")
    except Invalid as error:
        assert error.field == "file"
    else:
        assert made.size_bytes < 10_000


def test_a_product_holds_so_many_files_of_a_kind(draft, publisher):
    for number in range(10):
        add(draft, publisher, b"a\n1\n", f"{number}.csv")
    with pytest.raises(LimitExceeded, match="at most 10 samples"):
        add(draft, publisher, b"a\n1\n", "11.csv")
    add(draft, publisher, b"a\n1\n", "9.csv", replaces=True)
    assert draft.documents.count() == 10
    add(draft, publisher, b"# Codebook", "codebook.md", "DICTIONARY")


def test_images_change_places(draft, publisher):
    for name in "abc":
        add(draft, publisher, picture("PNG", (20, 10)), f"{name}.png", "IMAGE", caption=name)

    def order() -> str:
        return "".join(d.caption for d in draft.documents.order_by("position"))

    last = draft.documents.get(caption="c")
    documents.change_document(document=last, position=1, actor=actor_of(publisher), at=timezone.now())
    assert order() == "cab"
    documents.change_document(document=last, position=2, actor=actor_of(publisher), at=timezone.now())
    assert order() == "acb"
    documents.change_document(document=last, position=99, caption="d", actor=actor_of(publisher), at=timezone.now())
    assert order() == "abd"
    with pytest.raises(Invalid):
        documents.change_document(document=last, caption=" ", actor=actor_of(publisher), at=timezone.now())


def test_removing_takes_the_bytes_too_and_the_last_sample_stays(product, publisher, django_capture_on_commit_callbacks):
    (sample,) = product.documents.all()
    with pytest.raises(LastSample):
        documents.remove_document(document=sample, actor=actor_of(publisher))
    assert stored(sample)
    other = add(product, publisher, b"a\n1\n", "other.csv")
    with django_capture_on_commit_callbacks(execute=True):
        documents.remove_document(document=sample, actor=actor_of(publisher))
        documents.remove_document(document=sample, actor=actor_of(publisher))
    assert list(product.documents.all()) == [other]
    assert not default_storage.exists(sample.file.name)
    assert AuditRecord.objects.filter(action="product.document_removed").count() == 1


# --- of the data itself -----------------------------------------------------------------------------------------------
def test_a_sample_is_made_of_the_newest_revision(draft, publisher, data_set, make_revision):
    by = {"actor": actor_of(publisher), "at": timezone.now()}
    with pytest.raises(NoTableToSample):
        documents.make_sample(product=draft, **by)
    products.add_data_set(product=draft, data_set=data_set, **by)
    make_revision({"old.csv": b"old\n1\n"})
    with pytest.raises(NoTableToSample):
        documents.make_sample(product=make_other(publisher), **by)
    rows = b"id,delay\n" + b"".join(b"%d,%d\n" % (n, n % 7) for n in range(400_000))
    make_revision({"2026/calls.csv": rows, "readme.txt.zip": b"PK"})
    make_revision({"draft.csv": b"d\n1\n"}, finalize=False)
    made = documents.make_sample(product=draft, **by)
    assert (made.name, made.preview["row_count"], made.preview["is_whole"]) == ("calls-sample.csv", 500, True)
    assert stored(made).startswith(b"id,delay\n0,0\n1,1\n")
    assert stored(made).endswith(b"499,2\n")
    assert documents.fill_dictionary(product=draft, **by) == [
        {"column": "id", "type": "integer", "meaning": ""},
        {"column": "delay", "type": "integer", "meaning": ""},
    ]
    assert documents.fill_dictionary(product=draft, **by) == []
    draft.refresh_from_db()
    assert [row["column"] for row in draft.dictionary] == ["id", "delay"]


def make_other(member) -> Product:
    """A product whose data set has no table."""
    by = {"actor": actor_of(member), "at": timezone.now()}
    made = products.create_product(owner=member.organization, name="O", category="Weather", terms="t", **by)
    held = data_sets.create_data_set(owner=member.organization, name="Pictures", description="x", **by)
    revision = revisions.create_revision(data_set=held, comment="", **by)
    put_asset(revision, "a.csv", b"\x00\x01\x02", member)
    put_asset(revision, "b.bin", b"x", member)
    revisions.finalize_revision(revision=revision, **by)
    products.add_data_set(product=made, data_set=held, **by)
    return made


def test_filling_keeps_what_is_written(draft, publisher):
    by = {"actor": actor_of(publisher), "at": timezone.now()}
    written = [{"column": "delay", "type": "minutes", "meaning": "Late by"}]
    products.update_product(product=draft, dictionary=written, **by)
    make_listable(draft, publisher)
    documents.fill_dictionary(product=draft, **by)
    draft.refresh_from_db()
    assert draft.dictionary == [*written, {"column": "id", "type": "integer", "meaning": ""}]


def test_a_dictionary_is_read_from_a_csv_file():
    content = b"Column;Type;Meaning;Unit\nid;integer;The  number;\n;;nobody\nname;;=SUM(1);\n"
    assert documents.read_dictionary(content) == [
        {"column": "id", "type": "integer", "meaning": "The number"},
        {"column": "name", "type": "", "meaning": "=SUM(1)"},
    ]
    assert documents.read_dictionary("column,meaning\nä,b\n".encode("utf-16"))[0]["column"] == "ä"


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"column\n", b"\x00", b"column\n\xff\n", b"column\n" + b"x" * 2**20]
)
def test_a_file_that_is_no_dictionary_is_refused(content):
    with pytest.raises(Invalid) as caught:
        documents.read_dictionary(content)
    assert caught.value.field == "file"
