"""What Dagster is told of the raw files of a source, and what it knows of them: a data version for each section.

Dagster takes the data version of an external asset from observations, and whether a section is there from
materializations. Whoever ingests a section tells it first what the section looks like: a later look that finds the
same is no news then, and nothing that was built shows as out of date.
"""

from collections.abc import Iterator, Mapping

from dagster import AssetKey, AssetMaterialization, AssetObservation, DagsterEventType, DagsterInstance

from bbj_assets.ingest.fingerprints import SHARED
from bbj_assets.source import Source

_DATA_VERSION = "dagster/data_version"


def known_sections(instance: DagsterInstance, source: Source) -> dict[str, str]:
    """The fingerprint of each raw section that Dagster was told of last."""
    tags = instance.event_log_storage.get_latest_tags_by_partition(
        _raw(source), DagsterEventType.ASSET_MATERIALIZATION, [_DATA_VERSION]
    )
    return {section: found[_DATA_VERSION] for section, found in tags.items()}


def news_of_sections(
    source: Source, known: Mapping[str, str], listing: Mapping[str, str]
) -> Iterator[AssetObservation | AssetMaterialization]:
    """That sections of the raw files are there and have changed.

    The observations come first: what is built of them is stale when one is newer than the last materialization that
    it knows.
    """
    changed = [key for key in sorted(listing) if key != SHARED and known.get(key) != listing[key]]
    for event in (AssetObservation, AssetMaterialization):
        for key in changed:
            yield event(_raw(source), partition=key, tags={_DATA_VERSION: listing[key]})


def _raw(source: Source) -> AssetKey:
    return AssetKey([source.group, "raw"])
