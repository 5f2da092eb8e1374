"""The index in numbers, with the warnings of the checks.

Which state is worth a warning is the business of `ingest.quality`, whose checks Dagster shows as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from bbj_assets.errors import ConfigurationError
from bbj_assets.forget import leftover_warnings
from bbj_assets.ingest.quality import CHECKS
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.source_table import SourceTable, load_sources
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.corpus import CorpusCounts, corpus_counts
from bbj_assets.store.database import database
from bbj_assets.store.models import Model, active_model


@dataclass(frozen=True, slots=True)
class Report:
    """The counts of the index, the active model, and warnings with their remedies."""

    counts: CorpusCounts
    model: Model | None
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the report as plain data."""
        return {
            "model": self.model.name if self.model else None,
            "sources": [asdict(source) for source in self.counts.sources],
            "generations": self.counts.generations,
            "doc_types": self.counts.doc_types,
            "warnings": list(self.warnings),
        }


def corpus_report(settings: Settings) -> Report:
    """Count the index, and check every source of the table; every source of the index if there is no table.

    Raises:
        DatabaseError: the database cannot be reached.
    """
    try:
        table = load_sources(settings, check_paths=False)
    except ConfigurationError:  # the index can be counted without its table
        table = None
    with database(settings) as url, connect(url) as conn:
        model = active_model(conn)
        counts = corpus_counts(conn, model)
        sources = table.sources if table else [Source(each.source, parser="") for each in counts.sources]
        return Report(counts, model, tuple(_warnings(conn, sources, table)))


def _warnings(conn: Connection, sources: Sequence[Source], table: SourceTable | None) -> Iterator[str]:
    for source in sources:
        verdicts = [check.judge(conn, source) for check in CHECKS]
        yield from (f"{source.name}: {verdict.summary}" for verdict in verdicts if not verdict.passed)
    if table:
        yield from leftover_warnings(conn, table)
