"""What a parser is: the contract between the sources and everything that reads them."""

from collections.abc import Callable, Iterator, Sequence
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


class WebParser(Parser, Protocol):
    """A format that is read from the web: what was fetched is kept in the source's mirror, and listed from there.

    So a page that has not changed costs a 304, a changed parser asks no site for anything, and the parsing of pages
    is that of files.
    """

    def fetch(self, source: Source, on_progress: Callable[[int, int], None]) -> None:
        """Bring the mirror up to date with the site. `discover` lists what is in the mirror.

        A page that cannot be fetched stays as it was, with its problem. A page is removed from the mirror when the
        site says that it is gone (404, 410), or after a complete crawl that did not see it.

        Args:
            on_progress: called with (pages done, pages known so far).

        Raises:
            ListingError: the site cannot be reached at all; the mirror is as it was.
        """
        ...
