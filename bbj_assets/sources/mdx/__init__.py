"""Docusaurus documentation: `.md` and `.mdx` pages with front matter, JSX, admonitions and partials.

Docusaurus reads JSX in plain `.md` too, so both are read the same way. The hardest part is not what
MDX says but what people write between tags: Java generics, BBj braces, comparisons. Text that is not
certainly markup stays.
"""

from collections.abc import Iterator, Sequence

from bbj_assets.documents import Document, Item, Json
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.mdx.frontmatter import read_front_matter, split_front_matter
from bbj_assets.sources.mdx.page import Page, decoded, new_scope
from bbj_assets.sources.mdx.render import render
from bbj_assets.sources.mdx.titles import ASIDE, breadcrumb, pick_title, title_of_file
from bbj_assets.sources.walk import partition_of, walk

VERSION = 2

_SUFFIXES = frozenset({".md", ".mdx"})

_NOT_DOCS = frozenset({"i18n", "blog", "versioned_docs", "versioned_sidebars"})
"""Folders of translations, news and old versions; a source may still have one of them as its path."""

_NOT_METADATA = frozenset({"title", "warnings"})


def discover(source: Source) -> Iterator[Item]:
    """List the pages, in the order of their paths.

    Partials are no pages: as in Docusaurus, a file or folder whose name begins with `_`.

    Raises:
        ListingError: a folder could not be read.
    """
    for root, path in walk(source, _SUFFIXES, skip_folder=_is_skipped):
        name = path.rpartition("/")[2]
        if not name.startswith("_"):
            yield Item(f"{source.name}://{path}", partition_of(path), root, path)


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:
    """Turn a page into its document, a draft too: `metadata` says so, and `exclude` in sources.toml leaves it out.

    `metadata` is the front matter, and `warnings` when something of the page could not be read.

    Raises:
        ParseError: the bytes are no text.
    """
    yaml, text = split_front_matter(decoded(raw))
    front_matter, warnings = read_front_matter(yaml)
    page = Page(files, warnings)
    values = {f"frontMatter.{key}": value for key, value in front_matter.items() if isinstance(value, str)}
    content = render(text, new_scope(item.path, text, values, (item.path,)), page)
    title, content = pick_title(front_matter, content, title_of_file(item.path, source.name))
    section_path = breadcrumb(item.path, title, files, page.warnings)
    content = page.shown(ASIDE.sub(r"\1", content) if "\x01" in content else content)
    metadata: dict[str, Json] = {key: v for key, v in front_matter.items() if key not in _NOT_METADATA}
    if page.warnings:
        metadata["warnings"] = list(page.warnings)
    description = front_matter.get("description")
    if not content.strip() and isinstance(description, str):
        content = description  # a page of cards says what it is about here, and nowhere else
    return [
        Document(
            source_url=item.key,
            title=title,
            content=content,
            section_path=section_path,
            metadata=metadata,
        )
    ]


def _is_skipped(folder: str) -> bool:
    return folder in _NOT_DOCS or folder.startswith("_")
