"""Following a source: a sensor that has what changed in its files ingested, section by section.

What to do, and when, is decided by the pure functions of `ingest.following`. Here Dagster and the store are asked what
was done, and the decision becomes a `SensorResult`.

This is no automation condition (as that of `assets.automation`), because conditions do not know: that a source has to
be quiet first, that at most four runs over ranges are better than one a section, that a failed request is repeated with
a growing delay, and that a file changed while a run read it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import dagster as dg

from bbj_assets.defs.instance.private_names import AssetJob
from bbj_assets.defs.partitions import deletable_sections, sections_name
from bbj_assets.defs.raw_sections import changed_section_events, known_sections
from bbj_assets.defs.recorded_fingerprints import indexed_fingerprints, latest_events, read_fingerprints
from bbj_assets.defs.tags import PERMANENT_TAG, RANGE_END_TAG, RANGE_START_TAG, REQUEST_TAG, SOURCE_TAG
from bbj_assets.defs.unfinished_runs import unfinished_runs
from bbj_assets.errors import ConfigurationError, ListingError
from bbj_assets.ingest.changes import stale_partitions
from bbj_assets.ingest.fetching import is_web
from bbj_assets.ingest.fingerprints import GONE, SHARED, fingerprints
from bbj_assets.ingest.following import (
    SensorCursor,
    mark_stale,
    observe,
    ranges,
    ready_sections,
    request_sections,
    resolve,
    wait_for_change,
)
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.source_table import load_sources
from bbj_assets.store.connection import connect
from bbj_assets.store.database import database
from bbj_assets.store.documents import stored_dependencies, stored_partitions

_ABANDONED_AFTER = 3600.0
"""Seconds that a run is waited for which was created and not started: nothing ends it when the process that created it
was killed. The daemon ends all others if they are lost, and a run that lives may take hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLook:
    """A source as a tick found it.

    Attributes:
        listing: its fingerprints, by section.
        now: when they were taken (seconds, epoch).
    """

    instance: dg.DagsterInstance
    source: Source
    settings: Settings
    listing: Mapping[str, str]
    now: float


