"""Telling Dagster of sections that were removed from the index by something else than a run over them.

Their files are as they were, so whoever follows them would see nothing to do. Told that the index holds none of them,
it has them ingested again if they are of a source that sources.toml has, now or later.
"""

from collections.abc import Collection

from dagster import AssetKey, AssetMaterialization, DagsterInstance, MetadataValue

from bbj_assets.defs.metadata import FINGERPRINT
from bbj_assets.ingest.fingerprints import GONE
from bbj_assets.source import asset_group


def report_removed_partitions(instance: DagsterInstance, source: str, sections: Collection[str], why: str) -> None:
    """Record that there are no chunks of a source's sections any more."""
    for key in sorted(sections):
        removed = AssetMaterialization(
            AssetKey([asset_group(source), "chunks"]),
            partition=key,
            description=why,
            metadata={"chunks_total": MetadataValue.int(0), FINGERPRINT: MetadataValue.text(GONE)},
        )
        instance.report_runless_asset_event(removed)
