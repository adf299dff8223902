"""Tags and filters of every page: icons, brand, numbers and times in words, charts as server-rendered SVG."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django import template
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models.fields.files import FieldFile
from django.forms import BaseForm, BoundField
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from marketplace.core import brand, drawing, markdown, media

register = template.Library()

#: a warehouse seen from its open doors, goods on the threshold; the same drawing as static/img/logo.svg
_MARK = SafeString(
    '<svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><path class="wall" d="M10.8 2.1a2.4 2.4 0 0 1 2.4 0l7.6 4.4'
    'A2.4 2.4 0 0 1 22 8.6V20a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V8.6a2.4 2.4 0 0 1 1.2-2.1Z"/>'
    '<path class="doors" d="m5.4 10.4 4.2 1.7v7.7L5.4 22ZM18.6 10.4l-4.2 1.7v7.7l4.2 2.2Z"/>'
    '<path class="goods" d="M10.6 15.2h2.8v3.3h-2.8z"/></svg>'
)


@register.simple_tag
def icon(name: str, cls: str = "") -> SafeString:
    """Draw an icon of the sprite (frontend/icons.txt names them); it is decoration, so say the meaning in words."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>', cls, static("img/icons.svg"), name
    )


@register.simple_tag
def site_name() -> str:
    """Return the name of this exchange; works where no context processor ran (error pages)."""
    return brand.known().name


@register.simple_tag
def brand_mark() -> SafeString:
    """Draw our mark inline, so that it follows the theme, or show the logo that the host set."""
    if not brand.known().logo and settings.SITE_LOGO == "img/logo.svg":
        return _MARK
    return format_html('<img class="mark" src="{}" alt="" width="24" height="24">', logo_url())


@register.simple_tag(takes_context=True)
def brand_stylesheet(context: dict[str, Any]) -> SafeString:
    """Link the hue of this installation, when it is another than the style sheets' own; site_hue previews another."""
    hue = context.get("site_hue", brand.known().hue)
    if hue == brand.DEFAULT_HUE:
        return SafeString("")
    return format_html('<link rel="stylesheet" href="{}?hue={}">', reverse("brand-css"), hue)


@register.simple_tag
def logo_url() -> str:
    """Return the address of the logo, for the browser's tab."""
    shown = brand.known()
    return f"{reverse('brand-logo')}?v={shown.version}" if shown.logo else static(settings.SITE_LOGO)


@register.filter
def picture_url(picture: FieldFile) -> str:
    """Return the address of a logo at the store as browsers see it; it was encoded by us, as PNG."""
    return media.image_url(str(picture.name), content_type="image/png")


@register.filter(name="bytes")
def bytes_(value: float | None) -> str:
    """Say a size in decimal units with three figures: 812 B, 1.4 GB, 43 MB."""
    if value is None:
        return ""
    size = float(value)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5:
            return f"{size:.1f} {unit}".replace(".0 ", " ") if size < 99.95 and unit != "B" else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} PB"


@register.filter
def compact(value: float | None) -> str:
    """Say a count shortly: 812, 4,081, 31.4 M, 18 B."""
    if value is None:
        return ""
    number = float(value)
    if abs(number) < 10_000:
        return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"
    for unit in ("k", "M", "B", "T"):
        number /= 1000
        if abs(number) < 999.5 or unit == "T":
            break
    return (f"{number:.1f} {unit}" if abs(number) < 99.95 else f"{number:,.0f} {unit}").replace(".0 ", " ")


_STEPS = ((31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "min"))


