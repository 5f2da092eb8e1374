"""The summary at the end of an ingest: a table of the sources, the totals, and the failures."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table

from bbj_assets.cli.live import SourceState
from bbj_assets.outcomes import Failure
from bbj_assets.reports import EmbeddingsReport, PartitionReport

_SHOWN_FAILURES = 100

Status = Literal["ok", "empty", "warning", "failed", "skipped", "stopped"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a source's run ended.

    Attributes:
        status: `warning` if items failed, in this run or, for a source that is skipped, in an earlier one.
    """

    status: Status
    error: str | None = None

    @property
    def good(self) -> bool:
        """Whether nothing needs attention."""
        return self.status in ("ok", "empty", "skipped")


def failures_of(state: SourceState) -> list[Failure]:
    """Return the failures of a source's run, and those from before if the source is skipped."""
    failed: dict[str, Failure] = {}
    for report in _begun(state):
        if not report.left:  # it tried all texts, so earlier failures that are not repeated are resolved
            failed.clear()
        failed |= {failure.item: failure for failure in report.failures}
    return [*state.failed_before, *(state.chunks.failures if state.chunks else ()), *failed.values()]


def print_summary(
    console: Console, states: Mapping[str, SourceState], outcomes: Mapping[str, Outcome], seconds: float
) -> None:
    """Print the table, the totals, and the failures with their remedies."""
    table = Table(show_footer=True, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    rows = {name: _numbers(states[name]) for name in outcomes}
    table.add_column("Source", footer="Total", no_wrap=True)
    for key in ("files", "chunks", "embedded", "failed"):  # what fits into 80 columns with the longest name
        table.add_column(key.title(), footer=f"{sum(row[key] for row in rows.values()):,}", justify="right")
    table.add_column("Duration", footer=f"{seconds:.1f} s", justify="right", no_wrap=True)
    table.add_column("Status", footer=_overall(outcomes), no_wrap=True)
    for name, outcome in outcomes.items():
        row, state = rows[name], states[name]
        numbers = (f"{row[key]:,}" for key in ("files", "chunks", "embedded", "failed"))
        duration = f"{state.seconds:.1f} s" if state.started else "-"
        table.add_row(name, *numbers, duration, _coloured(outcome.status))
    console.print(table)
    totals = _embedding_totals(states[name] for name in outcomes)
    if totals["texts_total"]:
        _print_embedding(console, totals)
    _print_left(console, states, outcomes, int(totals["texts_left"]))
    for name, outcome in outcomes.items():
        if outcome.error:
            console.print(f"{name}: {outcome.error}", markup=False, highlight=False, soft_wrap=True)
        if outcome.status == "empty":
            console.print(f"{name}: no files found; check its paths in sources.toml.", highlight=False, soft_wrap=True)
    _print_failures(console, [failure for name in outcomes for failure in failures_of(states[name])])


def summary_json(
    states: Mapping[str, SourceState], outcomes: Mapping[str, Outcome], seconds: float
) -> dict[str, object]:
    """Return the summary as plain data."""
    return {
        "sources": [
            {
                "source": name,
                "status": outcome.status,
                "error": outcome.error,
                **_numbers(states[name]),
                "embedding": _embedding_totals([states[name]]),
                "seconds": round(states[name].seconds, 3),
                "failures": [
                    {
                        "stage": f.stage,
                        "item": f.item,
                        "source_url": f.source_url,
                        "error_type": f.error_type,
                        "error": f.error,
                    }
                    for f in failures_of(states[name])
                ],
            }
            for name, outcome in outcomes.items()
        ],
        "embedding": _embedding_totals(states[name] for name in outcomes),
        "seconds": round(seconds, 3),
    }


def _begun(state: SourceState) -> list[EmbeddingsReport]:
    return [report for report in state.embeddings if report.has_begun]


def _embedding_totals(states: Iterable[SourceState]) -> dict[str, float]:
    """Return the counts of texts without a vector, and of their batches; `success_rate` is a share of those texts.

    The same text in several chunks is one text. If a source was retried after an outage, the first try holds the
    total, and the last one the number that is left.
    """
    tries = [reports for state in states if (reports := _begun(state))]
    every = [report for reports in tries for report in reports]
    total = sum(reports[0].texts.total or 0 for reports in tries)
    left = sum(reports[-1].left for reports in tries)
    failed = sum(reports[-1].texts.failed for reports in tries)
    return {
        "texts_total": total,
        "texts_embedded": sum(report.texts.embedded for report in every),
        "texts_stored": sum(report.texts.stored for report in every),
        "texts_failed": failed,
        "texts_left": left,
        "success_rate": (total - failed - left) / total if total else 1.0,
        "batches_total": sum(reports[0].batches.total for reports in tries),
        "batches_completed": sum(report.batches.completed for report in every),
        "batches_failed": sum(report.batches.failed for report in every),
        "batches_retried": sum(report.batches.retried for report in every),
        "batches_halved": sum(report.batches.halved for report in every),
        "seconds": round(sum(report.seconds for report in every), 3),
    }


def _print_embedding(console: Console, totals: Mapping[str, float]) -> None:
    done = totals["texts_total"] - totals["texts_failed"] - totals["texts_left"]
    troubles = [
        f"{totals[f'batches_{kind}']:,} {kind}" for kind in ("failed", "retried", "halved") if totals[f"batches_{kind}"]
    ]
    console.print(
        f"Embedded {done:,} of {totals['texts_total']:,} texts ({_percent(totals['success_rate'])}); "
        f"batches: {totals['batches_total']:,} in all, "
        + ", ".join([f"{totals['batches_completed']:,} completed", *troubles])
        + ".",
        highlight=False,
        soft_wrap=True,
    )


def _print_left(
    console: Console, states: Mapping[str, SourceState], outcomes: Mapping[str, Outcome], texts: int
) -> None:
    """Print what a run that ended early did not reach, as far as it is known."""
    files = sum(states[name].files_left for name in outcomes)
    unread = [name for name, outcome in outcomes.items() if outcome.status == "stopped" and not states[name].started]
    left = [f"{files:,} files to read"] * bool(files) + [f"{texts:,} texts to embed"] * bool(texts)
    if unread:
        left.append(f"{len(unread)} sources to begin with ({', '.join(unread)})")
    if left:
        line = f"Left: {', '.join(left)}. The next `bbj-ingest-all` processes just those."
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _percent(share: float) -> str:
    """Return a percentage with one decimal, rounded down, so that 100 % means all."""
    return f"{math.floor(share * 1000) / 10:g}%"


def _print_failures(console: Console, failures: Sequence[Failure]) -> None:
    if not failures:
        return
    console.print(f"\n{len(failures)} failed:", highlight=False)
    for failure in failures[:_SHOWN_FAILURES]:
        place = failure.item if failure.stage == "parse" else f"{failure.source_url}, text {failure.item[:12]}"
        console.print(
            f"  {place}: {failure.error} [{failure.error_type}]", markup=False, highlight=False, soft_wrap=True
        )
    if len(failures) > _SHOWN_FAILURES:
        more = len(failures) - _SHOWN_FAILURES
        console.print(f"  ... and {more:,} more; `bbj-assets failures` lists all.", highlight=False)
    console.print("Every run retries them; `bbj-ingest-all --retry-failed` retries only them.", highlight=False)


def _numbers(state: SourceState) -> dict[str, int]:
    total = state.chunks.total if state.chunks else PartitionReport()
    return {
        "files": total.seen,
        "changed": total.changed,
        "deleted": total.deleted,
        "chunks": total.chunks_total,
        "embedded": state.embedded,
        "failed": len(failures_of(state)),
    }


def _overall(outcomes: Mapping[str, Outcome]) -> str:
    bad = sum(not outcome.good for outcome in outcomes.values())
    return "ok" if not bad else f"{bad} to look at"


def _coloured(status: str) -> str:
    colour = {"ok": "green", "failed": "red", "stopped": "red", "warning": "yellow", "empty": "yellow"}.get(status)
    return f"[{colour}]{status}[/]" if colour else status
