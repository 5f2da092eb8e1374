"""`bbj-assets report`: the index in numbers, and warnings about what looks wrong."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bbj_assets.cli.forgetting import warnings_of_leftovers
from bbj_assets.errors import ConfigurationError
from bbj_assets.settings import Settings, load_sources
from bbj_assets.store.connection import connect
from bbj_assets.store.corpus import CorpusCounts, corpus_counts
from bbj_assets.store.database import database
from bbj_assets.store.models import Model, active_model

_UNTAGGED_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Report:
    """What the index holds, and what a keeper should look at."""

    counts: CorpusCounts
    model: Model | None
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "model": self.model.name if self.model else None,
            "sources": [asdict(source) for source in self.counts.sources],
            "generations": self.counts.generations,
            "doc_types": self.counts.doc_types,
            "warnings": list(self.warnings),
        }


def corpus_report(settings: Settings) -> Report:
    """Count the index and compare it with the table of sources, where there is one.

    Raises:
        DatabaseError: the database cannot be reached.
    """
    try:
        config = load_sources(settings, check_paths=False)
    except ConfigurationError:  # the index can be counted without its table
        config = None
    with database(settings) as url, connect(url) as conn:
        model = active_model(conn)
        counts = corpus_counts(conn, model)
        left = warnings_of_leftovers(conn, config) if config else []
    expected = [source.name for source in config.sources] if config else []
    return Report(counts, model, (*warnings_about(counts, expected), *left))


def warnings_about(counts: CorpusCounts, expected: Sequence[str]) -> list[str]:
    """What looks wrong with the expected sources (with all, where none is known), each with its remedy."""
    filled = {source.source for source in counts.sources if source.documents}
    found = [
        f"{name}: empty. Run `bbj-ingest-all --source {name}`; if it stays so, check its paths."
        for name in expected
        if name not in filled
    ]
    for source in counts.sources:
        if expected and source.source not in expected:
            continue
        if source.untagged > source.documents * _UNTAGGED_SHARE:
            found.append(
                f"{source.source}: {source.untagged} of {source.documents} documents have no generation. "
                "Set generation_tag in sources.toml, or extend the tables of enrichment."
            )
        if source.embedded < source.chunks:
            found.append(
                f"{source.source}: {source.chunks - source.embedded} of {source.chunks} chunks have no vector. "
                f"Run `bbj-ingest-all --source {source.source}`."
            )
        if source.failures:
            found.append(f"{source.source}: {source.failures} failures. `bbj-ingest-all --retry-failed` tries again.")
    return found


def print_report(report: Report) -> None:
    """Print the counts as tables, then the warnings."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("Source", *(_right(name) for name in ("Documents", "Chunks", "Embedded", "Untagged", "Failures")))
    for s in report.counts.sources:
        table.add_row(s.source, *(f"{n:,}" for n in (s.documents, s.chunks, s.embedded, s.untagged, s.failures)))
    console.print(table)
    for heading, counts in (("Generation", report.counts.generations), ("Type", report.counts.doc_types)):
        table = Table(heading, _right("Documents"))
        for name, count in counts.items():
            table.add_row(name, f"{count:,}")
        console.print(table)
    console.print(f"Active model: {report.model.name if report.model else 'none yet'}")
    for warning in report.warnings:
        console.print(f"Warning: {warning}", style="yellow", soft_wrap=True)


def _right(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - rich is imported late
    from rich.table import Column

    return Column(name, justify="right")
