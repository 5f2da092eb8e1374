"""`bbj-assets report`: the index in numbers, as tables."""

import json
from typing import TYPE_CHECKING

import click

from bbj_assets.cli.commands import clear_errors
from bbj_assets.settings import load_settings

if TYPE_CHECKING:
    from bbj_assets.report import Report


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@clear_errors
def report(*, as_json: bool) -> None:
    """Count the index by source, generation and document type, and show the warnings of the checks."""
    from bbj_assets.report import corpus_report

    found = corpus_report(load_settings())
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        _print_report(found)


def _print_report(found: "Report") -> None:
    from rich.console import Console
    from rich.table import Column, Table

    console = Console(highlight=False)
    numbers = ("Documents", "Chunks", "Embedded", "Untagged", "Failures")
    table = Table("Source", *(Column(name, justify="right") for name in numbers))
    for s in found.counts.sources:
        table.add_row(s.source, *(f"{n:,}" for n in (s.documents, s.chunks, s.embedded, s.untagged, s.failures)))
    console.print(table)
    for heading, counts in (("Generation", found.counts.generations), ("Type", found.counts.doc_types)):
        table = Table(heading, Column("Documents", justify="right"))
        for name, count in counts.items():
            table.add_row(name, f"{count:,}")
        console.print(table)
    console.print(f"Active model: {found.model.name if found.model else 'none yet'}")
    for warning in found.warnings:
        console.print(f"Warning: {warning}", style="yellow", soft_wrap=True)