def follow_sensor(*, source: Source, job: AssetJob, settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that rebuilds what changed in a source, section by section."""

    @dg.sensor(
        name=f"follow_{source.group}",
        job=job,
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Looks at the files of {source.name} every {settings.sensor_seconds} s. What changed is "
        f"ingested when nothing has changed for {settings.quiet_seconds:g} s; new sections become partitions, and "
        "sections that are gone leave the index.",
    )
    def follow(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not _is_enabled(settings, source):
            reason = f"{source.name!r} is not enabled in {settings.config} any more."
            return dg.SkipReason(f"{reason} This sensor goes when the code location is reloaded.")
        try:
            listing = fingerprints(source)
        except ListingError as error:
            return dg.SkipReason(str(error))
        look = SourceLook(instance=context.instance, source=source, settings=settings, listing=listing, now=time.time())
        return tick(look, context.cursor)

    return follow


def tick(look: SourceLook, stored_cursor: str | None) -> dg.SensorResult:
    """Return what is to be done about a source, and the cursor for the next tick."""
    partitions = list(look.instance.get_dynamic_partitions(sections_name(look.source)))
    previous = SensorCursor.loads(stored_cursor)
    if previous is not None:
        known, reported = set(partitions), previous.seen
    else:
        previous, known, reported = _first_cursor(look, partitions)
    observed = observe(previous, look.listing, known=known, now=look.now)
    compared = _compare_with_runs(look, observed)
    cursor, wanted = _request(look, compared)
    new = sorted({*look.listing, *wanted} - {SHARED, *partitions})
    return dg.SensorResult(
        run_requests=_run_requests(look.source, cursor, order=[*partitions, *new], wanted=wanted),
        dynamic_partitions_requests=_partition_requests(
            look, new=new, removed=set(partitions) - set(look.listing) - set(cursor.pending)
        ),
        asset_events=[]
        if is_web(look.source)
        else list(changed_section_events(look.source, known=reported, listing=look.listing)),
        cursor=cursor.dumps(),
    )


def _is_enabled(settings: Settings, source: Source) -> bool:
    """Return whether the table still has it: what was forgotten must not come back because the code is of yesterday."""
    try:
        return source.name in {each.name for each in load_sources(settings, check_paths=False).sources}
    except ConfigurationError:  # it is just being written
        return True


def _first_cursor(look: SourceLook, partitions: Sequence[str]) -> tuple[SensorCursor, set[str], Mapping[str, str]]:
    """Return the cursor of a source without one, the sections that are known, and those reported to Dagster.

    The cursor is as if the source had been seen as it is in the index, as far as its raw sections were reported.
    """
    with database(look.settings) as url, connect(url) as conn:
        stored = stored_partitions(conn, look.source.name)
    reported = known_sections(look.instance, look.source)
    seen = {
        section: fingerprint
        for section, fingerprint in indexed_fingerprints(look.instance, look.source, stored, after=0).items()
        if is_web(look.source) or reported.get(section) == fingerprint
    }
    latest = max(latest_events(look.instance, look.source, "chunks", after=0).values(), default=0)
    cursor = SensorCursor(seen=seen, last_event_id=latest, event_id_before_request=latest)
    return cursor, {*partitions, *stored}, reported


def _compare_with_runs(look: SourceLook, cursor: SensorCursor) -> SensorCursor:
    """Return the cursor after what runs did since the last tick: stale sections are pending, ingested ones are not."""
    events = latest_events(look.instance, look.source, "chunks", after=cursor.last_event_id).values()
    read = read_fingerprints(look.instance, look.source, events, look.listing)
    marked = replace(mark_stale(cursor, read, now=look.now), last_event_id=max(events, default=cursor.last_event_id))
    indexed = indexed_fingerprints(
        look.instance, look.source, set(marked.pending) - {SHARED}, after=marked.event_id_before_request
    )
    return resolve(
        marked, {section for section, read_as in indexed.items() if read_as == marked.seen.get(section, GONE)}
    )


def _request(look: SourceLook, cursor: SensorCursor) -> tuple[SensorCursor, set[str]]:
    """Return the cursor after a request of what is ready, and the requested sections."""
    ready = ready_sections(cursor, now=look.now, quiet=look.settings.quiet_seconds)
    if ready and cursor.attempts and not cursor.waits_for_change and _would_end_alike(look.instance, cursor):
        cursor = wait_for_change(cursor)
        ready = ready_sections(cursor, now=look.now, quiet=look.settings.quiet_seconds)
    if not ready or _is_busy(look):
        return cursor, set()
    wanted = _wanted(look, cursor, ready)
    return request_sections(cursor, ready=ready, wanted=wanted, now=look.now), wanted


def _wanted(look: SourceLook, cursor: SensorCursor, ready: set[str]) -> set[str]:
    """Return the sections to request: the ready ones, and those with pages that are made of a file that changed.

    The pages of a site are one asset, so Dagster shows all sections as stale when one page has changed. All are
    requested then, which costs little.
    """
    with database(look.settings) as url, connect(url) as conn:
        stored = stored_partitions(conn, look.source.name)
        dependencies = stored_dependencies(conn, look.source.name) if look.source.roots else {}
    stale = stale_partitions(look.source.roots, dependencies) if look.source.roots else set()
    changed = ready - {SHARED}
    if changed and is_web(look.source):
        changed |= set(cursor.seen)
    not_ready = set(cursor.pending) - ready
    return (changed - cursor.removed) | (ready & cursor.removed & stored) | (stale - not_ready)


def _is_busy(look: SourceLook) -> bool:
    """Return whether a run over the source is under way or waiting, whatever started it."""
    return any(not _is_abandoned(record, look.now) for record in unfinished_runs(look.instance, look.source))


def _is_abandoned(record: dg.RunRecord, now: float) -> bool:
    age = now - record.create_timestamp.timestamp()
    return record.dagster_run.status is dg.DagsterRunStatus.NOT_STARTED and age >= _ABANDONED_AFTER


def _would_end_alike(instance: dg.DagsterInstance, cursor: SensorCursor) -> bool:
    """Return whether the last request's runs were canceled by a person, or would fail again in the same way."""
    return cursor.request_id is not None and any(
        run.status is dg.DagsterRunStatus.CANCELED or PERMANENT_TAG in run.tags
        for run in instance.get_runs(dg.RunsFilter(tags={REQUEST_TAG: cursor.request_id}))
    )


def _run_requests(
    source: Source, cursor: SensorCursor, *, order: Sequence[str], wanted: set[str]
) -> list[dg.RunRequest]:
    return [
        dg.RunRequest(
            run_key=f"{source.name}/{cursor.request_id}/{first}",
            tags={
                SOURCE_TAG: source.name,
                REQUEST_TAG: cursor.request_id or "",
                RANGE_START_TAG: first,
                RANGE_END_TAG: last,
            },
        )
        for first, last in ranges(order, wanted)
    ]


def _partition_requests(
    look: SourceLook, *, new: Sequence[str], removed: set[str]
) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    name = sections_name(look.source)
    deletable = deletable_sections(look.instance, look.source, removed)
    return [
        *([dg.AddDynamicPartitionsRequest(name, new)] if new else []),
        *([dg.DeleteDynamicPartitionsRequest(name, deletable)] if deletable else []),
    ]
