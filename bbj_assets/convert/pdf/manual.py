"""A whole PDF as documents: one a section, in the order of the pages."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from bbj_assets.convert.pdf.blocks import to_markdown
from bbj_assets.convert.pdf.geometry import Line, lines_of
from bbj_assets.convert.pdf.headings import section_levels
from bbj_assets.convert.pdf.layout import Layout, lay_out
from bbj_assets.convert.pdf.lines import page_lines
from bbj_assets.convert.pdf.reading import OutlineEntry, open_pdf
from bbj_assets.convert.pdf.reflow import plain
from bbj_assets.convert.pdf.sections import Section, heading_sections, outline_sections, targets, titled_lines
from bbj_assets.documents import Document, Json
from bbj_assets.errors import ParseError

_NOT_IN_SLUGS = re.compile(r"[^\w\s-]")
_NO_TITLE = re.compile(
    r"^untitled|^microsoft (?:word|powerpoint)|^(?:document|presentation)\d*$"
    r"|\.(?:ai|docx?|dvi|fm|book|indd|key|odt|pdf|pptx?|pub|qxd|rtf|tex|txt)$",
    re.IGNORECASE,
)
"""What programs write as a title when nobody gave one."""

_LARGE_TITLE = 1.4
"""Times the size of the text, on the first page."""


def documents(raw: bytes, *, name: str, url: str) -> Sequence[Document]:
    """Turn the bytes of a PDF into documents.

    Args:
        raw: the file.
        name: of the file, for messages, and for its title when it has none.
        url: the source_url of what stands before the first section; a section is at `<url>#<slug of its title>`,
            the second one of that title at `<url>#<slug>-2`.

    Returns:
        A document for each section that says something. `metadata` has `pages`, its first and its last one, from 1;
        `author`, when the file names one; `warnings`, on the first document, when pages have no text.

    Raises:
        ParseError: it cannot be opened, or has no text.
    """
    with open_pdf(raw, name) as pdf:
        outline = list(pdf.outline())
        title, author = pdf.property("Title"), pdf.property("Author")
        pages: list[list[Line]] = []
        turns: list[int] = []
        for number, page in enumerate(pdf.pages()):
            pages.append(page_lines(number, page))
            turns.append(page.turn)
    if not any(any(map(str.isalnum, line.text)) for lines in pages for line in lines):
        raise ParseError(
            f"{name}: no text layer: its {len(pages)} pages are pictures. Add one with OCR (`ocrmypdf`), or leave "
            "the file out with `exclude` in sources.toml."
        )
    layout, sections = _sections(pages, outline, turns)
    title, title_units = _title(title, layout, sections, PurePosixPath(name).stem)
    metadata: dict[str, Json] = {"author": author} if author else {}
    first = sections[0].start if sections else len(layout.units)
    sections = [Section(title, (), 0, min(title_units, first), first), *sections]
    contents = [to_markdown(layout, section.start + section.heading, section.end) for section in sections]
    urls = _urls(url, sections)
    found = []
    for at in _worth_a_document(sections, contents):
        section = sections[at]
        path = section.path if at == 0 or (*section.path, section.title)[0] == title else (title, *section.path)
        pages_of_section = [line.page + 1 for line in lines_of(layout.units[section.start : section.end])]
        shown: list[Json] = [min(pages_of_section), max(pages_of_section)]
        found.append(
            Document(
                source_url=urls[at],
                title=section.title,
                content=contents[at],
                section_path=path,
                metadata={**metadata, "pages": shown},
            )
        )
    return _with_warnings(found, pages)


def _worth_a_document(sections: Sequence[Section], contents: Sequence[str]) -> list[int]:
    """Those that say something, or whose heading would not be said otherwise: in the path of what follows them."""
    worth: list[int] = []
    for at in range(len(sections) - 1, -1, -1):
        section = sections[at]
        named = (*section.path, section.title)
        in_path = worth[-1:] == [at + 1] and sections[at + 1].path[: len(named)] == named
        if contents[at] or (section.heading and not in_path):
            worth.append(at)
    return worth[::-1]


def _urls(url: str, sections: Sequence[Section]) -> list[str]:
    """The URL of the manual for the first one, which stands before all sections; slugs below it for the others."""
    urls = [url]
    taken: dict[str, int] = {}
    for section in sections[1:]:
        slug = re.sub(r"[\s_-]+", "-", _NOT_IN_SLUGS.sub("", section.title.casefold())).strip("-") or "section"
        taken[slug] = taken.get(slug, 0) + 1
        urls.append(f"{url}#{slug}-{taken[slug]}" if taken[slug] > 1 else f"{url}#{slug}")
    return urls


def _sections(
    pages: Sequence[Sequence[Line]], outline: Sequence[OutlineEntry], turns: Sequence[int]
) -> tuple[Layout, list[Section]]:
    leads_to = targets(outline, turns)
    layout = lay_out(pages, titled_lines(outline, leads_to, pages))
    if leads_to:
        return layout, outline_sections(outline, leads_to, layout)
    return layout, heading_sections(layout, section_levels(layout.units, layout.headings))


def _title(said: str, layout: Layout, sections: Sequence[Section], stem: str) -> tuple[str, int]:
    """The title of the manual, and how many units at its start say just that.

    It is the title that the file has; or else that of the section which holds all others; or else a large heading on
    the first page, before all sections; or else the name of the file.
    """
    before = sections[0].start if sections else len(layout.units)
    shown, count = "", 0
    for heading in layout.headings.values():
        lines = list(lines_of(layout.units[heading.start : heading.start + heading.count]))
        if heading.start >= before or lines[0].page > 0 or lines[0].size < _LARGE_TITLE * layout.typography.size:
            break
        if heading.level == 0:
            shown, count = plain(lines, layout.typography.words), 0 if heading.start else heading.count
            break
    if said and not _NO_TITLE.search(said):
        return said, count if said.casefold() == shown.casefold() else 0
    others = sections[1:]
    if others and not sections[0].path and all(section.path[:1] == (sections[0].title,) for section in others):
        return sections[0].title, 0
    return (shown, count) if 4 <= len(shown) <= 100 else (stem, 0)


def _with_warnings(found: Sequence[Document], pages: Sequence[Sequence[Line]]) -> Sequence[Document]:
    """Say of pages without text that they are not in the index; a few, covers and the like, are no news."""
    empty = [number for number, lines in enumerate(pages, 1) if not lines]
    if len(empty) <= max(2, len(pages) // 10):
        return found
    shown = ", ".join(map(str, empty[:10])) + (", ..." if len(empty) > 10 else "")
    warning = f"{len(empty)} of {len(pages)} pages have no text layer: {shown}."
    return [replace(found[0], metadata={**found[0].metadata, "warnings": [warning]}), *found[1:]]
