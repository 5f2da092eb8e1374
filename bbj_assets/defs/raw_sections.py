"""What Dagster knows of the raw files of a source: a data version for each section.

Dagster takes the data version of an external asset from observations, and whether a section exists from
materializations. What ingests a section reports first what the section looks like: a later look that finds the same
is no change then, and nothing that was built shows as out of date.
"""

from collections.abc import Iterator, Mapping

import dagster as dg

from bbj_assets.ingest.fingerprints import SHARED
from bbj_assets.source import Source

_DATA_VERSION = "dagster/data_version"


def known_sections(instance: dg.DagsterInstance, source: Source) -> dict[str, str]:
    """Return the fingerprint of each raw section that was last reported to Dagster."""
    tags = instance.event_log_storage.get_latest_tags_by_partition(
        _raw(source), dg.DagsterEventType.ASSET_MATERIALIZATION, [_DATA_VERSION]
    )
    return {section: found[_DATA_VERSION] for section, found in tags.items()}


def changed_section_events(
    source: Source, *, known: Mapping[str, str], listing: Mapping[str, str]
) -> Iterator[dg.AssetObservation | dg.AssetMaterialization]:
    """Yield the events that report the sections of a listing that are new or have changed.

    The observations come first: what is built of a section is stale when an observation is newer than the last
    materialization that it knows.
    """
    changed = [key for key in sorted(listing) if key != SHARED and known.get(key) != listing[key]]
    for event in (dg.AssetObservation, dg.AssetMaterialization):
        for key in changed:
            yield event(_raw(source), partition=key, tags={_DATA_VERSION: listing[key]})


def _raw(source: Source) -> dg.AssetKey:
    return dg.AssetKey([source.group, "raw"])
