"""`bbj-assets models`: list the embedding models of the index, and change the one that search uses."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from bbj_assets.cli.commands import clear_errors
from bbj_assets.cli.interrupts import interruptible
from bbj_assets.progress import ProgressOfSources, Silent, Stage
from bbj_assets.settings import load_settings

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from bbj_assets.models import CoveredModel


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_context
@clear_errors
def models(context: click.Context, *, as_json: bool) -> None:
    """List the embedding models of the index, or change the one that search uses, with no downtime.

    \b
    bbj-assets models add nomic-embed-text --embedder ollama
    bbj-assets models activate nomic-embed-text
    bbj-assets models remove all-MiniLM-L6-v2
    """
    from bbj_assets.models import list_models

    if context.invoked_subcommand is not None:
        return
    found = list_models(load_settings())
    if as_json:
        click.echo(json.dumps([covered.as_json() for covered in found], indent=2))
    else:
        _print_models(found)


@models.command()
@click.argument("name")
@click.option(
    "--embedder",
    type=click.Choice(["embedded", "ollama", "openai"]),
    help="The embedder that returns its vectors [the configured one].",
)
@clear_errors
@interruptible("Interrupted. What was embedded is stored; adding the model again does the rest.")
def add(name: str, embedder: str | None) -> None:
    """Embed every chunk with the model NAME, beside the active one. It may be interrupted, and then resumes."""
    from bbj_assets.models import add_model

    settings = load_settings(embedder=embedder, embedding_model=name)
    with _progress_bars() as progress:
        covered = add_model(settings, progress)
    coverage = covered.coverage
    click.echo(f"{name}: {coverage.embedded:,} of {coverage.chunks:,} chunks embedded.")
    if not coverage.is_complete:
        click.echo("`bbj-assets failures` lists what failed; adding the model again retries it.", err=True)
        sys.exit(1)
    if not covered.model.active:
        click.echo(f"Make search use it: bbj-assets models activate {name}")


@models.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Even if chunks have no vector of it yet.")
@clear_errors
def activate(name: str, *, force: bool) -> None:
    """Make search, and every ingest from now on, use the model NAME."""
    from bbj_assets.models import activate_model

    before = activate_model(load_settings(), name, force=force)
    click.echo(f"Search uses {name} now.")
    if before is not None and before.name != name:
        click.echo(f"To go back: bbj-assets models activate {before.name}")


@models.command()
@click.argument("name")
@clear_errors
def remove(name: str) -> None:
    """Delete the model NAME and its vectors. The model that search uses cannot be removed."""
    from bbj_assets.models import remove_model

    click.echo(f"Removed {name} and its {remove_model(load_settings(), name):,} vectors.")


class _ProgressBars(Silent):
    """A bar for each source."""

    def __init__(self, bars: "Progress", task: "TaskID | None" = None) -> None:
        self._bars = bars
        self._task = task

    def of(self, source: str) -> "_ProgressBars":
        return _ProgressBars(self._bars, self._bars.add_task(source, total=None))

    def advance(self, stage: Stage, done: int, total: int) -> None:  # noqa: ARG002
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total)


@contextmanager
def _progress_bars() -> Iterator[ProgressOfSources]:
    """Show how far each source is, on stderr, so that the output can be piped."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _ProgressBars(bars)


def _print_models(found: "Sequence[CoveredModel]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not found:
        console.print("Nothing is embedded yet. Run `make ingest` or `bbj-ingest-all`.")
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for heading in ("Model", "Embedder", "Dimensions", "Chunks embedded", ""):
        table.add_column(heading, justify="right" if heading in ("Dimensions", "Chunks embedded") else "left")
    for covered in found:
        table.add_row(
            covered.model.name,
            covered.model.embedder or "",
            str(covered.model.dimensions),
            f"{covered.coverage.embedded:,} of {covered.coverage.chunks:,}",
            "active" if covered.model.active else "",
        )
    console.print(table)
