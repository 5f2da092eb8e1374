"""Code that is written as paragraphs: a row of `<p class="Code">` is one block of code.

Writers use a style for code: a paragraph for each line, indented by no-break spaces. Read as paragraphs, a program
would lose its lines.
"""

import re
from collections.abc import Sequence

from lxml import etree
from lxml.etree import _Element as Element

from bbj_assets.sources.flare.markup import blank, tag_of

_CODE_CLASS = re.compile(
    r"(?:(?:example|sample)[_-]?)?code"
    r"(?:[_-]?(?:\d+|block|sample|example|line|listing|indent(?:ed)?[_-]?(?P<depth>\d*)))?"
    r"|program(?:_?text|listing)",
    re.IGNORECASE,
)
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that a tree of lxml refuses. A malformed file, which is read as HTML, may refer to them, as in `&#1;`."""

_INDENT = " " * 4
_DEEPEST = 20
_LANGUAGES = frozenset(
    {"bash", "batch", "c", "cpp", "csharp", "css", "html", "ini", "java", "javascript", "js", "json", "php", "plsql"}
    | {"powershell", "properties", "python", "sh", "shell", "sql", "text", "txt", "xml", "yaml"}
)
_LINES = frozenset({"p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6"})
_NOT_LINES = frozenset({"table", "ul", "ol", "dl", "pre"})


def is_code(element: Element) -> bool:
    """Return whether the class of a paragraph or a span says that it is code."""
    return _code_class(element) is not None


def name_span(element: Element) -> None:
    """Turn a `<span class="Code">` into a `code` element."""
    if element.attrib and is_code(element):
        element.tag = "code"


def name_language(element: Element) -> None:
    """Mark the language of a `pre` as the converter expects, if one of its classes is the name of a language."""
    for name in (element.get("class") or "").lower().split():
        if name in _LANGUAGES:
            element.set("class", f"language-{name}")


def join_paragraphs(paragraphs: Sequence[Element]) -> None:
    """Join adjacent paragraphs of code into one `pre`, in place."""
    runs: list[list[Element]] = []
    for paragraph in paragraphs:
        if any(tag_of(inner) in _NOT_LINES for inner in paragraph.iterdescendants()):
            continue
        previous = runs[-1][-1] if runs else None
        if previous is not None and paragraph.getprevious() is previous and not (previous.tail or "").strip():
            runs[-1].append(paragraph)
        else:
            runs.append([paragraph])
    for first, *others in runs:
        lines = [f"{_indent(paragraph)}{line}".rstrip() for paragraph in (first, *others) for line in _lines(paragraph)]
        for paragraph in others:
            blank(paragraph)
        classes = first.get("class") or ""
        blank(first, "pre")
        first.set("class", classes)
        first.text = _NOT_XML.sub("", "\n".join(lines))
        name_language(first)


def _code_class(element: Element) -> re.Match[str] | None:
    return next(filter(None, map(_CODE_CLASS.fullmatch, (element.get("class") or "").split())), None)


def _indent(paragraph: Element) -> str:
    """Return the spaces that the style of a paragraph stands for: eight for `CodeIndent2`."""
    style = _code_class(paragraph)
    if style is None or style["depth"] is None:
        return ""
    return _INDENT * min(int(style["depth"] or 1), _DEEPEST)


def _lines(paragraph: Element) -> list[str]:
    lines = [""]

    def add(text: str | None) -> None:
        if text:
            lines[-1] += re.sub(r"[ \t\r\n\f]+", " ", text)

    for event, element in etree.iterwalk(paragraph, events=("start", "end")):
        tag = tag_of(element)
        if event == "start":
            if (tag == "br" or tag in _LINES) and (tag == "br" or lines[-1].strip()):
                lines.append("")
            if tag == "img" and element.get("alt"):
                add(f" {element.get('alt')} ")
            add(element.text)
        else:
            if tag in _LINES and element is not paragraph and lines[-1].strip():
                lines.append("")
            if element is not paragraph:
                add(element.tail)
    return [line.removeprefix(" ").replace("\xa0", " ").rstrip() for line in lines]
