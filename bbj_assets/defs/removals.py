"""Reporting to Dagster the sections that were removed from the index by something else than a run over them.

Their files are as they were, so the sensor of the source would see nothing to do. With these reports it sees that the
index holds none of them, and has them ingested again if sources.toml has their source, now or later.
"""

from collections.abc import Collection

import dagster as dg

from bbj_assets.defs.metadata import FINGERPRINT
from bbj_assets.ingest.fingerprints import GONE
from bbj_assets.source import asset_group


def report_removed_partitions(instance: dg.DagsterInstance, source: str, sections: Collection[str], why: str) -> None:
    """Record that there are no chunks of a source's sections any more."""
    for key in sorted(sections):
        removed = dg.AssetMaterialization(
            dg.AssetKey([asset_group(source), "chunks"]),
            partition=key,
            description=why,
            metadata={"chunks_total": 0, FINGERPRINT: GONE},
        )
        instance.report_runless_asset_event(removed)
