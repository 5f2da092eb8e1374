"""What a parser is: the contract between the sources and everything that reads them."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from bbj_assets.documents import Document, Item
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles


class Parser(Protocol):
    """One format. Modules of `bbj_assets.sources` satisfy it; `registry` maps names to them."""

    VERSION: int
    """Raised whenever the same bytes would give other documents, so that they are parsed anew."""

    def discover(self, source: Source) -> Iterator[Item]:
        """List the source's items, in a stable order, without reading them.

        Raises:
            ListingError: the listing is not complete.
        """
        ...

    def parse(self, source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:
        """Turn an item into its documents (none, for a file that is no page of its own).

        Raises:
            ParseError: the item cannot be read; any other exception is a bug.
        """
        ...
