"""Runs of whole sources from the command line: in this process, on the instance that the web UI reads.

A launched run costs six seconds before its first step; `execute_in_process` costs half a second, needs no
daemon, and is recorded in the same way.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from dagster import DagsterInstance, Definitions, ExecuteInProcessResult
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from sqlalchemy import Engine, QueuePool, create_engine

from bbj_assets.defs.jobs import SEARCH_INDEX_JOB, ingest_config, ingest_job_name, visit_job_name
from bbj_assets.defs.partitions import register_sections
from bbj_assets.defs.raw_sections import known_sections, news_of_sections
from bbj_assets.defs.removals import report_removed_partitions
from bbj_assets.defs.run_errors import error_of
from bbj_assets.defs.source_run import SourceRun
from bbj_assets.defs.tags import INVOCATION_TAG, RANGE_END_TAG, RANGE_START_TAG
from bbj_assets.ingest.fetching import is_web
from bbj_assets.ingest.fingerprints import fingerprints
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets.store.documents import delete_source, stored_partitions
from bbj_assets.store.locks import source_lock
from bbj_assets.store.outages import explaining


def open_instance(settings: Settings) -> DagsterInstance:
    """The Dagster instance of this installation: DAGSTER_HOME if that is set, else `<home>/dagster`.

    Fit for runs in several threads of this process, which Dagster's own is not, for two reasons. Its compute logs
    redirect the whole process's stdout while a step runs. And it configures the `logging` module at the start of
    every run, which takes the module's lock and then each handler's, while a run that emits an event takes them in
    the other order: two runs at once soon wait for each other for ever. So that is done once, here.

    Its SQLite storage makes an engine for every event, which compiles every statement anew, and a connection for
    every statement, which reads the schema anew: four tenths of what a run without changes costs. Here engines and
    connections are kept for as long as the process lives.

    It sends no telemetry, whatever dagster.yaml says or if there is none.
    """
    overrides = {
        "compute_logs": {"module": NoOpComputeLogManager.__module__, "class": NoOpComputeLogManager.__name__},
        "telemetry": {"enabled": False},
    }
    _keep_engines()
    reference = InstanceRef.from_dir(str(dagster_home(settings)), overrides=overrides)
    instance = DagsterInstance.from_ref(reference)
    handlers = instance.get_yaml_python_handlers()
    instance.get_yaml_python_handlers = lambda: handlers  # type: ignore[method-assign]
    return instance


class _KeptPool(QueuePool):
    """Outlives the `dispose` that ends each use of an engine."""

    def dispose(self) -> None:
        pass

    def recreate(self) -> Self:
        return self


def _keep_engines() -> None:
    engines: dict[str, Engine] = {}

    def engine(url: str, **options: Any) -> Engine:
        key = f"{url} {options}"
        if key not in engines:
            engines[key] = create_engine(url, **{**options, "poolclass": _KeptPool})
        return engines[key]

    for module in (sqlite_event_log, sqlite_run_storage):
        module.create_engine = engine  # type: ignore[attr-defined]


def dagster_home(settings: Settings) -> Path:
    """The folder of Dagster's state, made on first use with the dagster.yaml that lies beside sources.toml."""
    given = os.environ.get("DAGSTER_HOME")
    if given:
        return Path(given)
    home = settings.home.absolute() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    configuration, template = home / "dagster.yaml", settings.config.parent / "dagster.yaml"
    if not configuration.exists() and template.exists():
        configuration.write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    return home


def run_source(defs: Definitions, instance: DagsterInstance, url: str, source: Source, run: SourceRun) -> str | None:
    """Bring a source up to date in one run over all its sections; gives the error of a run that failed.

    The site of a web source is visited first, in a run of its own, because the sections are not known before.

    Raises:
        ListingError: the source cannot be listed, so there is nothing to run over.
        DatabaseError: its sections cannot be looked up.
    """
    looking = f"look up the sections of {source.name!r}"
    if is_web(source):
        error = _error(
            defs.resolve_job_def(visit_job_name(source)).execute_in_process(
                instance=instance, tags=_tags(run), run_config=_quiet(run), raise_on_error=False
            )
        )
        if error is not None:
            return error
    else:
        for event in news_of_sections(source, known_sections(instance, source), fingerprints(source)):
            instance.report_runless_asset_event(event)
    with explaining(looking, url), connect(url) as conn:
        keys = register_sections(instance, conn, source)
        if run.clean:
            with source_lock(conn, source.name):
                removed = stored_partitions(conn, source.name)
                delete_source(conn, source.name)
            report_removed_partitions(instance, source.name, removed, "Removed, to be ingested anew.")
    if not keys:
        return None
    result = defs.resolve_job_def(ingest_job_name(source)).execute_in_process(
        instance=instance,
        tags={RANGE_START_TAG: keys[0], RANGE_END_TAG: keys[-1], **_tags(run)},
        run_config={**ingest_config(source, run), **_quiet(run)},
        raise_on_error=False,
    )
    with explaining(looking, url), connect(url) as conn:
        register_sections(instance, conn, source)  # forgets the sections that are gone now
    return _error(result)


def run_search_index(defs: Definitions, instance: DagsterInstance, run: SourceRun) -> str | None:
    """Build the search index; gives the error if that failed."""
    result = defs.resolve_job_def(SEARCH_INDEX_JOB).execute_in_process(
        instance=instance, tags=_tags(run), run_config=_quiet(run), raise_on_error=False
    )
    return _error(result)


def _tags(run: SourceRun) -> dict[str, str]:
    return {INVOCATION_TAG: run.invocation} if run.invocation else {}


def _quiet(run: SourceRun) -> Mapping[str, object]:
    return {"loggers": {"console": {"config": {"log_level": "INFO" if run.verbose else "CRITICAL"}}}}


def _error(result: ExecuteInProcessResult) -> str | None:
    if result.success:
        return None
    return error_of(result.all_events) or "The run failed; Dagster's UI has its log."
