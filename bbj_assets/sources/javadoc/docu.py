"""The `docu` of a package, a class or a method: its text as Markdown, and the page it was taken from.

A `docu` is the start of a Flare page as HTML, followed by `[Docs](url of the page)` as Markdown. The export dropped
the `<p>` tags of the page but kept its line breaks: the lines of a paragraph continue near the margin, the next
paragraph starts beyond column 40. Read as plain HTML, everything would be one paragraph.

The `docu` of BASIS's own classes can also be a Javadoc comment exactly as in the program, asterisks included.
"""

import html
import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from lxml.html import defs

from bbj_assets.convert.html import DROPPED, to_markdown

_DOCS_LINK = re.compile(r"\[Docs\]\(([^\s()]*(?:\([^\s()]*\)[^\s()]*)*)\)")
_LINE_END = re.compile(r"\n\s*")
_PARAGRAPH_START = re.compile(r"[^\s<]|<(?:a|b|i|em|span|code|strong|kbd|var|img)\b")
_PARAGRAPH_COLUMN = 40
_EMPTIED_SPACE = '<span class="Apple-converted-space"></span>'
"""A space that an editor wrapped in a tag and the export then lost."""

_PRE = re.compile(r"(</?pre\b)", re.IGNORECASE)

# Attributes end before the next `<`, so that an unclosed quote is scanned once and not once per tag.
_TAG = re.compile(
    r"""<(?:!--.*?(?:-->|$)
      | /(?P<end>[a-zA-Z][\w:-]*)\s*>
      | (?P<start>[a-zA-Z][\w:-]*)
        (?:\s+[\w:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'|[^\s"'<>]+) | \s+(?:nowrap|hidden|compact|open))*\s*/?>)""",
    re.VERBOSE | re.DOTALL,
)
_TAGS = frozenset(defs.tags) | {"main", "nav", "section", "article", "aside", "header", "footer", "figure"}
_WHOLE_PAGE = dict.fromkeys(("nav", "aside", "form", "button", "h1"), DROPPED)
"""The navigation and the title of a docu that is a whole page by mistake."""

_COMMENT = re.compile(r"\s*/\*\*(.*)\*/\s*", re.DOTALL)
_COMMENT_MARGIN = re.compile(r"^[ \t]*\*+ ?", re.MULTILINE)
_INLINE_TAG = re.compile(r"\{@(\w++)\s*+([^{}]*+)\}")
_BLOCK_TAG = re.compile(r"^[ \t]*@(\w+)", re.MULTILINE)
_LABELS = {
    "param": "Parameter",
    "return": "Returns",
    "returns": "Returns",
    "throws": "Throws",
    "exception": "Throws",
    "see": "See also",
}


@dataclass(frozen=True, slots=True)
class Docu:
    """A description.

    Attributes:
        text: Markdown, without the link to the page.
        url: that link; None if there is none.
    """

    text: str = ""
    url: str | None = None


def read_docu(raw: str | None, *, base_url: str | None = None, level: int) -> Docu:
    """Convert a description.

    Args:
        raw: as exported, with any mix of line ends.
        base_url: relative links are resolved against it if the description names no page of its own.
        level: level of the heading above the description; headings in it are placed below that level.
    """
    if not raw or raw.isspace():
        return Docu()
    text = raw.replace("\r\n", "\n").replace("\r", "\n")
    links = list(_DOCS_LINK.finditer(text))
    url = _page(links[-1][1], base_url) if links else None
    if links:
        text = text[: links[-1].start()] + text[links[-1].end() :]
    text = _DOCS_LINK.sub(r'<a href="\1">Docs</a>', text).strip()
    comment = _COMMENT.fullmatch(text)
    if comment:
        text = _comment_as_html(comment[1])
    whole_page = "</html>" in text or ("</head>" in text and "<body" in text)
    if whole_page:
        text = text.rpartition("</head>")[2]
    markdown = to_markdown(
        _as_html(text),
        base_url=url or base_url,
        code_language="java" if comment else "bbj",
        top_heading=level + 1,
        rules=_WHOLE_PAGE if whole_page else None,
    )
    return Docu(markdown, url)


