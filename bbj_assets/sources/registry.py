"""Which parser a name in sources.toml means. Adding a parser is adding a line here."""

import importlib
from dataclasses import dataclass
from typing import Literal, cast

from bbj_assets.sources.parser import Parser


@dataclass(frozen=True, slots=True)
class Registration:
    """A parser by the module that holds it, imported when it is first needed.

    Attributes:
        module: satisfies `Parser`.
        reads: `files` below the source's paths, or the `web` from its url.
    """

    module: str
    reads: Literal["files", "web"] = "files"

    def load(self) -> Parser:
        """The parser itself."""
        return cast("Parser", importlib.import_module(self.module))


PARSERS = {
    "mdx": Registration("bbj_assets.sources.mdx"),
    "javadoc": Registration("bbj_assets.sources.javadoc"),
    "bbj-source": Registration("bbj_assets.sources.bbj_source"),
}
"""Every parser by its name."""
