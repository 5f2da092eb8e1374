"""A MadCap Flare project: topics made of snippets, variables and conditions, and books made of topics.

What a writer sees in Flare is not what is in a topic's file, and most of what goes wrong with an index of a Flare
project is that its files are read as if they were pages: menus and keywords are indexed, the text of snippets is
not, and every page stands alone. So a topic is first made whole, as a build does it, and then read.

    topic ──markup──▶ tree ──expansion──▶ plain HTML ──sources.html──▶ Markdown
                              ▲ snippets      ▲ definitions: tables of contents, variables
"""

from collections.abc import Iterator, Sequence

from bbj_assets.documents import Document, Item
from bbj_assets.source import Source
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.flare.facts import derive
from bbj_assets.sources.flare.links import CONTENT
from bbj_assets.sources.flare.page import read_topic
from bbj_assets.sources.walk import partition_of, walk

__all__ = ["VERSION", "derive", "discover", "parse"]

VERSION = 2

_SCHEME = "flare://"
_SUFFIXES = frozenset({".htm", ".html"})


def discover(source: Source) -> Iterator[Item]:
    """List the topics: `flare://Content/<path>`, a partition each top folder of Content.

    Only Content is looked at: the built help often lies beside it, and has every page once more.

    Raises:
        ListingError: a folder could not be read, or the path holds no Content.
    """
    for root, path in walk(source, _SUFFIXES, below=CONTENT):
        yield Item(_SCHEME + path, partition_of(path.removeprefix(CONTENT)), root, path)


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:
    """Turn a topic into its document, or into none if its conditions leave it out.

    `metadata` has the `conditions` of the topic, the `keywords` of the index that lead to it, and `warnings` for its
    writer: a missing snippet, a variable that nothing defines, XML that is not well-formed.

    Raises:
        ParseError: the file is no topic.
    """
    return read_topic(source, item, raw, files)
