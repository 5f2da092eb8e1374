"""Following a source: a sensor that has what changed in its files ingested, section by section.

What to do, and when, is decided by the pure functions of `ingest.following`. Here Dagster is asked what was done: a
section is up to date when a run, whoever started it, has read it as it is now and has embedded it.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from dagster import (
    AddDynamicPartitionsRequest,
    AssetKey,
    AssetRecordsFilter,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    DeleteDynamicPartitionsRequest,
    EventLogRecord,
    RunRecord,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    TextMetadataValue,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from bbj_assets.defs.metadata import FINGERPRINT, SHARED_FINGERPRINT
from bbj_assets.defs.partitions import forgettable, sections_name
from bbj_assets.defs.raw_sections import known_sections, news_of_sections
from bbj_assets.defs.tags import PERMANENT_TAG, RANGE_END_TAG, RANGE_START_TAG, REQUEST_TAG, SOURCE_TAG
from bbj_assets.errors import ConfigurationError, ListingError
from bbj_assets.ingest.changes import stale_partitions
from bbj_assets.ingest.fetching import is_web
from bbj_assets.ingest.fingerprints import GONE, SHARED, fingerprints
from bbj_assets.ingest.following import Watch, asked, doubted, due, given_up, notice, ranges, settled
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.source_table import load_sources
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.documents import stored_dependencies, stored_partitions

_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_PAGE = 1_000
_PATIENCE = 3600.0
"""Seconds that a run is waited for which was made and not begun: nobody ends it when its maker was killed. All others
the daemon ends if they are lost, and a run that lives may take hours."""


def follow_sensor(*, source: Source, job: UnresolvedAssetJobDefinition, settings: Settings) -> SensorDefinition:
    """Rebuild what changed in a source, section by section."""

    @sensor(
        name=f"follow_{source.group}",
        job=job,
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Looks at the files of {source.name} every {settings.sensor_seconds} s. What changed is "
        f"ingested when nothing has changed for {settings.quiet_seconds:g} s; new sections become partitions, and "
        "sections that are gone leave the index.",
    )
    def follow(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        if not _is_enabled(settings, source):
            said = f"{source.name!r} is not enabled in {settings.config} any more."
            return SkipReason(f"{said} This sensor goes when the code location is reloaded.")
        try:
            listing = fingerprints(source)
        except ListingError as error:
            return SkipReason(str(error))
        return tick(context.instance, source, settings, listing, context.cursor, time.time())

    return follow


def tick(
    instance: DagsterInstance,
    source: Source,
    settings: Settings,
    listing: Mapping[str, str],
    cursor: str | None,
    now: float,
) -> SensorResult:
    """What is to be done about a source that looks like `listing` now."""
    order = list(instance.get_dynamic_partitions(sections_name(source)))
    before = Watch.loads(cursor)
    if before:
        known, told = set(order), before.seen
    else:
        stored = _stored(settings, source)
        known, told = {*order, *stored}, known_sections(instance, source)
        before = _first_watch(instance, source, stored, told)
    watch = notice(before, listing, known, now)
    raw_events = [] if is_web(source) else list(news_of_sections(source, told, watch.seen))
    news = _latest(instance, source, "chunks", after=before.heard)
    watch = doubted(watch, _read(instance, source, news, listing), now)
    watch = replace(watch, heard=max([before.heard, *news.values()]))
    watch = settled(watch, _ingested(instance, source, watch))
    wanted: set[str] = set()
    ready = due(watch, now, settings.quiet_seconds)
    if ready and watch.attempts and not watch.given_up and _is_of_no_use(instance, watch.request):
        watch = given_up(watch)
        ready = due(watch, now, settings.quiet_seconds)
    if ready and not _at_work(instance, source, now):
        wanted = _wanted(settings, source, watch, ready)
        watch = asked(watch, ready, wanted, now)
    new = sorted(({*listing, *wanted} - {SHARED}) - set(order))
    forgotten = forgettable(instance, source, set(order) - set(listing) - set(watch.pending))
    order = [*order, *new]
    return SensorResult(
        run_requests=[
            RunRequest(
                run_key=f"{source.name}/{watch.request}/{first}",
                tags={
                    SOURCE_TAG: source.name,
                    REQUEST_TAG: watch.request,
                    RANGE_START_TAG: first,
                    RANGE_END_TAG: last,
                },
            )
            for first, last in ranges(order, wanted)
        ],
        dynamic_partitions_requests=[
            *([AddDynamicPartitionsRequest(sections_name(source), new)] if new else []),
            *([DeleteDynamicPartitionsRequest(sections_name(source), forgotten)] if forgotten else []),
        ],
        asset_events=raw_events,
        cursor=watch.dumps(),
    )


def _is_enabled(settings: Settings, source: Source) -> bool:
    """Whether the table has it still: what was forgotten must not come back because the code is of yesterday."""
    try:
        return source.name in {each.name for each in load_sources(settings, check_paths=False).sources}
    except ConfigurationError:  # somebody is writing it
        return True


def _stored(settings: Settings, source: Source) -> set[str]:
    with database(settings) as url, connect(url) as conn:
        return stored_partitions(conn, source.name)


def _wanted(settings: Settings, source: Source, watch: Watch, ready: set[str]) -> set[str]:
    """The sections to ask for: those that are due, and those with pages that are made of a file that changed.

    The pages of a site are one asset, and so Dagster takes all sections for stale when one page has changed. All are
    asked for then, which costs little.
    """
    with database(settings) as url, connect(url) as conn:
        stored = stored_partitions(conn, source.name)
        stale = stale_partitions(source.roots, stored_dependencies(conn, source.name)) if source.roots else set()
    changed = ready - {SHARED}
    if changed and is_web(source):
        changed |= set(watch.seen)
    wait_for_their_turn = set(watch.pending) - ready
    return (changed - watch.gone) | (ready & watch.gone & stored) | (stale - wait_for_their_turn)


def _first_watch(instance: DagsterInstance, source: Source, stored: set[str], told: Mapping[str, str]) -> Watch:
    """As if the source had been seen as it is in the index, as far as Dagster was told of the raw sections."""
    seen = {
        section: fingerprint
        for section, fingerprint in _in_index(instance, source, stored, after=0).items()
        if is_web(source) or told.get(section) == fingerprint
    }
    latest = max(_latest(instance, source, "chunks", after=0).values(), default=0)
    return Watch(seen=seen, heard=latest, asked_after=latest)


def _ingested(instance: DagsterInstance, source: Source, watch: Watch) -> set[str]:
    """The pending sections that are in the index as they are now, since they were asked for."""
    found = _in_index(instance, source, set(watch.pending) - {SHARED}, after=watch.asked_after)
    return {section for section, fingerprint in found.items() if fingerprint == watch.seen.get(section, GONE)}


def _in_index(instance: DagsterInstance, source: Source, sections: set[str], *, after: int) -> dict[str, str]:
    """The sections that runs have read and embedded after an event, with the fingerprints of what they have read."""
    embedded = _latest(instance, source, "embeddings", after=after, sections=sections)
    chunked = _latest(instance, source, "chunks", after=after, sections=embedded.keys())
    complete = [event for section, event in chunked.items() if event < embedded[section]]
    return {
        record.partition_key: fingerprint
        for record in _records(instance, source, complete)
        if record.partition_key and (fingerprint := _fingerprint(record, FINGERPRINT))
    }


def _read(
    instance: DagsterInstance, source: Source, news: Mapping[str, int], listing: Mapping[str, str]
) -> dict[str, str]:
    """The fingerprints of what the runs since the last tick have read; of what sections share one that differs."""
    read: dict[str, str] = {}
    for record in _records(instance, source, news.values()):
        for key, name in ((record.partition_key, FINGERPRINT), (SHARED, SHARED_FINGERPRINT)):
            fingerprint = _fingerprint(record, name)
            if key is not None and fingerprint is not None and read.get(key) in (None, listing.get(key, GONE)):
                read[key] = fingerprint
    return read


def _latest(
    instance: DagsterInstance, source: Source, asset: str, *, after: int, sections: Collection[str] | None = None
) -> Mapping[str, int]:
    """The newest materialization of each section, or of those that are named, as Dagster numbers its events."""
    if sections is not None and not sections:
        return {}
    return instance.get_latest_storage_id_by_partition(
        AssetKey([source.group, asset]),
        DagsterEventType.ASSET_MATERIALIZATION,
        None if sections is None else set(sections),
        after_cursor=after,
    )


def _records(instance: DagsterInstance, source: Source, events: Iterable[int]) -> Iterator[EventLogRecord]:
    """The materializations of a source's chunks that have these numbers."""
    wanted, chunks = sorted(events), AssetKey([source.group, "chunks"])
    for start in range(0, len(wanted), _PAGE):
        page = AssetRecordsFilter(chunks, storage_ids=wanted[start : start + _PAGE])
        yield from instance.fetch_materializations(page, limit=_PAGE).records


