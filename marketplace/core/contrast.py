"""Whether text stays readable in a brand hue: contrast of the pairs of tokens that stand on each other, in both themes."""

import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

#: WCAG 2.2, 1.4.3 and 1.4.11
TEXT, CONTROL = 4.5, 3.0
#: (foreground, background, least ratio, what people see of it)
PAIRS: tuple[tuple[str, str, float, str], ...] = (
    ("ink", "bg", TEXT, "Text on the page"),
    ("ink-2", "surface", TEXT, "Second text on a card"),
    ("ink-3", "bg", TEXT, "Quiet text on the page"),
    ("ink-3", "surface", TEXT, "Quiet text on a card"),
    ("ink-3", "sunken", TEXT, "Quiet text on a sunken area"),
    ("ink-3", "hover", TEXT, "Quiet text under the pointer"),
    ("accent", "bg", TEXT, "Links on the page"),
    ("accent", "surface", TEXT, "Links on a card"),
    ("accent", "accent-soft", TEXT, "Accent on its soft ground"),
    ("on-solid", "solid", TEXT, "The main button"),
    ("control", "surface", CONTROL, "Edges of fields on a card"),
    ("control", "bg", CONTROL, "Edges of fields on the page"),
    ("ok", "ok-soft", TEXT, "Success"),
    ("warn", "warn-soft", TEXT, "Warning"),
    ("bad", "bad-soft", TEXT, "Failure"),
    ("run", "run-soft", TEXT, "Progress"),
    *((f"c{number}", "surface", CONTROL, f"Chart series {number}") for number in range(1, 6)),
)
THEMES = ("light", "dark")
_PAIR = re.compile(r"--([a-z0-9-]+):\s*light-dark\(oklch\(([^)]*(?:\([^)]*\))?[^)]*)\),\s*oklch\(([^;]*)\)\);")
Colour = tuple[float, float, float | None]  # lightness 0 to 1, chroma, hue in degrees; None is the brand's


@dataclass(frozen=True, slots=True)
class Measured:
    """The contrast of one pair in one theme."""

    label: str
    theme: str
    foreground: str
    background: str
    ratio: float
    least: float

    @property
    def holds(self) -> bool:
        """Return True when the pair can be read."""
        return self.ratio >= self.least


def read_tokens(text: str) -> dict[str, tuple[Colour, Colour]]:
    """Return {token: (light, dark)} of the colours in a style sheet."""
    return {name: (_colour(light), _colour(dark)) for name, light, dark in _PAIR.findall(text)}


def _colour(text: str) -> Colour:
    lightness, chroma, hue = text.split()[:3]
    return float(lightness.rstrip("%")) / 100, float(chroma), None if "--h" in hue else float(hue)


@cache
def site_tokens() -> dict[str, tuple[Colour, Colour]]:
    """Return the colours of static/css/tokens.css, which is where they are decided."""
    return read_tokens(Path(settings.BASE_DIR, "static", "css", "tokens.css").read_text(encoding="utf-8"))


def rgb_of(colour: Colour, hue: float) -> tuple[float, float, float]:
    """Return linear sRGB, 0 to 1 each, of an OKLCH colour; what no screen can show is cut off, as browsers do.

    Source: CSS Color 4, OKLab to linear sRGB.
    """
    lightness, chroma, own = colour
    angle = math.radians(hue if own is None else own)
    a, b = chroma * math.cos(angle), chroma * math.sin(angle)
    l_ = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m_ = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s_ = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * l_ - 3.3077115913 * m_ + 0.2309699292 * s_
    green = -1.2684380046 * l_ + 2.6097574011 * m_ - 0.3413193965 * s_
    blue = -0.0041960863 * l_ - 0.7034186147 * m_ + 1.7076147010 * s_
    return min(1.0, max(0.0, red)), min(1.0, max(0.0, green)), min(1.0, max(0.0, blue))


def luminance(rgb: tuple[float, float, float]) -> float:
    """Return the relative luminance of linear sRGB. Source: WCAG 2.2."""
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]


def ratio(one: Colour, other: Colour, hue: float) -> float:
    """Return the contrast of two colours, 1 to 21."""
    darker, lighter = sorted((luminance(rgb_of(one, hue)), luminance(rgb_of(other, hue))))
    return (lighter + 0.05) / (darker + 0.05)


def measure(hue: int, tokens: dict[str, tuple[Colour, Colour]] | None = None) -> list[Measured]:
    """Return the contrast of every pair in both themes at a hue, 0 to 360."""
    known = site_tokens() if tokens is None else tokens
    return [
        Measured(label, theme, front, back, ratio(known[front][index], known[back][index], hue), least)
        for index, theme in enumerate(THEMES)
        for front, back, least, label in PAIRS
    ]


def failing(hue: int, tokens: dict[str, tuple[Colour, Colour]] | None = None) -> list[Measured]:
    """Return the pairs that cannot be read well enough at a hue."""
    return [measured for measured in measure(hue, tokens) if not measured.holds]