def _page(target: str, base_url: str | None) -> str | None:
    """Return the URL if it is a web page. An export is untrusted input and may hold `javascript:` links."""
    try:
        url = urljoin(base_url or "", target) if target.strip("#") else ""
        scheme, host, *_ = urlsplit(url)
    except ValueError:  # http://[
        return None
    return url if scheme in {"http", "https"} and host else None


def _as_html(text: str) -> str:
    """Return the text with its paragraph tags restored and the `<` of comparisons escaped."""
    if "<" in text:
        text = _escape_non_tags(text.replace(_EMPTIED_SPACE, " "))
    if "\n" not in text:
        return text
    parts = _PRE.split(text)
    parts[0] = _with_paragraphs(parts[0])
    for at in range(1, len(parts), 2):
        if parts[at].startswith("</"):
            parts[at + 1] = _with_paragraphs(parts[at + 1])
    return "".join(parts)


def _with_paragraphs(text: str) -> str:
    def line_end(found: re.Match[str]) -> str:
        space = found[0]
        blank_line = "\n" in space[1:]
        starts = blank_line or len(space) > _PARAGRAPH_COLUMN
        return "\n<p>" if starts and _PARAGRAPH_START.match(text, found.end()) else space

    return _LINE_END.sub(line_end, text)


def _escape_non_tags(text: str) -> str:
    pieces = []
    at = 0
    while (found := text.find("<", at)) >= 0:
        pieces.append(text[at:found])
        tag = _TAG.match(text, found)
        if tag and _is_html(tag, text):
            pieces.append(tag[0])
            at = tag.end()
        else:
            pieces.append("&lt;")
            at = found + 1
    pieces.append(text[at:])
    return "".join(pieces)


def _is_html(tag: re.Match[str], text: str) -> bool:
    """Return whether this is an HTML tag. `Map<K>` is not one, nor is `List<B>` without a `</B>`."""
    name = tag["start"] or tag["end"]
    if name is None or name.lower().startswith("madcap:"):
        return True
    type_parameter = name.isupper() and text[max(tag.start() - 1, 0)].isalnum() and f"</{name}>" not in text
    return name.lower() in _TAGS and not type_parameter


def _comment_as_html(comment: str) -> str:
    text = _COMMENT_MARGIN.sub("", comment)
    text = re.sub(r"""\s+href\s*=\s*"\{@docRoot\}[^"]*\"""", "", text)  # the root of that link is unknown here
    text = _INLINE_TAG.sub(_inline_tag, text)
    main, *blocks = re.split(_BLOCK_TAG, text)
    items: dict[str, list[str]] = {}
    for tag, content in zip(blocks[::2], blocks[1::2], strict=True):
        label = _LABELS.get(tag, tag.capitalize())
        written = _escape_non_tags(content.strip())
        if label in {"Parameter", "Throws"}:
            name, _, rest = written.partition(" ")
            items[f"<b>{label}</b> <code>{name}</code>"] = [rest.strip()]
        elif label == "See also" and not content.lstrip().startswith(("<", '"')):
            items.setdefault(f"<b>{label}</b>", []).append(f"<code>{written}</code>")
        else:
            items.setdefault(f"<b>{label}</b>", []).append(written)
    listed = "".join(f"<li>{label}: {', '.join(filter(None, texts))}</li>" for label, texts in items.items())
    return main + (f"<ul>{listed}</ul>" if listed else "")


def _inline_tag(found: re.Match[str]) -> str:
    tag, content = found[1], found[2].strip()
    if tag in {"link", "linkplain"}:
        target, _, label = content.partition(" ")
        content = label.strip() or target.lstrip("#").replace("#", ".")
        return f"<code>{content}</code>" if tag == "link" else content
    content = html.escape(content, quote=False)
    return f"<code>{content}</code>" if tag in {"code", "value"} else content
