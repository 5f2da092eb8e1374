"""The asset checks: what `ingest.quality` asks of a source, as Dagster shows it.

One step asks all questions about an asset, because a step costs more than a question. None of them blocks: an index
with a flaw is better than the one of yesterday.

Dagster's page: https://docs.dagster.io/guides/test/asset-checks
"""

from collections.abc import Iterator
from typing import Literal

import dagster as dg

from bbj_assets.defs.instance.private_names import last_passed_check
from bbj_assets.defs.metadata import rows_table
from bbj_assets.defs.run_config import is_set
from bbj_assets.ingest.quality import CHECKS, Verdict, not_shrunk
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.database import database
from bbj_assets.store.documents import count_documents

NOT_SHRUNK = "not_shrunk"


def source_checks(*, source: Source, settings: Settings) -> list[dg.AssetChecksDefinition]:
    """Return the checks of one source's chunks and embeddings."""
    return [_checks(source, settings, "chunks"), _checks(source, settings, "embeddings")]


def _checks(source: Source, settings: Settings, asset: Literal["chunks", "embeddings"]) -> dg.AssetChecksDefinition:
    key = dg.AssetKey([source.group, asset])
    questions = [check for check in CHECKS if check.asset == asset]
    specs = [dg.AssetCheckSpec(check.name, asset=key, description=check.description) for check in questions]
    if asset == "chunks":
        description = "The source has not lost more than half of its documents."
        specs.append(dg.AssetCheckSpec(NOT_SHRUNK, asset=key, description=description))

    @dg.multi_asset_check(name=f"{source.group}__{asset}_checks", specs=specs, can_subset=True)
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        wanted = context.selected_asset_check_keys
        with database(settings) as url, connect(url) as conn:
            for check in questions:
                if dg.AssetCheckKey(key, check.name) in wanted:
                    verdict = check.judge(conn, source)
                    yield _result(key, check.name, verdict, dg.AssetCheckSeverity[check.severity])
            if dg.AssetCheckKey(key, NOT_SHRUNK) in wanted:
                verdict = _not_shrunk(context, conn, source)
                yield _result(key, NOT_SHRUNK, verdict, dg.AssetCheckSeverity.ERROR)

    return checks


def _not_shrunk(context: dg.AssetCheckExecutionContext, conn: Connection, source: Source) -> Verdict:
    key = dg.AssetCheckKey(dg.AssetKey([source.group, "chunks"]), NOT_SHRUNK)
    before = _documents_when_last_passed(context.instance, key)
    allowed = is_set(context.run, "allow_shrink")
    return not_shrunk(source, count_documents(conn, source.name), before, allowed=allowed)


def _documents_when_last_passed(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> int | None:
    evaluation = last_passed_check(instance, key)
    most = evaluation.metadata.get("most") if evaluation else None
    return most.value if most is not None and isinstance(most.value, int) else None


def _result(key: dg.AssetKey, name: str, verdict: Verdict, severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=verdict.passed,
        severity=severity,
        description=verdict.summary,
        metadata={**verdict.figures, **({"sample": rows_table(verdict.sample)} if verdict.sample else {})},
    )
