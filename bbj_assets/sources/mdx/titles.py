"""Titles and breadcrumbs: from front matter, headings, `_category_` files and file names.

The rules of Docusaurus apply where a reader would see the difference. Number prefixes order the sidebar and are
dropped, but `2021-11-notes` and `7.0-changes` are dates and versions (plugin-content-docs, numberPrefix.ts).
`index`, `README` and a file with the name of its folder stand for the folder.
"""

import html
import json
import re
from typing import NamedTuple

from bbj_assets.documents import Json
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.mdx import marks
from bbj_assets.sources.mdx.frontmatter import read_front_matter

_MARKED = re.compile(f"{marks.ASIDE.pattern}|{marks.HIDDEN_BLOCK.pattern}|[{marks.ALL}]")
"""Asides, hidden blocks, and marks without their other half. None of them belongs to a title."""

_NOT_A_PREFIX = re.compile(r"\d+[-_.]\d+")
_PREFIX = re.compile(r"\d+\s*[-_.]+\s*(?=[^-_.\s])")
_WORD_BREAK = re.compile(r"[\s_-]+")
_SPELLED = {
    name.lower(): name for name in ("BBj", "DWC", "BUI", "GUI", "API", "CSS", "HTML", "HTTP", "SQL", "UI", "AI", "FAQ")
}

_ATX = re.compile(r"#(?<![^\n]#)[ \t]+(?P<text>[^\n]+)")  # `re` finds a plain character faster than `^`
_UNDERLINE = re.compile(r"\n=+[ \t]*(?=\n|\Z)")
_IMAGE = re.compile(r"!\[([^\[\]]*)\]\([^()]*\)")
_LINK = re.compile(r"\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_CODE = re.compile(r"(?<!`)(`+)(?!`)\s?([^`]+?)\s?(?<!`)\1(?!`)")
_STRONG = re.compile(r"(?<![\w*])\*\*(?=\S)([^*\n]+)(?<=\S)\*\*(?![\w*])")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+)(?<=\S)\*(?![\w*])|(?<!\w)_(?=\S)([^_\n]+)(?<=\S)_(?!\w)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_MAYBE_MARKUP = re.compile(rf"[{marks.ALL}&*\[\\_`{{]")
_HEADING_ID = re.compile(r"\s*\{#[^{}\s]*\}\s*$")
_SPACES = re.compile(r"\s+")


def readable(name: str) -> str:
    """Return the name of a file or folder as a reader would write it.

    >>> readable("01-getting_started"), readable("bbj-installation"), readable("2021-11-notes")
    ('Getting started', 'BBj installation', '2021 11 notes')
    """
    prefix = _PREFIX.match(name)
    if prefix and not _NOT_A_PREFIX.match(name):
        name = name[prefix.end() :]
    words = [_SPELLED.get(word.lower(), word) for word in _WORD_BREAK.split(name) if word]
    if words and words[0].islower():
        words[0] = words[0][0].upper() + words[0][1:]
    return " ".join(words)


def plain_text(markdown: str) -> str:
    """Return one line of Markdown without its markup.

    >>> plain_text("Using `x_y_z` and **[masks](m.md)** {#masks}")
    'Using x_y_z and masks'
    """
    if not _MAYBE_MARKUP.search(markdown):
        return _SPACES.sub(" ", markdown[:1000]).strip()
    text = _HEADING_ID.sub("", _MARKED.sub("", markdown)[:1000])
    code_spans: list[str] = []

    def hide(code: re.Match[str]) -> str:
        code_spans.append(code[2])
        return marks.hidden_block(len(code_spans) - 1)

    text = _CODE.sub(hide, text)
    text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
    for pattern in (_STRONG, _EMPHASIS):
        text = pattern.sub(lambda found: found[1] or found[found.lastindex or 1], text)
    text = html.unescape(_ESCAPED.sub(r"\1", text))
    text = marks.HIDDEN_BLOCK.sub(lambda mark: code_spans[int(mark[1])], text)
    return _SPACES.sub(" ", text).strip()


