"""The assets: a module for each of the three of a source, and one for those over all sources.

Here belong asset definitions, their configuration, and what decides when Dagster builds them again. A body translates:
Dagster's context in, a plain function called, its report out as metadata. Work on documents does not belong here, nor
do jobs, sensors or schedules.

Dagster's page: https://docs.dagster.io/guides/build/assets/defining-assets
"""

from collections.abc import Sequence

import dagster as dg

from bbj_assets.defs.assets.chunks import chunks_asset
from bbj_assets.defs.assets.embeddings import embeddings_asset
from bbj_assets.defs.assets.over_all import FAILURES, SEARCH_INDEX, failures_asset, search_index_asset
from bbj_assets.defs.assets.raw import crawled_asset, raw_spec
from bbj_assets.ingest.fetching import is_web
from bbj_assets.settings import Settings
from bbj_assets.source import Source

__all__ = ["FAILURES", "SEARCH_INDEX", "failures_asset", "search_index_asset", "source_assets"]


def source_assets(
    *, source: Source, sources: Sequence[Source], settings: Settings
) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    """Return the lineage of one source: raw, chunks, embeddings. Adding a source is editing the table of sources.

    Args:
        sources: all of the table; pages of a source that is not among them may become this one's.
    """
    raw = raw_spec(source=source, settings=settings)
    chunks = chunks_asset(source=source, raw=raw.key, sources={each.name for each in sources}, settings=settings)
    return [
        crawled_asset(source=source, raw=raw) if is_web(source) else raw,
        chunks,
        embeddings_asset(source=source, chunks=chunks.key, settings=settings),
    ]
