"""What runs recorded of the sections that they read and embedded: fingerprints, read from Dagster's event log.

A section is up to date when a run, whatever started it, has read it as it is now and has embedded it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

import dagster as dg

from bbj_assets.defs.metadata import FINGERPRINT, SHARED_FINGERPRINT
from bbj_assets.ingest.fingerprints import GONE, SHARED
from bbj_assets.source import Source

_PAGE = 1_000
"""Events a query: SQLite limits the number of parameters."""


def indexed_fingerprints(
    instance: dg.DagsterInstance, source: Source, sections: Collection[str], *, after: int
) -> dict[str, str]:
    """Return the fingerprints of the sections that runs have read and embedded after an event, as they read them."""
    embedded = latest_events(instance, source, "embeddings", after=after, sections=sections)
    chunked = latest_events(instance, source, "chunks", after=after, sections=embedded.keys())
    complete = [event for section, event in chunked.items() if event < embedded[section]]
    return {
        record.partition_key: fingerprint
        for record in _records(instance, source, complete)
        if record.partition_key and (fingerprint := _fingerprint(record, FINGERPRINT))
    }


def read_fingerprints(
    instance: dg.DagsterInstance, source: Source, events: Iterable[int], listing: Mapping[str, str]
) -> dict[str, str]:
    """Return the fingerprints of what runs have read, by section.

    For the files that sections share (`SHARED`) the runs may differ. One that differs from the listing is returned.

    Args:
        events: the materializations of chunks to look at.
        listing: the fingerprints of the source now.
    """
    read: dict[str, str] = {}
    for record in _records(instance, source, events):
        for key, name in ((record.partition_key, FINGERPRINT), (SHARED, SHARED_FINGERPRINT)):
            fingerprint = _fingerprint(record, name)
            if key is not None and fingerprint is not None and read.get(key) in (None, listing.get(key, GONE)):
                read[key] = fingerprint
    return read


def latest_events(
    instance: dg.DagsterInstance, source: Source, asset: str, *, after: int, sections: Collection[str] | None = None
) -> Mapping[str, int]:
    """Return the newest materialization of each section, or of the given ones, as Dagster numbers its events."""
    if sections is not None and not sections:
        return {}
    return instance.get_latest_storage_id_by_partition(
        dg.AssetKey([source.group, asset]),
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        None if sections is None else set(sections),
        after_cursor=after,
    )


def _records(instance: dg.DagsterInstance, source: Source, events: Iterable[int]) -> Iterator[dg.EventLogRecord]:
    """Yield the materializations of a source's chunks that have these numbers."""
    wanted, chunks = sorted(events), dg.AssetKey([source.group, "chunks"])
    for start in range(0, len(wanted), _PAGE):
        page = dg.AssetRecordsFilter(chunks, storage_ids=wanted[start : start + _PAGE])
        yield from instance.fetch_materializations(page, limit=_PAGE).records


def _fingerprint(record: dg.EventLogRecord, name: str) -> str | None:
    """Return a fingerprint that a run recorded; None for a run that took up only failures."""
    materialization = record.asset_materialization
    value = materialization.metadata.get(name) if materialization else None
    return value.value if isinstance(value, dg.TextMetadataValue) else None
