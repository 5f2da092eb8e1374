"""One source, and the length of its chunks: what parsers and chunkers need.

Apart from `settings` and `source_table`, because worker processes need these records, and not the half second that
importing pydantic-settings takes.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """How long chunks are, in estimated tokens (`chunking.estimate_tokens`)."""

    target_tokens: int = 400
    overlap_tokens: int = 50

    @property
    def hard_limit(self) -> int:
        """The length beyond which a code block, a table row or a list item is cut, at lines."""
        return 2 * self.target_tokens


@dataclass(frozen=True, slots=True)
class Source:
    """One source, its paths resolved.

    Attributes:
        name: as in sources.toml, for example `mdx-dwc`.
        parser: a name of `sources.registry`.
        roots: absolute folders (or single files) to read; empty for web sources.
        url: where a web source starts.
        generation_tag: a generation that all its documents get, or `auto`.
        display_url: base of the URLs shown to readers, without a trailing slash.
        exclude: glob patterns of paths below a root that are not documentation.
        exclude_conditions: Flare condition tags whose topics and blocks are left out, as in a build target.
        mirror: the folder of the pages that a web source has fetched; None for other sources.
        requests_per_second: the highest rate of requests to the site of a web source.
        concurrency: the highest number of requests in flight.
        post_types: the post types of a WordPress site (`posts`, `epkb_post_type_1`); empty for all that hold articles.
    """

    name: str
    parser: str
    roots: tuple[Path, ...] = ()
    url: str | None = None
    generation_tag: str = "auto"
    description: str = ""
    display_url: str | None = None
    exclude: tuple[str, ...] = ()
    exclude_conditions: tuple[str, ...] = ()
    mirror: Path | None = None
    requests_per_second: float = 2.0
    concurrency: int = 2
    post_types: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The name in asset keys and groups of Dagster, such as `mdx_dwc`."""
        return asset_group(self.name)


def asset_group(name: str) -> str:
    """Return a source's name as it stands in asset keys and groups of Dagster.

    >>> asset_group("mdx-dwc")
    'mdx_dwc'
    """
    return name.replace("-", "_")
