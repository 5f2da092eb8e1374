"""Manuals that exist only as PDF: a document a section, of the text that the pages show.

A PDF holds glyphs at places: no words, no paragraphs, no order. So a page is put together from its geometry, and
each step is a module that can be read and tested by itself:

    bytes ──reading──▶ Words ──lines──▶ Lines ──furniture, order, tables──▶ Units (layout) ──headings──▶
          ──sections (outline, or headings)──▶ Section ──blocks, paragraphs, lists, code, reflow──▶ Markdown
"""

from collections.abc import Iterator, Sequence

from bbj_assets.documents import Document, Item
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.walk import partition_key, walk

__all__ = ["VERSION", "discover", "documents", "parse"]

VERSION = 1

_SCHEME = "pdf://"


def discover(source: Source) -> Iterator[Item]:
    """List the PDFs: `pdf://<path>`, a partition each.

    Raises:
        ListingError: a folder could not be read.
    """
    for root, path in walk(source, {".pdf"}):
        yield Item(_SCHEME + path, partition_key(path), root, path)


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:  # noqa: ARG001 - the contract
    """Turn a file into a document a section, at `pdf://<path>#<slug of its title>`.

    Raises:
        ParseError: it cannot be opened, or has no text.
    """
    return documents(raw, name=item.path, url=item.key)


def documents(raw: bytes, *, name: str, url: str) -> Sequence[Document]:
    """Turn the bytes of a PDF, from wherever they come, into documents: `manual.documents` says which.

    Args:
        raw: the file.
        name: of the file, for messages, and for its title when it has none.
        url: the source_url of what stands before the first section; a section is at `<url>#<slug of its title>`.

    Raises:
        ParseError: it cannot be opened, or has no text.
    """
    from bbj_assets.sources.pdf import manual  # loads the PDF library, which a listing does not need

    return manual.documents(raw, name=name, url=url)
