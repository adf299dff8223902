"""How this installation looks: what an operator has set in the portal, else what the environment says."""

import hashlib
import logging
import re
import time
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from functools import lru_cache

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from marketplace.core.models import SiteSettings

logger = logging.getLogger(__name__)
#: the hue that static/css/tokens.css starts from; only another one needs the extra style sheet
DEFAULT_HUE = 262
#: a change in the portal shows on every page of every process within this time
KEPT_S = 5.0
_HUE = re.compile(r"[0-9]{1,3}")
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Brand:
    """Name and hue of the exchange; logo is the name of a file in the media bucket, empty for that of the environment.

    version: stands in addresses that browsers may keep, another one after each change of the logo.
    """

    name: str
    hue: int
    logo: str = ""
    version: str = ""


_known: Brand | None = None
_read_at = 0.0


def of_environment() -> Brand:
    """Return how the installation looks as long as nobody has set anything in the portal."""
    return Brand(name=settings.SITE_NAME, hue=settings.SITE_HUE)


def known() -> Brand:
    """Return what this process has read last, without asking the database: for pages about its being away."""
    return _known or of_environment()


def current() -> Brand:
    """Return how the installation looks, at most KEPT_S old; what was known while the database is away."""
    global _known, _read_at
    now = time.monotonic()
    if _known is None or now - _read_at > KEPT_S:
        _read_at = now
        try:
            row = SiteSettings.objects.filter(pk=1).first()
        except (DatabaseError, InterfaceError):
            logger.warning("site settings could not be read")
            return known()
        _known = _brand_of(row)
    return _known


def forget() -> None:
    """Read anew next time: the settings have just been changed by this process."""
    global _known
    _known = None


def _brand_of(row: SiteSettings | None) -> Brand:
    plain = of_environment()
    if row is None:
        return plain
    logo = str(row.logo or "")
    return Brand(
        name=row.name or plain.name,
        hue=plain.hue if row.hue is None else row.hue,
        logo=logo,
        version=hashlib.sha256(logo.encode()).hexdigest()[:12] if logo else "",
    )


def sender() -> str:
    """Return the From of our mails: the address of the environment under the name of this exchange."""
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return formataddr((current().name, address))


@require_safe
def brand_css(request: HttpRequest) -> HttpResponse:
    """Answer the one rule that re-brands every colour of the site.

    An address that carries the hue may be kept for ever: whatever a process believes, the answer is the right one.
    """
    hue = request.GET.get("hue", "")
    if hue and (not _HUE.fullmatch(hue) or int(hue) > 360):
        raise Http404
    content = f":root{{--h:{int(hue) if hue else current().hue}}}"
    response = HttpResponse(content, content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = _FOREVER if hue else "no-cache"
    return response


@lru_cache(maxsize=2)
def _logo(name: str) -> bytes:
    with default_storage.open(name, "rb") as file:
        content: bytes = file.read()
    return content


@require_safe
def brand_logo(request: HttpRequest) -> HttpResponse:
    """Answer the logo that an operator has set, re-encoded when it was set; its address carries its version."""
    brand = current()
    if not brand.logo:
        raise Http404
    try:
        content = _logo(brand.logo)
    except Exception:  # noqa: BLE001 - whatever the store's client raises: a page without its logo is still a page
        logger.warning("the logo could not be read")
        return HttpResponse(status=503, headers={"Cache-Control": "no-store", "Retry-After": "10"})
    response = HttpResponse(content, content_type="image/png")
    response.headers["Cache-Control"] = _FOREVER if request.GET.get("v") == brand.version else "no-cache"
    return response