def pick_title(front_matter: dict[str, Json], content: str, *, fallback: str) -> tuple[str, str]:
    """Return the title, and the content without a leading heading that repeats it.

    Args:
        front_matter: its `title` comes first. It is plain text there, even `<dwc-field>`.
        content: Markdown in which code is hidden (see `marks`), so that a comment in a script is no heading.
        fallback: the title of a page that has neither.
    """
    written = front_matter.get("title")
    content = content.strip("\n")
    heading = _first_heading(content)
    heading_text = plain_text(heading.text) if heading else ""
    title = _plain_title(written) if isinstance(written, str | int | float) else ""
    title = title or heading_text or fallback
    if (
        heading is not None
        and marks.BLOCK not in heading.text
        and not content[: heading.start].strip()
        and heading_text.casefold() == title.casefold()
    ):
        asides = " ".join(marks.ASIDE.findall(heading.text)).strip()
        content = f"{asides}{content[heading.end :]}".lstrip("\n")
    return title, content


def title_of_file(path: str, *, source_name: str) -> str:
    """Return the title of a page without one: the name of its file, or of its folder for an index."""
    *folders, name = path.split("/")
    if is_index(path):
        return readable(folders[-1] if folders else source_name) or name
    return readable(name.rpartition(".")[0]) or name


def is_index(path: str) -> bool:
    """Return whether the page stands for its folder."""
    *folders, name = path.rpartition(".")[0].lower().split("/")
    return name in {"index", "readme"} or (bool(folders) and name == folders[-1])


class Breadcrumb(NamedTuple):
    """The labels of the folders of a page, outermost first, and warnings about category files."""

    labels: tuple[str, ...]
    warnings: list[str]


def breadcrumb(path: str, files: SourceFiles, *, title: str) -> Breadcrumb:
    """Return the folders of the page by their labels.

    A label is read from `_category_.json`, else from `_category_.yml`. Every folder costs the page one or two
    dependencies. In return, the page is parsed again when a label is added later.
    """
    warnings: list[str] = []
    folders = path.split("/")[:-1]
    if is_index(path) and folders:
        folders.pop()
    labels = [
        _label("/".join(folders[: depth + 1]), files, warnings) or readable(folder) or folder
        for depth, folder in enumerate(folders)
    ]
    if labels and labels[-1].casefold() == title.casefold():
        labels.pop()
    return Breadcrumb(tuple(labels), warnings)


def _label(folder: str, files: SourceFiles, warnings: list[str]) -> str:
    for name in ("_category_.json", "_category_.yml"):
        raw = files.read(f"{folder}/{name}")
        if raw is None:
            continue
        category: Json = None
        text = raw.decode("utf-8-sig", "replace")
        try:
            category = json.loads(text) if name.endswith("json") else read_front_matter(text)[0]
        except (ValueError, RecursionError) as error:
            warnings.append(f"{folder}/{name} is not valid JSON, so its label is not used: {error}.")
        label = category.get("label") if isinstance(category, dict) else None
        return _clean(label) if isinstance(label, str) else ""
    return ""


class _Heading(NamedTuple):
    """A heading of level one: where it is in the content, and its text as it is written."""

    start: int
    end: int
    text: str


def _first_heading(content: str) -> _Heading | None:
    """Return the first heading of level one; None when no such heading has text."""
    atx = _ATX.search(content)
    for underline in _UNDERLINE.finditer(content, 0, atx.start() if atx else len(content)):
        start = content.rfind("\n", 0, underline.start()) + 1
        text = content[start : underline.start()].strip()
        if text and text[0] not in "|>#-=":
            return _Heading(start, underline.end(), text)
    text = atx["text"].rstrip().rstrip("#").rstrip() if atx else ""
    return _Heading(atx.start(), atx.end(), text) if atx and text else None


def _plain_title(written: str | float) -> str:
    text = str(written)[:1000]
    if _MAYBE_MARKUP.search(text):
        text = _STRONG.sub(r"\1", _CODE.sub(r"\2", _HEADING_ID.sub("", text)))
    return _clean(text)


def _clean(text: str) -> str:
    """Return one line that PostgreSQL can store. JSON may hold half of a surrogate pair, and NUL."""
    return _SPACES.sub(" ", text.encode("utf-8", "ignore").decode().replace("\0", "")).strip()