def relative(at: datetime, now: datetime) -> str:
    """Say the distance of two instants: just now, 5 min ago, in 3 d. static/js/ui.js says the same."""
    seconds = int((now - at).total_seconds())
    if abs(seconds) < 45:
        return "just now"
    amount, unit = next(
        ((max(1, abs(seconds) // length), unit) for length, unit in _STEPS if abs(seconds) >= length), (1, "min")
    )
    return f"{amount} {unit} ago" if seconds > 0 else f"in {amount} {unit}"


@register.filter
def ago(at: datetime | None) -> SafeString:
    """Show an instant as relative time, with the absolute UTC on hover."""
    if at is None:
        return SafeString("")
    utc = at.astimezone(UTC)
    return format_html(
        '<relative-time><time datetime="{}" title="{}">{}</time></relative-time>',
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"),
        f"{utc.day} {utc:%b %Y, %H:%M:%S} UTC",
        relative(at, timezone.now()),
    )


@register.filter
def utc(at: datetime | None) -> str:
    """Show an instant absolutely: 23 Nov 2026, 13:05 UTC."""
    if at is None:
        return ""
    moment = at.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


@register.filter
def duration(value: timedelta | float | None) -> str:
    """Say a span given as timedelta or seconds with its two largest units: 850 ms, 4 min 12 s, 3 h 5 min."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    whole = round(seconds)
    first = next(index for index, (length, _) in enumerate(units) if whole >= length)
    length, unit = units[first]
    words = f"{whole // length} {unit}"
    if first + 1 < len(units):
        small, small_unit = units[first + 1]
        if rest := whole % length // small:
            words += f" {rest} {small_unit}"
    return words


@register.filter
def percent(value: float | None, whole: float = 100) -> str:
    """Say a part of a whole: {{ sent|percent:size }} gives 63 %, and 100 % only when nothing is missing."""
    if value is None or not whole:
        return ""
    return f"{int(100 * value / whole)} %"


@register.filter
def initials(name: object) -> str:
    """Return at most two letters that stand for a name."""
    words = [word for word in str(name).replace("@", " ").replace("-", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Tell a single tick box, whose label stands beside it."""
    return field.widget_type == "checkbox"


@register.simple_tag
def ui_field_errors(form: BaseForm) -> list[BoundField]:
    """Return the visible fields of a form that need attention."""
    return [field for field in form.visible_fields() if field.errors]


@register.filter(name="markdown")
def markdown_(text: str) -> SafeString:
    """Show Markdown that a stranger wrote as safe HTML; put it in an element of class prose."""
    return markdown.render_markdown(text)


@register.simple_tag
def highlight(code: str, language: str) -> SafeString:
    """Show code with token classes, for <c-code-block>."""
    return markdown.highlight_code(code, language)


@register.simple_tag
def glyph(slug: str, category: str, cls: str = "") -> SafeString:
    """Draw a product's mark from its slug and category."""
    return drawing.glyph(slug, category, cls)


@register.simple_tag
def quality(score: int) -> SafeString:
    """Draw a quality score, 0 to 100, as a ring with its number."""
    return drawing.quality(score)


@register.simple_tag
def hist(values: list[float], label: str = "") -> SafeString:
    """Draw the distribution of a column; `label` says it in words."""
    return drawing.histogram(values, label)


@register.simple_tag
def area(values: list[float], labels: list[str], unit: str = "", title: str = "", cls: str = "") -> SafeString:
    """Draw a line over time with its value under the pointer."""
    return drawing.area(values, labels, unit, title, cls)


@register.simple_tag
def hbars(pairs: list[tuple[str, float]], unit: str = "") -> SafeString:
    """Draw one bar for each (name, value)."""
    return drawing.bars(pairs, unit)


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """Return the query string of this page with some values changed; None or "" takes a value out."""
    values = context["request"].GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            values.pop(name, None)
        else:
            values[name] = str(value)
    return f"?{values.urlencode()}" if values else "?"


@register.filter
def as_json(value: Any) -> str:
    """Return a value as JSON text, for an attribute that a script reads; autoescaping makes it fit there."""
    return json.dumps(value, cls=DjangoJSONEncoder)


@register.filter
def exact(value: int) -> str:
    """Say a whole number in full: 10,000."""
    return f"{value:,}"
