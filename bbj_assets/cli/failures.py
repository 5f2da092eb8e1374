"""`bbj-assets failures`: list what failed with its remedy, or export it."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import click

from bbj_assets.cli.commands import clear_errors
from bbj_assets.outcomes import FailureStage
from bbj_assets.settings import load_settings

if TYPE_CHECKING:
    from bbj_assets.store.failures import StoredFailure

P = ParamSpec("P")

_RETRIES = (
    "Every run retries them; `bbj-ingest-all --retry-failed`, or the job `retry_failed` in the web UI, retries only "
    "them."
)


def _selection(command: Callable[P, None]) -> Callable[P, None]:
    for option in (
        click.option("--stage", type=click.Choice(["parse", "embed"]), help="Only what failed in this stage."),
        click.option("--source", metavar="NAME", help="Only this source."),
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@_selection
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_context
@clear_errors
def failures(context: click.Context, source: str | None, stage: FailureStage | None, *, as_json: bool) -> None:
    """List the files and texts that failed, each with its remedy.

    \b
    bbj-assets failures --source mdx-dwc
    bbj-assets failures export failures.jsonl
    """
    from bbj_assets.failures import failure_json, stored_failures

    if context.invoked_subcommand is not None:
        return
    found, model = stored_failures(load_settings(), source, stage)
    if as_json:
        click.echo(json.dumps([failure_json(failure) for failure in found], indent=2, ensure_ascii=False))
    else:
        _print_failures(found, model)


@failures.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_selection
@click.pass_context
@clear_errors
def export(context: click.Context, file: Path, source: str | None, stage: FailureStage | None) -> None:
    """Append the failures to FILE as JSON lines, one per failure. What the file holds already stays."""
    from bbj_assets.failures import append_failures, stored_failures

    given = context.parent.params if context.parent else {}
    found, _ = stored_failures(load_settings(), source or given.get("source"), stage or given.get("stage"))
    if not found:
        click.echo(f"Nothing has failed; {file} is unchanged.")
        return
    if append_failures(file, found):
        click.echo(f"Removed the incomplete last line of {file}, which an interrupted export had left.", err=True)
    click.echo(f"Appended {len(found):,} failures to {file}.")


def _print_failures(found: "Sequence[StoredFailure]", model: str | None) -> None:
    """Print a table of the failures, then the remedy of each kind; `model` is the active one."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not found:
        console.print("Nothing has failed.")
        return
    other_models = sorted({each.model for each in found if each.model and each.model != model})
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_lines=True)
    table.add_column("Where", ratio=2, overflow="fold")
    table.add_column("What", ratio=3, overflow="fold")
    table.add_column("Tries", justify="right", no_wrap=True)
    table.add_column("Last (UTC)", no_wrap=True)
    for failure in found:
        place = failure.source_url or f"{failure.source}, text {failure.item[:12]}"
        last = f"{failure.last_failed_at.astimezone(UTC):%m-%d %H:%M}" if failure.last_failed_at else ""
        kind = f"{failure.error_type}, {failure.model}" if failure.model in other_models else failure.error_type
        table.add_row(Text(place), Text(f"{failure.error} [{kind}]"), f"{failure.attempts:,}", last)
    console.print(table)
    console.print()
    for line in [*_remedy_lines(found), _RETRIES, *map(_other_model_line, other_models)]:
        console.print(line, markup=False, soft_wrap=True)


def _remedy_lines(found: "Sequence[StoredFailure]") -> list[str]:
    from bbj_assets.failures import REMEDIES, remedy

    counts = Counter(remedy(failure) for failure in found)
    return [f"{counts[advice]:,} x  {advice}" for advice in REMEDIES.values() if counts[advice]]


def _other_model_line(model: str) -> str:
    return f"Those of {model}, which search does not use, are retried by `bbj-assets models add {model}`."
