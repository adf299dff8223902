"""Server-rendered SVG: product marks and charts; shapes only, so that text never scales and no script is needed."""

import hashlib
import json
import math
from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

#: category -> hue; static/css/components.css has a .hue-N class for each
_HUES = {
    "Energy": 75,
    "Finance": 262,
    "Location": 190,
    "Weather": 230,
    "Climate": 150,
    "Agriculture": 125,
    "Retail": 350,
    "Health": 20,
    "Mobility": 300,
    "Economy": 45,
    "Science": 210,
}


def _columns(seed: bytes) -> str:
    parts = []
    for i in range(6):
        height = 6 + seed[i] % 20
        kind = "fg" if i % 2 else "fm"
        parts.append(
            f'<rect x="{7 + i * 4.6:.1f}" y="{32 - height}" width="3" height="{height}" rx="1.2" class="{kind}"/>'
        )
    return "".join(parts)


def _slope(seed: bytes) -> str:
    y, path = 28, "M6 30"
    for i in range(6):
        y = max(9, min(31, y + (seed[i] % 13) - 8))
        path += f"L{6 + (i + 1) * 4.7:.1f} {y}"
    return (
        f'<path d="{path}L34.2 34H6Z" class="fm" opacity=".6"/>'
        f'<path d="{path}" class="sg" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"/>'
    )


def _dots(seed: bytes) -> str:
    return "".join(
        f'<circle cx="{8 + (i % 5) * 6}" cy="{8 + (i // 5) * 6}" r="{0.7 + (seed[i] % 100) / 50:.1f}" '
        f'class="{"fg" if seed[i] > 150 else "fm"}"/>'
        for i in range(25)
    )


def _waves(seed: bytes) -> str:
    return "".join(
        f'<path d="M5 {11 + i * 6}q3.75 {-(2 + seed[i] % 4)} 7.5 0t7.5 0 7.5 0 7.5 0" '
        f'class="{"sg" if i % 2 else "sm"}" stroke-width="2" stroke-linecap="round"/>'
        for i in range(4)
    )


def _rings(seed: bytes) -> str:
    return "".join(
        f'<circle cx="20" cy="20" r="{4 + i * 3.8:.1f}" class="{"sg" if i % 2 else "sm"}" stroke-width="2" '
        f'stroke-dasharray="{6 + seed[i] % 14} {2 + seed[i + 4] % 6}"/>'
        for i in range(4)
    )


_MOTIFS = (_columns, _slope, _dots, _waves, _rings)


def glyph(slug: str, category: str, cls: str) -> SafeString:
    """Return a mark that is always the same for a product: category sets hue and motif, slug sets the detail."""
    seed = hashlib.sha256(slug.encode()).digest()
    motif = list(_HUES).index(category) if category in _HUES else seed[0]
    return format_html(
        '<svg class="glyph hue-{} {}" viewBox="0 0 40 40" aria-hidden="true">'
        '<rect width="40" height="40" rx="9" class="bg"/>{}</svg>',
        _HUES.get(category, 262),
        cls,
        SafeString(_MOTIFS[motif % len(_MOTIFS)](seed)),
    )


def quality(score: int) -> SafeString:
    """Return a ring that is filled to the score."""
    return format_html(
        '<span class="quality" title="Quality score {0} of 100"><svg viewBox="0 0 24 24" aria-hidden="true">'
        '<circle cx="12" cy="12" r="9"/><circle cx="12" cy="12" r="9" stroke-dasharray="{1} 99"/></svg>'
        '<span class="sr">Quality score </span>{0}</span>',
        score,
        f"{2 * math.pi * 9 * score / 100:.1f}",
    )


def histogram(values: Sequence[float], label: str) -> SafeString:
    """Return small columns; empty for no values."""
    if not values:
        return SafeString("")
    count, most = len(values), max(values) or 1
    columns = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}" rx=".6"/>',
        (
            (
                f"{i * 100 / count + 0.4:.2f}",
                f"{34 - 33 * v / most:.1f}",
                f"{100 / count - 0.8:.2f}",
                f"{33 * v / most:.1f}",
            )
            for i, v in enumerate(values)
        ),
    )
    return format_html(
        '<svg class="hist" viewBox="0 0 100 34" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        label,
        columns,
    )


def ticks(low: float, high: float, wanted: int = 4, *, whole: bool = False) -> list[float]:
    """Return round values from at most `low` to at least `high`; `whole`: of things that are counted."""
    span = (high - low) / wanted or 1
    if whole:
        span = max(span, 1)
    power = 10.0 ** math.floor(math.log10(span))
    steps = (factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= span * 0.999)
    step = next(step for step in steps if not whole or step.is_integer())
    first = math.floor(low / step)
    last = max(math.ceil(high / step), first + 1)
    return [round(n * step, 10) for n in range(first, last + 1)]


def _even_places(count: int, most: int = 6) -> list[int]:
    """Return indexes that lie as evenly as the labels are set, the first and the last among them."""
    shown = min(count, most)
    return [round(number * (count - 1) / (shown - 1)) for number in range(shown)]


def area(values: Sequence[float], labels: Sequence[str], unit: str, title: str, cls: str) -> SafeString:
    """Return a line with a tinted area; needs two values or more, and one label for each."""
    if len(values) < 2:
        return SafeString("")
    counted = all(float(value).is_integer() for value in values)  # there is no quarter of a delivery
    marks = ticks(min(0, *values), max(values), whole=counted)
    low, high = marks[0], marks[-1]

    def x(index: int) -> float:
        return 100 * index / (len(values) - 1)

    def y(value: float) -> float:
        return 100 * (1 - (value - low) / (high - low))

    path = "M" + "L".join(f"{x(i):.2f} {y(value):.2f}" for i, value in enumerate(values))
    figure = "{:,.0f}{}" if counted else "{:,.1f}{}"
    points = json.dumps([[label, figure.format(value, unit)] for label, value in zip(labels, values, strict=True)])
    return format_html(
        '<chart-hover data-points="{points}"><figure class="chart {cls}" aria-label="{title}">'
        '<div class="y" aria-hidden="true">{marks}</div><div class="plot">'
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">{grid}'
        '<path class="a1" d="{path}L100 100L0 100Z"/><path class="s1" d="{path}"/></svg></div>'
        '<div class="x" aria-hidden="true">{names}</div></figure></chart-hover>',
        points=points,
        cls=cls,
        title=title,
        path=path,
        marks=format_html_join("", "<span>{}{}</span>", ((f"{mark:g}", unit) for mark in marks)),
        grid=format_html_join(
            "", '<line class="grid" x1="0" x2="100" y1="{0}" y2="{0}"/>', ((f"{y(mark):.1f}",) for mark in marks)
        ),
        names=format_html_join("", "<span>{}</span>", ((labels[place],) for place in _even_places(len(labels)))),
    )


def bars(pairs: Sequence[tuple[str, float]], unit: str) -> SafeString:
    """Return one horizontal bar for each (name, value)."""
    most = max((value for _, value in pairs), default=0) or 1
    rows = format_html_join(
        "",
        '<span role="listitem" class="bars-row"><span>{}</span><svg viewBox="0 0 100 10" preserveAspectRatio="none" '
        'aria-hidden="true"><rect class="bg" width="100" height="10"/><rect width="{}" height="10"/></svg>'
        '<span class="num">{}{}</span></span>',
        ((name, f"{100 * value / most:.1f}", f"{value:g}", unit) for name, value in pairs),
    )
    return format_html('<div class="bars" role="list">{}</div>', rows)
