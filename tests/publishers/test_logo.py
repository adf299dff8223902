"""Logos: what a browser will be shown is what we have drawn anew, whatever was sent."""

import io
import random
import struct
import zlib

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image, PngImagePlugin

from marketplace.core.errors import Invalid
from publishers.models import Product
from publishers.operations import products
from tests.conftest import actor_of

pytestmark = pytest.mark.django_db


def picture(kind: str, size=(600, 300), **options) -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(out, kind, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is huge and holds next to nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def set_logo(product, member, content):
    return products.set_logo(product=product, content=content, actor=actor_of(member), at=timezone.now())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_image_is_kept_as_a_small_png_of_ours(product, publisher, kind):
    done = set_logo(product, publisher, picture(kind))
    done.refresh_from_db()
    assert (done.logo_width, done.logo_height) == (256, 128)
    with default_storage.open(done.logo.name) as file:
        kept = file.read()
    with Image.open(io.BytesIO(kept)) as image:
        assert (image.format, image.size) == ("PNG", (256, 128))


def test_nothing_hidden_in_an_image_survives(product, publisher):
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", "<script>alert(1)</script>")
    sent = picture("PNG", pnginfo=words) + b"<script>alert(2)</script>"
    done = set_logo(product, publisher, sent)
    with default_storage.open(done.logo.name) as file:
        assert b"script" not in file.read()


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    "content",
    [
        SVG,
        b"",
        b"GIF89a",
        b"%PDF-1.7",
        b"<html>",
        picture("GIF"),
        picture("BMP"),
        picture("TIFF"),
        picture("PNG")[:200],
    ],
    ids=["svg", "empty", "gif-head", "pdf", "html", "gif", "bmp", "tiff", "cut-png"],
)
def test_anything_but_a_whole_png_jpeg_or_webp_is_refused(product, publisher, content):
    with pytest.raises(Invalid, match="not a PNG, JPEG or WebP image") as caught:
        set_logo(product, publisher, content)
    assert caught.value.field == "logo"
    assert not Product.objects.get(pk=product.pk).logo


@pytest.mark.parametrize(("width", "height"), [(2001, 2000), (60_000, 60_000), (2**31 - 1, 1), (9_000, 9_000)])
def test_an_image_that_says_it_is_huge_is_refused_before_it_is_drawn(product, publisher, width, height):
    with pytest.raises(Invalid) as caught:
        set_logo(product, publisher, png_header(width, height))
    assert caught.value.field == "logo"


def test_more_than_two_megabytes_are_refused(product, publisher):
    with pytest.raises(Invalid, match="at most 2 MB"):
        set_logo(product, publisher, picture("PNG") + b"\0" * (2 * 1024 * 1024))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_damaged_image_is_refused_or_drawn_and_never_an_error_of_ours(kind):
    seed = 20261124
    print(f"seed {seed}")
    dice = random.Random(seed)
    whole = picture(kind, (64, 64))
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            products.read_logo(bytes(damaged[: dice.randint(len(whole) // 2, len(whole))]))
        except Invalid:
            refused += 1
    assert refused > 20
