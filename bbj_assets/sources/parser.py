"""The contract between the parsers and the code that calls them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from bbj_assets.documents import Document, Item
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles


class Parser(Protocol):
    """A parser of one format. Modules of `bbj_assets.sources` satisfy it; `registry` maps names to them."""

    VERSION: int
    """Increase it when the same bytes would yield other documents: the documents are then parsed again."""

    def discover(self, source: Source) -> Iterator[Item]:
        """List the items of the source in a stable order, without reading them.

        Raises:
            ListingError: the listing is incomplete.
        """
        ...

    def parse(self, source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:
        """Turn an item into its documents; none for a file that is not a page of its own.

        Args:
            source: the source of the item.
            item: what to parse.
            raw: the bytes of the item.
            files: read access to other files; what is read becomes a dependency.

        Raises:
            ParseError: the item cannot be read. Any other exception is a bug.
        """
        ...


class WebParser(Parser, Protocol):
    """A parser of pages from the web. Fetched pages are kept in the source's mirror and listed from there.

    So an unchanged page costs one 304 response, a changed parser causes no request, and pages are parsed like files.
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
