"""A MadCap Flare project: topics made of snippets, variables and conditions, and books made of topics.

The file of a topic does not hold the page that a reader sees. An index that reads the files as pages holds menus and
keywords, lacks the text of snippets, and knows no breadcrumbs. So a topic is first expanded, as in a build of Flare,
and then read.

    topic ──markup──▶ tree ──expansion──▶ plain HTML ──convert.html──▶ Markdown
                              ▲ snippets      ▲ facts: tables of contents, variables

Conversion of HTML itself does not belong here: it is in `bbj_assets.convert.html`.
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
    """List the topics as `flare://Content/<path>`. Each top folder of Content is a partition.

    Only Content is listed: the built help is often beside it and holds every page again.

    Raises:
        ListingError: a folder could not be read, or the path has no Content.
    """
    for root, path in walk(source, _SUFFIXES, below=CONTENT):
        yield Item(_SCHEME + path, partition_of(path.removeprefix(CONTENT)), root, path)


def parse(source: Source, item: Item, raw: bytes, files: SourceFiles) -> Sequence[Document]:
    """Parse a topic into its document, or into none if its conditions leave it out.

    `metadata` has the `conditions` of the topic, the `keywords` of the index that lead to it, and `warnings` for its
    writer: a missing snippet, an undefined variable, XML that is not well-formed.

    Raises:
        ParseError: the file is not a topic.
    """
    return read_topic(source, item, raw, files)
