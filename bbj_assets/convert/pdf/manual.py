"""A whole PDF as documents: one for each section, in the order of the pages."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from bbj_assets.convert.pdf.blocks import to_markdown
from bbj_assets.convert.pdf.geometry import Line, lines_of
from bbj_assets.convert.pdf.headings import section_levels
from bbj_assets.convert.pdf.layout import Layout, lay_out
from bbj_assets.convert.pdf.lines import page_lines
from bbj_assets.convert.pdf.reading import open_pdf
from bbj_assets.convert.pdf.reflow import plain
from bbj_assets.convert.pdf.sections import Section, heading_sections, outline_sections, targets, titled_lines
from bbj_assets.convert.pdf.structure import OutlineEntry, read_structure
from bbj_assets.documents import Document, Json
from bbj_assets.errors import ParseError

_NOT_IN_SLUGS = re.compile(r"[^\w\s-]")
_NO_TITLE = re.compile(
    r"^untitled|^microsoft (?:word|powerpoint)|^(?:document|presentation)\d*$"
    r"|\.(?:ai|docx?|dvi|fm|book|indd|key|odt|pdf|pptx?|pub|qxd|rtf|tex|txt)$",
    re.IGNORECASE,
)
"""What programs write into the title property when the author entered none."""

_LARGE_TITLE = 1.4
"""Times the body size: the least size of a title on the first page."""

_TITLE_CHARACTERS = range(4, 101)
"""Length of a heading on the first page that may be the title of the manual."""

_EMPTY_PAGES_WITHOUT_WARNING = 2
_EMPTY_SHARE_WITHOUT_WARNING = 10
"""Covers and separator pages have no text: 2 pages, or one page in 10, need no warning."""

_EMPTY_PAGES_SHOWN = 10


def documents(raw: bytes, *, name: str, url: str) -> Sequence[Document]:
    """Convert the bytes of a PDF to documents.

    Args:
        raw: the file.
        name: the file's name, for messages, and for the title when the file has none.
        url: the source_url of the text before the first section. A section is at `<url>#<slug of its title>`, the
            second one with the same title at `<url>#<slug>-2`.

    Returns:
        A document for each section that has text of its own. `metadata` has `pages`, the first and the last page of
        the section, from 1; `author`, when the file names one; and, on the first document, `warnings` about pages
        without text and about parts of the file that cannot be read.

    Raises:
        ParseError: the file cannot be opened, or has no text.
    """
    with open_pdf(raw, name) as pdf:
        structure = read_structure(raw, page_count=pdf.page_count)
        pages: list[list[Line]] = []
        rotations: list[int] = []
        for number, page in enumerate(pdf.pages()):
            pages.append(page_lines(number, page))
            rotations.append(page.rotation)
    if not any(any(map(str.isalnum, line.text)) for lines in pages for line in lines):
        raise ParseError(
            f"{name}: no text layer: its {len(pages)} pages are pictures. Add one with OCR (`ocrmypdf`), or leave "
            "the file out with `exclude` in sources.toml."
        )
    layout, sections = _sections(pages, structure.outline, rotations)
    title, title_units = _title(structure.title, layout, sections, PurePosixPath(name).stem)
    first = sections[0].start if sections else len(layout.units)
    sections = [Section(title, (), 0, min(title_units, first), first), *sections]
    metadata: dict[str, Json] = {"author": structure.author} if structure.author else {}
    found = _section_documents(layout, sections, url=url, metadata=metadata)
    return _with_warnings(found, [*structure.warnings, *_empty_page_warnings(pages)])


def _section_documents(
    layout: Layout, sections: Sequence[Section], *, url: str, metadata: dict[str, Json]
) -> list[Document]:
    """Return the documents of the sections; the first one holds the text before all others."""
    title = sections[0].title
    contents = [to_markdown(layout, section.start + section.heading, section.end) for section in sections]
    urls = _urls(url, sections)
    found = []
    for at in _worth_a_document(sections, contents):
        section = sections[at]
        path = section.path if at == 0 or (*section.path, section.title)[0] == title else (title, *section.path)
        page_numbers = [line.page + 1 for line in lines_of(layout.units[section.start : section.end])]
        first_and_last: list[Json] = [min(page_numbers), max(page_numbers)]
        found.append(
            Document(
                source_url=urls[at],
                title=section.title,
                content=contents[at],
                section_path=path,
                metadata={**metadata, "pages": first_and_last},
            )
        )
    return found


def _worth_a_document(sections: Sequence[Section], contents: Sequence[str]) -> list[int]:
    """Return the indices of the sections that become documents.

    A section with content does. A section that is only a heading does, unless the section after it becomes a document
    that has this heading in its path.
    """
    worth: list[int] = []
    for at in range(len(sections) - 1, -1, -1):
        section = sections[at]
        full_path = (*section.path, section.title)
        in_next_path = worth[-1:] == [at + 1] and sections[at + 1].path[: len(full_path)] == full_path
        if contents[at] or (section.heading and not in_next_path):
            worth.append(at)
    return worth[::-1]


def _urls(url: str, sections: Sequence[Section]) -> list[str]:
    """Return the URL of each section: that of the manual for the first one, with a slug for the others."""
    urls = [url]
    taken: dict[str, int] = {}
    for section in sections[1:]:
        slug = re.sub(r"[\s_-]+", "-", _NOT_IN_SLUGS.sub("", section.title.casefold())).strip("-") or "section"
        taken[slug] = taken.get(slug, 0) + 1
        urls.append(f"{url}#{slug}-{taken[slug]}" if taken[slug] > 1 else f"{url}#{slug}")
    return urls


def _sections(
    pages: Sequence[Sequence[Line]], outline: Sequence[OutlineEntry], rotations: Sequence[int]
) -> tuple[Layout, list[Section]]:
    """Lay out the pages and divide them by the outline, or by headings when no entry has a target."""
    found = targets(outline, rotations)
    layout = lay_out(pages, titled_lines(outline, found, pages))
    if found:
        return layout, outline_sections(outline, found, layout)
    return layout, heading_sections(layout, section_levels(layout.units, layout.headings))


def _title(title_property: str, layout: Layout, sections: Sequence[Section], stem: str) -> tuple[str, int]:
    """Return the title of the manual, and how many units at its start consist of just that title.

    The title is, in this order: the title property of the file; the title of the section that contains all others; a
    large heading on the first page before all sections; the name of the file.
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
    if title_property and not _NO_TITLE.search(title_property):
        return title_property, count if title_property.casefold() == shown.casefold() else 0
    others = sections[1:]
    if others and not sections[0].path and all(section.path[:1] == (sections[0].title,) for section in others):
        return sections[0].title, 0
    return (shown, count) if len(shown) in _TITLE_CHARACTERS else (stem, 0)


def _empty_page_warnings(pages: Sequence[Sequence[Line]]) -> list[str]:
    """Return a warning that names the pages without text, unless they are few."""
    empty = [number for number, lines in enumerate(pages, 1) if not lines]
    if len(empty) <= max(_EMPTY_PAGES_WITHOUT_WARNING, len(pages) // _EMPTY_SHARE_WITHOUT_WARNING):
        return []
    shown = ", ".join(map(str, empty[:_EMPTY_PAGES_SHOWN])) + (", ..." if len(empty) > _EMPTY_PAGES_SHOWN else "")
    return [f"{len(empty)} of {len(pages)} pages have no text layer: {shown}."]


def _with_warnings(found: Sequence[Document], warnings: Sequence[str]) -> Sequence[Document]:
    """Return the documents with the warnings in the metadata of the first one."""
    if not warnings or not found:
        return found
    return [replace(found[0], metadata={**found[0].metadata, "warnings": list(warnings)}), *found[1:]]