def _fingerprint(record: EventLogRecord, name: str) -> str | None:
    """What a run says that it has read; None of one that took up only failures."""
    materialization = record.asset_materialization
    value = materialization.metadata.get(name) if materialization else None
    return value.value if isinstance(value, TextMetadataValue) else None


def _at_work(instance: DagsterInstance, source: Source, now: float) -> bool:
    """Whether a run over the source is under way or waiting, whoever started it."""
    return any(
        (
            record.dagster_run.tags.get(SOURCE_TAG) == source.name
            or any(key.path[0] == source.group for key in record.dagster_run.asset_selection or ())
        )
        and not _is_abandoned(record, now)
        for record in instance.get_run_records(RunsFilter(statuses=_UNFINISHED))
    )


def _is_abandoned(record: RunRecord, now: float) -> bool:
    age = now - record.create_timestamp.timestamp()
    return record.dagster_run.status is DagsterRunStatus.NOT_STARTED and age >= _PATIENCE


def _is_of_no_use(instance: DagsterInstance, request: str) -> bool:
    """Whether the runs of a request were canceled by a person, or would fail again in the same way."""
    return any(
        run.status is DagsterRunStatus.CANCELED or PERMANENT_TAG in run.tags
        for run in instance.get_runs(RunsFilter(tags={REQUEST_TAG: request}))
    )
