"""BASIS's Javadoc export: one JSON file per package, one document per class.

`$BBJ_HOME/documentation/javadoc/*.json` describes the whole BBj object model, so this source has every method by
name. More than half of the methods have no description and are found by their signature alone.

    <package>.json ──export──▶ Package ──page──▶ a Document per class
                                         └─docu: HTML within Markdown, as the export writes it

`export` is the shape of the JSON, `docu` converts one description, `page` builds the documents.
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
    """List the package files as `bbj_api://<package>`; each is a partition.

    Raises:
        ListingError: a folder could not be read.
    """
    for root, path in walk(source, {".json"}):
        yield Item(
            key=_SCHEME + str(PurePosixPath(path).with_suffix("")),  # including its folder, so that it is unique
            partition=partition_key(PurePosixPath(path).stem),
            root=root,
            path=path,
        )


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:  # noqa: ARG001 - the contract
    """Turn a package file into a document per class, and one for the package if it has a description.

    Raises:
        ParseError: it is not JSON, or not in the shape of the export; the message has the JSON path.
    """
    package = read_package(item.path, raw)
    return package_documents(package, url=item.key, name=PurePosixPath(item.path).stem)
