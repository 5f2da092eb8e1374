"""The asset checks: what `ingest.quality` asks of a source, as Dagster shows it.

One step asks all questions about an asset, because a step costs more than a question. None of them blocks: an index
with a flaw is better than the one of yesterday.
"""

from collections.abc import Iterator
from typing import Literal

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    DagsterInstance,
    MetadataValue,
    multi_asset_check,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from bbj_assets.defs.jobs import is_told
from bbj_assets.defs.metadata import rows_table
from bbj_assets.ingest.quality import CHECKS, Verdict, not_shrunk
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.database import database
from bbj_assets.store.documents import count_documents

NOT_SHRUNK = "not_shrunk"


def source_checks(*, source: Source, settings: Settings) -> list[AssetChecksDefinition]:
    """The checks of one source's chunks and embeddings."""
    return [_checks(source, settings, "chunks"), _checks(source, settings, "embeddings")]


def _checks(source: Source, settings: Settings, asset: Literal["chunks", "embeddings"]) -> AssetChecksDefinition:
    key = AssetKey([source.group, asset])
    questions = [check for check in CHECKS if check.asset == asset]
    specs = [AssetCheckSpec(check.name, asset=key, description=check.description) for check in questions]
    if asset == "chunks":
        specs.append(
            AssetCheckSpec(
                NOT_SHRUNK, asset=key, description="The source has not lost more than half of its documents."
            )
        )

    @multi_asset_check(name=f"{source.group}__{asset}_checks", specs=specs, can_subset=True)
    def checks(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        wanted = context.selected_asset_check_keys
        with database(settings) as url, connect(url) as conn:
            for check in questions:
                if AssetCheckKey(key, check.name) in wanted:
                    verdict = check.judge(conn, source)
                    yield _result(key, check.name, verdict, AssetCheckSeverity[check.severity])
            if AssetCheckKey(key, NOT_SHRUNK) in wanted:
                verdict = _not_shrunk(context, conn, source)
                yield _result(key, NOT_SHRUNK, verdict, AssetCheckSeverity.ERROR)

    return checks


def _not_shrunk(context: AssetCheckExecutionContext, conn: Connection, source: Source) -> Verdict:
    before = _most_when_last_good(context.instance, AssetCheckKey(AssetKey([source.group, "chunks"]), NOT_SHRUNK))
    allowed = is_told(context.run, "allow_shrink")
    return not_shrunk(source, count_documents(conn, source.name), before, allowed=allowed)


def _most_when_last_good(instance: DagsterInstance, key: AssetCheckKey) -> int | None:
    good = instance.event_log_storage.get_asset_check_execution_history(
        key, limit=1, status={AssetCheckExecutionRecordStatus.SUCCEEDED}
    )
    for record in good:
        evaluation = record.event.asset_check_evaluation if record.event else None
        most = evaluation.metadata.get("most") if evaluation else None
        if most is not None and isinstance(most.value, int):
            return most.value
    return None


def _result(key: AssetKey, name: str, verdict: Verdict, severity: AssetCheckSeverity) -> AssetCheckResult:
    metadata: dict[str, MetadataValue] = {figure: MetadataValue.int(count) for figure, count in verdict.figures.items()}
    if verdict.sample:
        metadata["sample"] = rows_table(verdict.sample)
    return AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=verdict.passed,
        severity=severity,
        description=verdict.summary,
        metadata=metadata,
    )
