"""Runs of whole sources from the command line: in this process, on the instance that the web UI reads.

A launched run costs six seconds before its first step. `execute_in_process` costs half a second, needs no daemon, and
is recorded in the same way.
"""

from collections.abc import Mapping

import dagster as dg

from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.defs.jobs import SEARCH_INDEX_JOB, crawl_job_name, ingest_job_name
from bbj_assets.defs.partitions import register_sections
from bbj_assets.defs.raw_sections import changed_section_events, known_sections
from bbj_assets.defs.removals import report_removed_partitions
from bbj_assets.defs.run_config import ingest_config
from bbj_assets.defs.run_errors import error_of
from bbj_assets.defs.tags import INVOCATION_TAG, RANGE_END_TAG, RANGE_START_TAG
from bbj_assets.ingest.fetching import is_web
from bbj_assets.ingest.fingerprints import fingerprints
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.documents import delete_source, stored_partitions
from bbj_assets.store.locks import source_lock
from bbj_assets.store.outages import explaining


def run_source(
    defs: dg.Definitions, instance: dg.DagsterInstance, url: str, source: Source, options: IngestOptions
) -> str | None:
    """Bring a source up to date in one run over all its sections, and return the error of a run that failed.

    The site of a web source is crawled first, in a run of its own, because the sections are not known before.

    Raises:
        ListingError: the source cannot be listed, so there is nothing to run over.
        DatabaseError: its sections cannot be looked up.
    """
    if is_web(source):
        error = _execute(defs.resolve_job_def(crawl_job_name(source)), instance, options)
        if error is not None:
            return error
    else:
        known = known_sections(instance, source)
        for event in changed_section_events(source, known=known, listing=fingerprints(source)):
            instance.report_runless_asset_event(event)
    keys = _register(instance, url, source)
    if options.clean:
        _remove(instance, url, source)
    if not keys:
        return None
    error = _execute(
        defs.resolve_job_def(ingest_job_name(source)),
        instance,
        options,
        tags={RANGE_START_TAG: keys[0], RANGE_END_TAG: keys[-1]},
        config=ingest_config(source, options),
    )
    _register(instance, url, source)  # deletes the sections that are gone now
    return error


def run_search_index(defs: dg.Definitions, instance: dg.DagsterInstance, options: IngestOptions) -> str | None:
    """Build the search index, and return the error of a run that failed."""
    return _execute(defs.resolve_job_def(SEARCH_INDEX_JOB), instance, options)


def _register(instance: dg.DagsterInstance, url: str, source: Source) -> list[str]:
    with explaining(f"look up the sections of {source.name!r}", url), connect(url) as conn:
        return register_sections(instance, conn, source)


def _remove(instance: dg.DagsterInstance, url: str, source: Source) -> None:
    with explaining(f"look up the sections of {source.name!r}", url), connect(url) as conn:
        with source_lock(conn, source.name):
            removed = stored_partitions(conn, source.name)
            delete_source(conn, source.name)
        report_removed_partitions(instance, source.name, removed, "Removed, to be ingested anew.")


def _execute(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    options: IngestOptions,
    *,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, object] | None = None,
) -> str | None:
    invocation = {INVOCATION_TAG: options.invocation} if options.invocation else {}
    level = "INFO" if options.verbose else "CRITICAL"
    result = job.execute_in_process(
        instance=instance,
        tags={**(tags or {}), **invocation},
        run_config={**(config or {}), "loggers": {"console": {"config": {"log_level": level}}}},
        raise_on_error=False,
    )
    if result.success:
        return None
    return error_of(result.all_events) or "The run failed; Dagster's UI has its log."
