"""Which parser a name in sources.toml means. Adding a parser is adding a line here."""

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
    """A parser by the module that holds it, imported when it is first needed.

    Attributes:
        module: satisfies `Parser`.
        reads: `files` below the source's paths, or the `web` from its url.
        options: what its table in sources.toml may say besides the keys of all that read the same.
        one_source: its URLs do not name the source, so a second source of it would take the first one's pages.
    """

    module: str
    reads: Literal["files", "web"] = "files"
    options: frozenset[str] = frozenset()
    one_source: bool = False

    @property
    def keys(self) -> frozenset[str]:
        """What may be written in a table of sources.toml that names this parser."""
        return _EVERY_SOURCE | _READING[self.reads] | self.options

    def load(self) -> Parser:
        """The parser itself."""
        return cast("Parser", importlib.import_module(self.module))

    def load_web(self) -> WebParser:
        """The parser of a source that `reads` the web."""
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
"""Every parser by its name."""
