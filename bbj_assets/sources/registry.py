"""The parsers by their names in sources.toml. To add a parser, add a line to `PARSERS`."""

import importlib
from dataclasses import dataclass
from typing import Literal, cast

from bbj_assets.sources.parser import Parser, WebParser

_EVERY_SOURCE = frozenset({"name", "parser", "generation_tag", "enabled", "description", "exclude"})
_READING = {
    "files": frozenset({"paths"}),
    "web": frozenset({"url", "requests_per_second", "concurrency"}),
}


@dataclass(frozen=True, slots=True)
class Registration:
    """A parser, by the name of its module; the module is imported on first use.

    Attributes:
        module: the full name of a module that satisfies `Parser`.
        reads: `files` below the source's paths, or the `web` from its url.
        options: keys of its table in sources.toml, besides the keys of every parser that reads files, or the web.
        one_source: True if its URLs do not include the name of the source. Two sources would then overwrite each
            other's pages, so only one is allowed.
    """

    module: str
    reads: Literal["files", "web"] = "files"
    options: frozenset[str] = frozenset()
    one_source: bool = False

    @property
    def keys(self) -> frozenset[str]:
        """Return the keys that a table of sources.toml with this parser may have."""
        return _EVERY_SOURCE | _READING[self.reads] | self.options

    def load(self) -> Parser:
        """Import and return the parser."""
        return cast("Parser", importlib.import_module(self.module))

    def load_web(self) -> WebParser:
        """Import and return a parser that `reads` the web."""
        return cast("WebParser", importlib.import_module(self.module))


PARSERS = {
    "flare": Registration(
        "bbj_assets.sources.flare", options=frozenset({"display_url", "exclude_conditions"}), one_source=True
    ),
    "pdf": Registration("bbj_assets.sources.pdf", one_source=True),
    "mdx": Registration("bbj_assets.sources.mdx", options=frozenset({"display_url"})),
    "javadoc": Registration("bbj_assets.sources.javadoc", one_source=True),
    "bbj-source": Registration("bbj_assets.sources.bbj_source", one_source=True),
    "wordpress": Registration("bbj_assets.sources.wordpress", reads="web", options=frozenset({"post_types"})),
    "web-crawl": Registration("bbj_assets.sources.web_crawl", reads="web"),
}
"""Each parser by its name."""
