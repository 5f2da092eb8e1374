"""The checks of an ingested source. A verdict that does not pass names the remedy.

Every check is a function of a connection and a source, without Dagster. Dagster shows the verdicts as asset checks, and
`bbj-assets report` shows them as warnings, so a remedy names the command as well as the action in Dagster.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bbj_assets.ingest.shrink_guard import lost_too_much
from bbj_assets.source import Source
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import count_documents
from bbj_assets.store.failures import StoredFailure, list_failures
from bbj_assets.store.models import active_model
from bbj_assets.store.shortfalls import (
    SAMPLE,
    Shortfall,
    chunks_without_vector,
    documents_titled_alike,
    documents_without_generation,
)

_MOST_UNTAGGED = 0.25
_MOST_ALIKE = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check.

    Attributes:
        summary: what was found, with the remedy if the check does not pass.
        figures: exact counts.
        sample: a few of the rows that were found, as a table.
    """

    passed: bool
    summary: str
    figures: Mapping[str, int] = field(default_factory=dict)
    sample: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a source.

    Attributes:
        asset: the asset of the source that the check belongs to.
        severity: the severity of a verdict that does not pass.
    """

    name: str
    asset: Literal["chunks", "embeddings"]
    severity: Literal["WARN", "ERROR"]
    description: str
    judge: Callable[[Connection, Source], Verdict]


def no_failed_items(conn: Connection, source: Source) -> Verdict:
    """Check that every file and page of the source could be read."""
    return _no_failures(list_failures(conn, source=source.name, stage="parse"), "files or pages could not be read")


def no_failed_texts(conn: Connection, source: Source) -> Verdict:
    """Check that the embedder embedded every text of the source."""
    return _no_failures(list_failures(conn, source=source.name, stage="embed"), "texts could not be embedded")


def not_empty(conn: Connection, source: Source) -> Verdict:
    """Check that the source has documents."""
    documents = count_documents(conn, source.name)
    place = ", ".join(str(root) for root in source.roots) or source.url or "the place that sources.toml names"
    return Verdict(
        passed=documents > 0,
        summary=f"{documents} documents."
        if documents
        else f"No documents. Check that the documentation is in {place} and ingest it, or set `enabled = false` in "
        "sources.toml.",
        figures={"documents": documents},
    )


def titles_tell_apart(conn: Connection, source: Source) -> Verdict:
    """Check that few documents share both title and section."""
    alike = documents_titled_alike(conn, source.name)
    return _share(
        alike,
        _MOST_ALIKE,
        "documents share title and section with another one, so that readers of search results cannot distinguish "
        "them. Give them different titles.",
    )


def generations_known(conn: Connection, source: Source) -> Verdict:
    """Check that most documents have a generation of BBj."""
    return _share(
        documents_without_generation(conn, source.name),
        _MOST_UNTAGGED,
        "documents name no generation of BBj, so a search for one generation misses them. Set `generation_tag` of the "
        "source in sources.toml, or extend the rules in bbj_assets/enrichment/generations.py.",
    )


def every_chunk_embedded(conn: Connection, source: Source) -> Verdict:
    """Check that every chunk has a vector of the active model."""
    model = active_model(conn)
    missing = chunks_without_vector(conn, source.name, model.name if model else None)
    return Verdict(
        passed=missing.count == 0,
        summary=f"All {missing.total} chunks have a vector, or are counted as failed."
        if missing.count == 0
        else f"{missing.count} of {missing.total} chunks have no vector, so only their words are found. Run "
        f"`bbj-ingest-all --source {source.name}`, or materialize `embeddings` of their sections in Dagster: only the "
        "missing vectors are computed.",
        figures={"missing": missing.count, "chunks": missing.total},
        sample=missing.sample,
    )


CHECKS = (
    Check("no_failed_items", "chunks", "WARN", "Every file and page could be read.", no_failed_items),
    Check("not_empty", "chunks", "ERROR", "The source has documents.", not_empty),
    Check("titles_tell_apart", "chunks", "WARN", "Few documents share both title and section.", titles_tell_apart),
    Check("generations_known", "chunks", "WARN", "Most documents name a generation of BBj.", generations_known),
    Check("no_failed_texts", "embeddings", "WARN", "The embedder embedded every text.", no_failed_texts),
    Check(
        "every_chunk_embedded",
        "embeddings",
        "ERROR",
        "Every chunk has a vector, except for texts that failed.",
        every_chunk_embedded,
    ),
)
"""The checks that only need the present state of a source."""


def not_shrunk(source: Source, documents: int, before: int | None, *, allowed: bool) -> Verdict:
    """Check that the source has kept at least half of its documents.

    The shrink guard refuses a listing that would lose more, before anything is deleted. This check finds losses that no
    listing shows: a parser that returns fewer documents, or a loss in small steps. For these a passed verdict hands the
    figure `most` on to the next check. Compared with the previous verdict only, each small step would pass.

    Args:
        documents: the number of documents now.
        before: the highest number of documents since a loss was last allowed; None if it is not known.
        allowed: whether this run allows a loss.
    """
    most = documents if allowed or before is None else max(before, documents)
    figures = {"documents": documents, "most": most, **({} if before is None else {"before": before})}
    lost = (before or 0) - documents
    if allowed or before is None or not lost_too_much(lost=lost, before=before):
        compared = "nothing to compare with yet" if before is None else f"there were {before}"
        return Verdict(passed=True, summary=f"{documents} documents; {compared}.", figures=figures)
    return Verdict(
        passed=False,
        summary=f"{lost} of the {before} documents of {source.name!r} are gone. If that is intended, run "
        f"`bbj-ingest-all --source {source.name} --allow-shrink`, or materialize `chunks` with `allow_shrink: true` in "
        "Dagster.",
        figures=figures,
    )


def _no_failures(failures: Sequence[StoredFailure], what: str) -> Verdict:
    if not failures:
        return Verdict(passed=True, summary="Nothing failed.", figures={"failed": 0})
    return Verdict(
        passed=False,
        summary=f"{len(failures)} {what}; what is stored of them stays as it was. Correct them as their errors say "
        "(`bbj-assets failures` lists them), then run `bbj-ingest-all --retry-failed`, or the job `retry_failed` in "
        "Dagster.",
        figures={"failed": len(failures)},
        sample=[
            {"section": f.partition_key, "item": f.source_url or f.item, "error": f.error, "attempts": str(f.attempts)}
            for f in failures[:SAMPLE]
        ],
    )


def _share(shortfall: Shortfall, most: float, complaint: str) -> Verdict:
    passed = shortfall.count <= most * shortfall.total
    return Verdict(
        passed=passed,
        summary=f"{shortfall.count} of {shortfall.total} {complaint}"
        if not passed
        else f"{shortfall.count} of {shortfall.total} documents are concerned; up to {most:.0%} may be.",
        figures={"documents": shortfall.total, "concerned": shortfall.count},
        sample=shortfall.sample,
    )
