"""Manuals that exist only as PDF: one document for each section, with the text that the pages show."""

from collections.abc import Iterator, Sequence

from bbj_assets.convert.pdf import documents
from bbj_assets.documents import Document, Item
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.walk import partition_key, walk

VERSION = 2

_SCHEME = "pdf://"


def discover(source: Source) -> Iterator[Item]:
    """List the PDFs as `pdf://<path>`, each in its own partition.

    Raises:
        ListingError: a folder could not be read.
    """
    for root, path in walk(source, {".pdf"}):
        yield Item(_SCHEME + path, partition_key(path), root, path)


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:  # noqa: ARG001 - the contract
    """Convert a file to one document per section, at `pdf://<path>#<slug of its title>`.

    Raises:
        ParseError: the file cannot be opened, or has no text.
    """
    return documents(raw, name=item.path, url=item.key)
