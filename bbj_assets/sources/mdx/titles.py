"""Titles and breadcrumbs: from front matter, headings, `_category_` files and the names of files.

Docusaurus' rules are followed where a reader would see the difference: number prefixes order the sidebar
and are dropped, but `2021-11-notes` and `7.0-changes` are dates and versions
(plugin-content-docs, numberPrefix.ts); `index`, `README` and a file named as its folder stand for the folder.
"""

import html
import json
import re

from bbj_assets.documents import Json
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.mdx.frontmatter import read_front_matter

ASIDE = re.compile("\x01([^\x02]*)\x02")
"""What a component adds to a heading, marked by the renderer: it is said there, but is not of the title."""

_NOT_SAID = re.compile("\x01[^\x02]*\x02|\0\\d+\0|[\0\x01\x02]")

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
_MAYBE_MARKUP = re.compile(r"[\0-\x02&*\[\\_`{]")
_HEADING_ID = re.compile(r"\s*\{#[^{}\s]*\}\s*$")
_SPACES = re.compile(r"\s+")


def readable(name: str) -> str:
    """A file's or folder's name as a reader would write it.

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
    """One line of Markdown without its markup.

    >>> plain_text("Using `x_y_z` and **[masks](m.md)** {#masks}")
    'Using x_y_z and masks'
    """
    if not _MAYBE_MARKUP.search(markdown):
        return _SPACES.sub(" ", markdown[:1000]).strip()
    text = _HEADING_ID.sub("", _NOT_SAID.sub("", markdown)[:1000])
    kept: list[str] = []

    def hide(code: re.Match[str]) -> str:
        kept.append(code[2])
        return f"\x01{len(kept) - 1}\x02"

    text = _CODE.sub(hide, text)
    text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
    for pattern in (_STRONG, _EMPHASIS):
        text = pattern.sub(lambda found: found[1] or found[found.lastindex or 1], text)
    text = html.unescape(_ESCAPED.sub(r"\1", text))
    text = ASIDE.sub(lambda mark: kept[int(mark[1])], text)
    return _SPACES.sub(" ", text).strip()


def pick_title(front_matter: dict[str, Json], content: str, fallback: str) -> tuple[str, str]:
    """The title, and the content without a leading heading that says just that.

    Args:
        front_matter: its `title` comes first; it is plain text there, `<dwc-field>` included.
        content: Markdown whose code is hidden, so that a comment in a script is no heading.
        fallback: for a page that has neither.
    """
    written = front_matter.get("title")
    content = content.strip("\n")
    start, end, text = _first_heading(content)
    said = plain_text(text)
    title = _plain_title(written) if isinstance(written, str | int | float) else ""
    title = title or said or fallback
    if text and "\0" not in text and not content[:start].strip() and said.casefold() == title.casefold():
        beside = " ".join(ASIDE.findall(text)).strip()
        content = f"{beside}{content[end:]}".lstrip("\n")
    return title, content


def title_of_file(path: str, source_name: str) -> str:
    """The title of a page that gives none: its file's name, or its folder's for an index."""
    *folders, name = path.split("/")
    if is_index(path):
        return readable(folders[-1] if folders else source_name) or name
    return readable(name.rpartition(".")[0]) or name


def is_index(path: str) -> bool:
    """Whether the page stands for its folder."""
    *folders, name = path.rpartition(".")[0].lower().split("/")
    return name in {"index", "readme"} or (bool(folders) and name == folders[-1])


def breadcrumb(path: str, title: str, files: SourceFiles, warnings: list[str]) -> tuple[str, ...]:
    """The folders of the page by their labels, outermost first.

    A label is read from `_category_.json`, else from `_category_.yml`. Every folder costs the page one or
    two dependencies, and a label that appears later is seen.
    """
    folders = path.split("/")[:-1]
    if is_index(path) and folders:
        folders.pop()
    labels = [
        _label("/".join(folders[: depth + 1]), files, warnings) or readable(folder) or folder
        for depth, folder in enumerate(folders)
    ]
    if labels and labels[-1].casefold() == title.casefold():
        labels.pop()
    return tuple(labels)


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


def _first_heading(content: str) -> tuple[int, int, str]:
    """Where the first heading of level one is, and its text; an empty text when there is none."""
    atx = _ATX.search(content)
    for underline in _UNDERLINE.finditer(content, 0, atx.start() if atx else len(content)):
        start = content.rfind("\n", 0, underline.start()) + 1
        text = content[start : underline.start()].strip()
        if text and text[0] not in "|>#-=":
            return start, underline.end(), text
    return (atx.start(), atx.end(), atx["text"].rstrip().rstrip("#").rstrip()) if atx else (0, 0, "")


def _plain_title(written: str | float) -> str:
    text = str(written)[:1000]
    if _MAYBE_MARKUP.search(text):
        text = _STRONG.sub(r"\1", _CODE.sub(r"\2", _HEADING_ID.sub("", text)))
    return _clean(text)


def _clean(text: str) -> str:
    """One line that PostgreSQL can hold: JSON may spell half of a surrogate pair, and NUL."""
    return _SPACES.sub(" ", text.encode("utf-8", "ignore").decode().replace("\0", "")).strip()
