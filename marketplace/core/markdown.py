"""Markdown from publishers to safe HTML: rendered without raw HTML, then cleaned by an allowlist."""

import re
from functools import cache

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_TEXT = {"a", "abbr", "br", "code", "del", "em", "s", "span", "strong", "sub", "sup"}
_BLOCKS = {"blockquote", "dd", "div", "dl", "dt", "hr", "li", "ol", "p", "pre", "section", "ul"}
_HEADINGS = {"h2", "h3", "h4", "h5", "h6"}
_TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
# No img: a description may not make its readers' browsers call a stranger's host.
_ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title", "id"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "div": {"class", "tabindex"},
    "td": {"class"},
    "th": {"class", "scope"},
    "li": {"id"},
    "sup": {"class"},
    "section": {"class"},
    "span": {"class"},
}
#: longer code is shown plain: highlighting is the one step whose time grows with what a stranger typed
_HIGHLIGHTED_CHARACTERS = 20_000
#: a token that no style sheet colours: half of all tokens, each an element of the page
_PLAIN_TOKEN = re.compile(r'<span class="tok-(?![kscm]|n[fbta]")[a-z0-9]+">([^<]*)</span>')
_ALIGNMENT = {"text-align:right": "right", "text-align:center": "center"}


def _code(content: str, language: str, _attributes: str) -> str:
    """Highlight by Pygments classes; empty means that the renderer escapes the code itself."""
    if not language or len(content) > _HIGHLIGHTED_CHARACTERS:
        return ""
    try:
        lexer = get_lexer_by_name(language)  # type: ignore[no-untyped-call]
    except ClassNotFound:
        return ""
    drawn = highlight(content, lexer, HtmlFormatter(nowrap=True, classprefix="tok-"))  # type: ignore[no-untyped-call]
    return _PLAIN_TOKEN.sub(r"\1", str(drawn))


@cache
def _renderer() -> MarkdownIt:
    options = {"html": False, "linkify": False, "typographer": False, "highlight": _code}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"]).use(footnote_plugin).use(deflist_plugin)


def own_renderer() -> MarkdownIt:
    """Return the renderer for texts of our own, which are not cleaned afterwards. Strangers' go to `render_markdown`."""
    return _renderer()


def highlight_code(content: str, language: str) -> SafeString:
    """Return code as HTML with token classes, for a snippet of our own in a page."""
    return mark_safe(_code(content, language, "") or escape(content))  # noqa: S308 - Pygments escapes the code


def render_markdown(text: str) -> SafeString:
    """Return safe HTML for a text that a stranger wrote.

    Headings start at level 2 and leave no level out, whatever was written; links leave without a referrer.
    """
    renderer = _renderer()
    environment: dict[str, object] = {}
    tokens = renderer.parse(text, environment)
    level = 2  # of the page's own heading above the text
    for token in tokens:
        if token.type == "heading_open":
            level = min(6, level + 1, int(token.tag[1]) + 1)  # the page has the only h1, and no level is left out
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{level}"
        elif token.type in {"th_open", "td_open"} and "style" in token.attrs:
            side = _ALIGNMENT.get(str(token.attrs.pop("style")))
            if side:
                token.attrs["class"] = side
    html = renderer.renderer.render(tokens, renderer.options, environment)
    html = html.replace("<table>", '<div class="table-wrap" tabindex="0"><table>').replace("</table>", "</table></div>")
    html = html.replace("<pre>", '<pre tabindex="0">')
    clean = nh3.clean(
        html,
        tags=_TEXT | _BLOCKS | _HEADINGS | _TABLES,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )
    return mark_safe(clean)  # noqa: S308 - cleaned by the allowlist above
