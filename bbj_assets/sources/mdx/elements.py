"""The meaning of HTML elements and components in Markdown.

Components are React code that is not available here. So a component keeps its children and the attributes that
are visible by their names: the `title` of a card, the `label` of a tab. The other attributes (`path`, `href`,
`className`) configure it and are not text.
"""

import html
import re
from collections.abc import Callable, Mapping

from bbj_assets.sources.mdx.marks import BLOCK


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


INVISIBLE = _names("style script svg head template video audio iframe object canvas noscript Head")
"""Elements whose children are not shown as text."""

BLOCKS = _names(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main nav ol p pre section summary table "
    "tbody td tfoot th thead tr ul Tabs TabItem Details Admonition CodeBlock"
)
"""Elements that are separate from the text before and after them."""

INLINE = _names(
    "a abbr b bdi bdo big br button cite code col colgroup data del dfn em font i img input ins kbd label "
    "link mark meta meter optgroup option output picture progress q rp rt ruby s samp select small source "
    "span strike strong sub sup textarea time title track tt u var wbr"
)
"""The other elements of HTML."""

NEVER_CLOSED = _names("br hr img wbr p li dt dd tr td th thead tbody tfoot col colgroup option")
"""Elements that HTML lets an author leave open. They are tags without further evidence."""

VOID = _names("br hr img wbr")
"""Elements without children, also when they are not written as self-closing."""

PREFORMATTED = frozenset({"pre", "CodeBlock"})
"""Elements whose children are code."""

TITLED = _names("TabItem Admonition Details")
"""Blocks that show a title of their own."""

TITLES = ("title", "label", "header", "heading", "summary")
"""Attributes that a component shows above its children: only the first that is present."""

TEXTS = ("subtitle", "description", "caption", "text", "alt")
"""Attributes that a component shows in addition."""

SHOWN = frozenset({*TITLES, *TEXTS, "chip", "value", "type"})
"""Every attribute that may be shown on the page."""

SILENT = _names("Tabs Link a JavadocLink Translate BrowserOnly")
"""Components that show their children and nothing else."""

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_TAB_VALUE = re.compile(r"\b(label|value)\s*:\s*(\"[^\"]*\"|'[^']*'|`[^`]*`)")
_SPACES = re.compile(r"\s+")
_TICKS = re.compile(r"`+")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def html_name(name: str) -> str:
    """Return the name as the tables above spell it. HTML may be in capitals; a component begins with one."""
    return name.lower() if len(name) > 1 and name.isupper() else name


def attribute_markup_removed(value: str) -> str:
    """Return the value of an attribute as one line of text. Some values hold HTML, which the component renders."""
    if "<" in value:
        value = _TAG.sub("", value)
    return one_line(html.unescape(value))


def tab_labels(values: str) -> dict[str, str]:
    """Return the labels by value of `values={[{label: 'Java', value: 'java'}, ...]}`."""
    labels: dict[str, str] = {}
    for entry in values.split("}"):
        found = {part[1]: part[2][1:-1] for part in _TAB_VALUE.finditer(entry)}
        if len(found) == 2:
            labels[found["value"]] = found["label"]
    return labels


def one_line(text: str) -> str:
    """Return the text with every run of white space as one space."""
    return _SPACES.sub(" ", text).strip()


def chip_text(attributes: Mapping[str, str]) -> str:
    """Return the text of a chip: `since 25.10`, `experimental`, or only a name."""
    kind, label = attributes.get("chip", ""), attributes.get("label", "")
    return label if kind == "name" and label else one_line(f"{kind} {label}")


def admonition_heading(kind: str, *, title: str) -> str:
    """Return the bold line for an admonition: its type, and its title unless it repeats the type.

    >>> admonition_heading("tip", title="Use masks"), admonition_heading("warning", title="WARNING")
    ('**Tip: Use masks**', '**Warning**')
    """
    label = kind.replace("-", " ").replace("_", " ").capitalize()
    title = title.replace("**", "").strip().rstrip(":")
    return f"**{label}: {title}**" if title and title.casefold() != label.casefold() else f"**{label}**"


def strip_brackets(title: str) -> str:
    """Remove the brackets around a whole title. `[a](b) or [c]` has none."""
    depth = 0
    for position, character in enumerate(title):
        depth += (character == "[") - (character == "]")
        if depth == 0:
            return title[1:-1] if 0 < position == len(title) - 1 else title
    return title


def bold_line(text: str) -> str:
    """Return a line in bold; it may hold bold words already."""
    return bold(text.replace("**", ""))


def bold(inner: str) -> str:
    """Return strong text."""
    return _marked(inner, mark="**")


def italic(inner: str) -> str:
    """Return emphasised text."""
    return _marked(inner, mark="*")


def inline_code(inner: str) -> str:
    """Return a code span, without the escapes that Markdown needs only outside of one."""
    if BLOCK in inner or "`" in inner:  # a block, or a code span of Markdown inside of `<code>`
        return inner
    code = one_line(_ESCAPED.sub(r"\1", inner))
    if not code:
        return ""
    longest = max((len(run) for run in _TICKS.findall(code)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks}{code}{ticks}"


def link_to(target: str) -> Callable[[str], str]:
    """Return a function that makes a link of its text. Around a block it returns only the text."""

    def link(inner: str) -> str:
        text = inner.strip()
        if not text or not target or target.startswith("data:") or BLOCK in text or "\n\n" in text or "](" in text:
            return inner
        before, after = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
        return f"{before}[{text}]({target}){after}"

    return link


def heading_of(level: int) -> Callable[[str], str]:
    """Return a function that makes a heading of its text."""

    def heading(inner: str) -> str:
        text = one_line(inner)
        return inner if BLOCK in inner or text.startswith("#") else f"{'#' * level} {text}" if text else ""

    return heading


def summary_line(inner: str) -> str:
    """Return the line that opens a collapsed part, in bold."""
    text = one_line(inner)
    return inner if BLOCK in inner or text.startswith("#") else bold_line(text)


def _marked(inner: str, *, mark: str) -> str:
    text = inner.strip()
    if not text or "\n\n" in text or BLOCK in text or "*" in text:
        return inner
    before, after = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
    return f"{before}{mark}{text}{mark}{after}"


WRAPPED: Mapping[str, Callable[[str], str]] = {
    "b": bold,
    "strong": bold,
    "i": italic,
    "em": italic,
    "code": inline_code,
    "tt": inline_code,
    "summary": summary_line,
    **{f"h{level}": heading_of(level) for level in range(1, 7)},
}
"""Functions that make Markdown of the text of an element when it closes, by its name."""
