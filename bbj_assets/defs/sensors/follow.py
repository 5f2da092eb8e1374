"""Following a source: a sensor that has what changed in its files ingested, section by section.

What to do, and when, is decided by the pure functions of `ingest.following`. Here Dagster is asked what was done: a
section is up to date when a run that began after its change was seen has materialized it, whoever started that run.
"""

import time
from collections.abc import Iterator, Mapping

from dagster import (
    AddDynamicPartitionsRequest,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    AssetRecordsFilter,
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
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from bbj_assets.defs.jobs import is_told
from bbj_assets.defs.partitions import forgettable, sections_name
from bbj_assets.defs.tags import PERMANENT_TAG, RANGE_END_TAG, RANGE_START_TAG, REQUEST_TAG, SOURCE_TAG
from bbj_assets.errors import ListingError
from bbj_assets.ingest.changes import stale_partitions
from bbj_assets.ingest.fingerprints import SHARED, fingerprints
from bbj_assets.ingest.following import Watch, asked, given_up, is_due, notice, ranges, settled
from bbj_assets.ingest.visits import is_visited
from bbj_assets.settings import Settings
from bbj_assets.source import Source
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
        description=f"Looks at the files of `{source.name}` every {settings.sensor_seconds} s. What changed is "
        f"ingested when nothing has changed for {settings.quiet_seconds:g} s; new sections become partitions, and "
        "sections that are gone leave the index.",
    )
    def follow(context: SensorEvaluationContext) -> SensorResult | SkipReason:
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
    known = order if cursor else {*order, *_stored(settings, source)}
    before = Watch.loads(cursor) if cursor else Watch()
    watch = notice(before, listing, known, now)
    raw_events = [] if is_visited(source) else list(_raw_events(source, before, watch))
    watch = settled(watch, _ingested(instance, source, watch.pending))
    wanted: set[str] = set()
    if is_due(watch, now, settings.quiet_seconds) and watch.seen == before.seen and not _at_work(instance, source, now):
        if watch.attempts and _is_of_no_use(instance, watch.request):
            watch = given_up(watch)
        else:
            wanted = _wanted(settings, source, watch)
            watch = asked(watch, wanted, now)
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


def _stored(settings: Settings, source: Source) -> set[str]:
    with database(settings) as url, connect(url) as conn:
        return stored_partitions(conn, source.name)


def _wanted(settings: Settings, source: Source, watch: Watch) -> set[str]:
    """The sections to ask for: those that changed, and those with pages that are made of a file that changed.

    The pages of a site are one asset, and so Dagster takes all sections for stale when one page has changed. All are
    asked for then, which costs little.
    """
    with database(settings) as url, connect(url) as conn:
        stored = stored_partitions(conn, source.name)
        stale = stale_partitions(source.roots, stored_dependencies(conn, source.name)) if source.roots else set()
    changed = set(watch.pending) - {SHARED}
    if changed and is_visited(source):
        changed |= set(watch.seen)
    return (changed - watch.gone) | (watch.gone & stored) | stale


def _raw_events(source: Source, before: Watch, watch: Watch) -> Iterator[AssetObservation | AssetMaterialization]:
    """That sections of the raw files are there and have changed.

    Dagster takes the data version of an external asset from observations, and whether a section is there from
    materializations. The observations come first: what is built of them is stale when one is newer than the last
    materialization that it knows.
    """
    changed = [key for key in sorted(watch.seen) if key != SHARED and before.seen.get(key) != watch.seen[key]]
    for event in (AssetObservation, AssetMaterialization):
        for key in changed:
            yield event(AssetKey([source.group, "raw"]), partition=key, tags={"dagster/data_version": watch.seen[key]})


def _ingested(instance: DagsterInstance, source: Source, pending: Mapping[str, float]) -> set[str]:
    """The pending sections that a run has ingested which began after they were seen to have changed."""
    chunks = _last_materializations(instance, AssetKey([source.group, "chunks"]), pending)
    embeddings = _last_materializations(instance, AssetKey([source.group, "embeddings"]), pending)
    return {
        key
        for key, when in embeddings.items()
        if key in chunks and when >= chunks[key]
    }  # fmt: skip


def _last_materializations(
    instance: DagsterInstance, asset: AssetKey, pending: Mapping[str, float]
) -> dict[str, float]:
    keys = [key for key in pending if key != SHARED]
    if not keys:
        return {}
    found = list(_records(instance, AssetRecordsFilter(asset, keys, after_timestamp=min(pending.values()))))
    runs = {record.run_id for record in found}
    begun = {
        record.dagster_run.run_id: record.start_time or 0.0
        for record in (instance.get_run_records(RunsFilter(run_ids=list(runs))) if runs else ())
        if not is_told(record.dagster_run, "retry_failed")
    }
    return {
        record.partition_key: record.timestamp
        for record in reversed(found)
        if record.partition_key and begun.get(record.run_id, 0.0) >= pending[record.partition_key]
    }


def _records(instance: DagsterInstance, wanted: AssetRecordsFilter) -> Iterator[EventLogRecord]:
    cursor = None
    while True:
        page = instance.fetch_materializations(wanted, limit=_PAGE, cursor=cursor)
        yield from page.records
        if not page.has_more:
            return
        cursor = page.cursor


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
