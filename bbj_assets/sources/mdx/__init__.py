"""Docusaurus documentation: `.md` and `.mdx` pages with front matter, JSX, admonitions and partials.

Docusaurus reads JSX in plain `.md` too, so both are parsed the same way. The hardest part is not MDX itself but the
text between tags: Java generics, BBj braces, comparisons. Text that is not certainly markup stays.

    page.decode ──▶ front matter ──▶ render: one pass over the text ──▶ title and breadcrumb ──▶ Page.restore
                                         ├ places      the patterns of all places that differ from Markdown
                                         ├ tags        elements and components
                                         ├ containers  tables, lists and quotes of HTML
                                         └ writer      copies the text between them

Conversion of HTML itself does not belong here: it is in `bbj_assets.convert.html`.
"""

from collections.abc import Iterator, Sequence

from bbj_assets.documents import Document, Item, Json
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.mdx.frontmatter import read_front_matter, split_front_matter
from bbj_assets.sources.mdx.marks import show_asides
from bbj_assets.sources.mdx.page import Page, decode, new_scope
from bbj_assets.sources.mdx.render import render
from bbj_assets.sources.mdx.titles import breadcrumb, pick_title, title_of_file
from bbj_assets.sources.walk import partition_of, walk

VERSION = 2

_SUFFIXES = frozenset({".md", ".mdx"})

_NOT_DOCS = frozenset({"i18n", "blog", "versioned_docs", "versioned_sidebars"})
"""Folders of translations, news and old versions. The path of a source may still be one of them."""

_NOT_METADATA = frozenset({"title", "warnings"})


def discover(source: Source) -> Iterator[Item]:
    """List the pages in the order of their paths.

    A file or folder whose name begins with `_` holds partials and is skipped, as in Docusaurus.

    Raises:
        ListingError: a folder could not be read.
    """
    for root, path in walk(source, _SUFFIXES, skip_folder=_is_skipped):
        name = path.rpartition("/")[2]
        if not name.startswith("_"):
            yield Item(f"{source.name}://{path}", partition_of(path), root, path)


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:
    """Parse a page into its document.

    A draft is a document too: `metadata` says that it is one, and `exclude` in sources.toml can leave it out.
    `metadata` is the front matter, and `warnings` when a part of the page could not be read.

    Raises:
        ParseError: the bytes are not text.
    """
    yaml, text = split_front_matter(decode(raw))
    front_matter, warnings = read_front_matter(yaml)
    page = Page(files, warnings)
    values = {f"frontMatter.{key}": value for key, value in front_matter.items() if isinstance(value, str)}
    content = render(text, new_scope(item.path, text=text, values=values, trail=(item.path,)), page)
    title, content = pick_title(front_matter, content, fallback=title_of_file(item.path, source_name=source.name))
    section_path, category_warnings = breadcrumb(item.path, files, title=title)
    page.warnings.extend(category_warnings)
    content = page.restore(show_asides(content))
    metadata: dict[str, Json] = {key: v for key, v in front_matter.items() if key not in _NOT_METADATA}
    if page.warnings:
        metadata["warnings"] = list(page.warnings)
    description = front_matter.get("description")
    if not content.strip() and isinstance(description, str):
        content = description  # a page of cards has no other text
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
