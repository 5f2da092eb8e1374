"""BASIS's Javadoc export: one JSON file a package, one document a class.

`$BBJ_HOME/documentation/javadoc/*.json` describes the whole BBj object model, so it is the source that knows
every method by name; more than half of them have no description, and are found by their signature alone.

    <package>.json ──export──▶ Package ──page──▶ Document a class
                                         └─docu: HTML within Markdown, as the export writes it
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from bbj_assets.documents import Document, Item
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.javadoc.export import read_package
from bbj_assets.sources.javadoc.page import package_documents
from bbj_assets.sources.walk import partition_key, walk

__all__ = ["VERSION", "discover", "parse"]

VERSION = 2

_SCHEME = "bbj_api://"


def discover(source: Source) -> Iterator[Item]:
    """List the package files: `bbj_api://<package>`, a partition each.

    Raises:
        ListingError: a folder could not be read.
    """
    for root, path in walk(source, {".json"}):
        yield Item(
            key=_SCHEME + str(PurePosixPath(path).with_suffix("")),  # with its folder, so that it is unique
            partition=partition_key(PurePosixPath(path).stem),
            root=root,
            path=path,
        )


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:  # noqa: ARG001 - the contract
    """Turn a package file into a document for each class, and one for a package with a text of its own.

    Raises:
        ParseError: it is not JSON, or not of the export's shape; the message has the JSON path.
    """
    return package_documents(item.key, PurePosixPath(item.path).stem, read_package(item.path, raw))
