"""What is checked of a source when it has been ingested. A verdict tells its reader what to do.

Every check is a function of a connection and a source, without Dagster: a test or a notebook can ask as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bbj_assets.source import Source
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import count_documents
from bbj_assets.store.failures import StoredFailure, list_failures
from bbj_assets.store.models import active_model
from bbj_assets.store.quality import (
    SAMPLE,
    Lack,
    chunks_without_vector,
    documents_titled_alike,
    documents_without_generation,
)

SHRINK_FREE = 20
"""So few documents may go without a question."""

_MOST_UNTAGGED = 0.25
_MOST_ALIKE = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found.

    Attributes:
        summary: one sentence; of a check that does not pass, with the remedy.
        figures: exact counts.
        sample: a few of the rows that are meant, as a table.
    """

    passed: bool
    summary: str
    figures: Mapping[str, int] = field(default_factory=dict)
    sample: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A question about a source.

    Attributes:
        asset: the one of its assets that it is about.
        severity: of a verdict that does not pass.
    """

    name: str
    asset: Literal["chunks", "embeddings"]
    severity: Literal["WARN", "ERROR"]
    description: str
    judge: Callable[[Connection, Source], Verdict]


def no_failed_items(conn: Connection, source: Source) -> Verdict:
    """Whether every file and page of the source could be read."""
    return _no_failures(list_failures(conn, source=source.name, stage="parse"), "files or pages could not be read")


def no_failed_texts(conn: Connection, source: Source) -> Verdict:
    """Whether the embedder took every text of the source."""
    return _no_failures(list_failures(conn, source=source.name, stage="embed"), "texts could not be embedded")


def not_empty(conn: Connection, source: Source) -> Verdict:
    """Whether the source has documents at all."""
    documents = count_documents(conn, source.name)
    where = ", ".join(str(root) for root in source.roots) or source.url
    return Verdict(
        passed=documents > 0,
        summary=f"{documents} documents."
        if documents
        else f"No documents. Check that the documentation is in {where}, or set `enabled = false` in sources.toml.",
        figures={"documents": documents},
    )


def titles_tell_apart(conn: Connection, source: Source) -> Verdict:
    """Whether few documents have both title and place in common."""
    alike = documents_titled_alike(conn, source.name)
    return _share(
        alike,
        _MOST_ALIKE,
        "documents have the title and the section of another one; readers of search results cannot tell them apart. "
        "Give them titles of their own.",
    )


def generations_known(conn: Connection, source: Source) -> Verdict:
    """Whether it is known of most documents which generation of BBj they speak of."""
    return _share(
        documents_without_generation(conn, source.name),
        _MOST_UNTAGGED,
        "documents name no generation of BBj, so a search that asks for one misses them. Set `generation_tag` of the "
        "source in sources.toml, or add their words to the tables of enrichment.",
    )


def every_chunk_embedded(conn: Connection, source: Source) -> Verdict:
    """Whether every chunk can be found by meaning."""
    model = active_model(conn)
    missing = chunks_without_vector(conn, source.name, model.name if model else None)
    return Verdict(
        passed=missing.count == 0,
        summary=f"All {missing.total} chunks have a vector, or are counted as failed."
        if missing.count == 0
        else f"{missing.count} of {missing.total} chunks have no vector, so only their words are found. Materialize "
        "`embeddings` of their sections: only what is missing is embedded.",
        figures={"missing": missing.count, "chunks": missing.total},
        sample=missing.sample,
    )


CHECKS = (
    Check("no_failed_items", "chunks", "WARN", "Every file and page could be read.", no_failed_items),
    Check("not_empty", "chunks", "ERROR", "The source has documents.", not_empty),
    Check("titles_tell_apart", "chunks", "WARN", "Few documents share both title and section.", titles_tell_apart),
    Check("generations_known", "chunks", "WARN", "Most documents name a generation of BBj.", generations_known),
    Check("no_failed_texts", "embeddings", "WARN", "The embedder took every text.", no_failed_texts),
    Check(
        "every_chunk_embedded",
        "embeddings",
        "ERROR",
        "Every chunk has a vector, but for texts that failed.",
        every_chunk_embedded,
    ),
)
"""What is asked of every source, and only needs its present state."""


def not_shrunk(source: Source, documents: int, before: int | None, *, allowed: bool) -> Verdict:
    """Whether the source has kept at least half of its documents.

    A listing that would lose more is refused before anything is deleted; this finds what no listing shows, such as a
    parser that gives fewer documents, or a loss in small steps. Hence the figure `most`, which a good verdict hands to
    the next one: compared with the verdict before, each of the small steps would be fine.

    Args:
        documents: that it has now.
        before: the most that it had since somebody last said that it may shrink; None if that is not known.
        allowed: somebody says so now.
    """
    most = documents if allowed or before is None else max(before, documents)
    figures = {"documents": documents, "most": most, **({} if before is None else {"before": before})}
    lost = (before or 0) - documents
    if allowed or before is None or lost <= SHRINK_FREE or lost * 2 <= before:
        compared = "nothing to compare with yet" if before is None else f"there were {before}"
        return Verdict(passed=True, summary=f"{documents} documents; {compared}.", figures=figures)
    return Verdict(
        passed=False,
        summary=f"{lost} of the {before} documents of {source.name!r} are gone. If they are meant to be, run "
        f"bbj-ingest-all --source {source.name} --allow-shrink, or materialize `chunks` with `allow_shrink: true`.",
        figures=figures,
    )


def _no_failures(failures: Sequence[StoredFailure], what: str) -> Verdict:
    if not failures:
        return Verdict(passed=True, summary="Nothing failed.", figures={"failed": 0})
    return Verdict(
        passed=False,
        summary=f"{len(failures)} {what}; what is stored of them stays as it was. Correct them (their errors say how) "
        "and run the job `retry_failed`, or bbj-ingest-all --retry-failed.",
        figures={"failed": len(failures)},
        sample=[
            {"section": f.partition_key, "item": f.source_url or f.item, "error": f.error, "attempts": str(f.attempts)}
            for f in failures[:SAMPLE]
        ],
    )


def _share(lack: Lack, most: float, complaint: str) -> Verdict:
    passed = lack.count <= most * lack.total
    return Verdict(
        passed=passed,
        summary=f"{lack.count} of {lack.total} {complaint}"
        if not passed
        else f"{lack.count} of {lack.total} documents are concerned; {most:.0%} may be.",
        figures={"documents": lack.total, "concerned": lack.count},
        sample=lack.sample,
    )
