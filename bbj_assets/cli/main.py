"""`bbj-assets`: ask the index, look at it, and reach its database. No command here imports the orchestrator."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from bbj_assets.cli.interrupts import interruptible
from bbj_assets.enrichment.generations import GENERATIONS, UNTAGGED
from bbj_assets.errors import BBjAssetsError, ConfigurationError
from bbj_assets.outcomes import Stage
from bbj_assets.settings import load_settings

P = ParamSpec("P")


def _clear_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Show the errors that we raise on purpose as messages: 2 for configuration, 1 for the rest, 130 for Ctrl-C."""

    @wraps(command)
    @interruptible("Interrupted.")
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BBjAssetsError as error:
            click.echo(str(error), err=True)
            sys.exit(2 if isinstance(error, ConfigurationError) else 1)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """Ask the index of BBj documentation, and look after it.

    `bbj-ingest-all` fills it; `make ui` opens Dagster's web UI on the same state.
    """


@main.command()
@click.argument("question", nargs=-1, required=True)
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only this source; may be repeated.")
@click.option(
    "--generation",
    type=click.Choice([*GENERATIONS, UNTAGGED]),
    help="Only what applies to this BBj generation.",
)
@click.option("--limit", type=click.IntRange(1, 50), default=5, show_default=True, help="How many documents.")
@click.option("--json", "as_json", is_flag=True, help="Print the hits as JSON, with their whole chunks.")
@_clear_errors
def search(
    question: tuple[str, ...], sources: tuple[str, ...], generation: str | None, limit: int, *, as_json: bool
) -> None:
    """Find the pages that answer QUESTION.

    \b
    bbj-assets search "run JavaScript in a BBjHtmlView"
    bbj-assets search "sort a grid" --source javadoc --json
    """
    from bbj_assets.cli.hits import hits_json, print_hits
    from bbj_assets.search import Filters
    from bbj_assets.search.ask import ask

    asked = " ".join(question)
    if not any(character.isalnum() for character in asked):
        raise click.UsageError('Ask with words: bbj-assets search "run JavaScript in a BBjHtmlView"')
    try:
        asked.encode()
    except UnicodeEncodeError:  # what is no UTF-8 in an argument comes as half of a surrogate pair
        raise click.UsageError("The question is not UTF-8. Set the terminal, or LANG, to UTF-8.") from None
    hits = ask(load_settings(), asked, Filters(sources, generation), limit)
    if as_json:
        click.echo(json.dumps(hits_json(hits), indent=2, ensure_ascii=False))
    else:
        print_hits(hits)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@_clear_errors
def report(*, as_json: bool) -> None:
    """Count the index by source, generation and document type, and warn of what looks wrong."""
    from bbj_assets.cli.report import corpus_report, print_report

    found = corpus_report(load_settings())
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        print_report(found)


@main.command()
@click.argument("source")
@click.option("--force", is_flag=True, help="Even if sources.toml has it, and the next ingest brings it back.")
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as JSON.")
@_clear_errors
def forget(source: str, *, force: bool, as_json: bool) -> None:
    """Remove SOURCE, which sources.toml has no more, from the index.

    Its documents, chunks and failures go at once, its vectors when their grace period is over.
    """
    from bbj_assets.cli.forgetting import forget as remove

    settings = load_settings()
    waiting = f"A run over {source} is under way. Waiting for its end; Ctrl-C gives up."
    forgotten = remove(settings, source, force=force, on_wait=lambda: click.echo(waiting, err=True))
    if as_json:
        click.echo(json.dumps(forgotten.as_json(), indent=2))
        return
    click.echo(
        f"Removed {source} from the index: {forgotten.documents:,} documents, {forgotten.chunks:,} chunks, "
        f"{forgotten.failures:,} failures."
    )
    if forgotten.fetched_pages:
        click.echo(f"What was fetched from its site is still in {forgotten.fetched_pages}; delete it if you wish.")


def _selection(command: Callable[P, None]) -> Callable[P, None]:
    for option in (
        click.option("--stage", type=click.Choice(["parse", "embed"]), help="Only what failed in this stage."),
        click.option("--source", metavar="NAME", help="Only this source."),
    ):
        command = option(command)
    return command


@main.group(invoke_without_command=True)
@_selection
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_context
@_clear_errors
def failures(context: click.Context, source: str | None, stage: Stage | None, *, as_json: bool) -> None:
    """List the files and texts that could not be done, and what to do about them.

    \b
    bbj-assets failures --source mdx-dwc
    bbj-assets failures export failures.jsonl
    """
    from bbj_assets.cli.failures import failure_json, print_failures, stored_failures

    if context.invoked_subcommand is not None:
        return
    found, model = stored_failures(load_settings(), source, stage)
    if as_json:
        click.echo(json.dumps([failure_json(failure) for failure in found], indent=2, ensure_ascii=False))
    else:
        print_failures(found, model)


@failures.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_selection
@click.pass_context
@_clear_errors
def export(context: click.Context, file: Path, source: str | None, stage: Stage | None) -> None:
    """Append the failures to FILE as JSON lines, one a failure; what is in it stays."""
    from bbj_assets.cli.failures import append_failures, stored_failures

    given = context.parent.params if context.parent else {}
    found, _ = stored_failures(load_settings(), source or given.get("source"), stage or given.get("stage"))
    if not found:
        click.echo(f"Nothing has failed; {file} is as it was.")
        return
    if append_failures(file, found):
        click.echo(
            f"The last line of {file} was half a failure, which an interrupted export had left: it is cut off.",
            err=True,
        )
    click.echo(f"Appended {len(found):,} failures to {file}.")


@main.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_context
@_clear_errors
def models(context: click.Context, *, as_json: bool) -> None:
    """List the embedding models of the index, or change the one that search uses, with no downtime.

    \b
    bbj-assets models add nomic-embed-text --embedder ollama
    bbj-assets models activate nomic-embed-text
    bbj-assets models remove all-MiniLM-L6-v2
    """
    from bbj_assets.cli.models import covered_models, print_models

    if context.invoked_subcommand is not None:
        return
    found = covered_models(load_settings())
    if as_json:
        click.echo(json.dumps([covered.as_json() for covered in found], indent=2))
    else:
        print_models(found)


@models.command("add")
@click.argument("name")
@click.option(
    "--embedder",
    type=click.Choice(["embedded", "ollama", "openai"]),
    help="What gives its vectors [the one that is configured].",
)
@_clear_errors
@interruptible("Interrupted. What was embedded is stored; adding the model again does the rest.")
def add_model(name: str, embedder: str | None) -> None:
    """Embed every chunk with the model NAME, beside the active one. Interrupt it if you must: it resumes."""
    from bbj_assets.cli.models import add_model as fill
    from bbj_assets.cli.models import showing_progress

    settings = load_settings(embedder=embedder, embedding_model=name)
    with showing_progress() as on_progress:
        covered = fill(settings, on_progress)
    coverage = covered.coverage
    click.echo(f"{name}: {coverage.embedded:,} of {coverage.chunks:,} chunks embedded.")
    if not coverage.complete:
        click.echo("What failed is listed by `bbj-assets failures`; adding the model again tries it again.", err=True)
        sys.exit(1)
    if not covered.model.active:
        click.echo(f"Make search use it: bbj-assets models activate {name}")


@models.command("activate")
@click.argument("name")
@click.option("--force", is_flag=True, help="Even if chunks have no vector of it yet.")
@_clear_errors
def activate_model(name: str, *, force: bool) -> None:
    """Make search, and every ingest from now on, use the model NAME."""
    from bbj_assets.cli.models import activate

    before = activate(load_settings(), name, force=force)
    click.echo(f"Search uses {name} now.")
    if before is not None and before.name != name:
        click.echo(f"Back again: bbj-assets models activate {before.name}")


@models.command("remove")
@click.argument("name")
@_clear_errors
def remove_model(name: str) -> None:
    """Delete the model NAME and its vectors; not the one that search uses."""
    from bbj_assets.cli.models import remove

    click.echo(f"Removed {name} and its {remove(load_settings(), name):,} vectors.")


@main.group()
def database() -> None:
    """The database: its URL, and the embedded server kept up for psql and other tools."""


@database.command()
@_clear_errors
def url() -> None:
    """Print the connection URL. The embedded server is only up while it is used or after `start`."""
    from bbj_assets.store.embedded_server import EmbeddedServer

    settings = load_settings()
    if settings.database_url is not None:
        click.echo(settings.database_url.get_secret_value())
        return
    server = EmbeddedServer(settings.home)
    click.echo(server.url)
    if not server.running:
        click.echo("It is not running now: `bbj-assets database start` keeps it up.", err=True)


@database.command()
@_clear_errors
def start() -> None:
    """Start the embedded server and keep it up until `stop`; prints its URL."""
    from bbj_assets.store.connection import connect
    from bbj_assets.store.embedded_server import EmbeddedServer
    from bbj_assets.store.migrate import migrate

    kept = EmbeddedServer(_home_of_embedded()).keep()
    with connect(kept) as conn:
        migrate(conn)
    click.echo(kept)


@database.command()
@_clear_errors
def stop() -> None:
    """Stop the embedded server."""
    from bbj_assets.store.embedded_server import EmbeddedServer

    click.echo("Stopped." if EmbeddedServer(_home_of_embedded()).stop() else "It was not running.")


def _home_of_embedded() -> Path:
    settings = load_settings()
    if settings.database_url is not None:
        raise ConfigurationError(
            ["BBJ_ASSETS_DATABASE_URL is set, so there is no embedded server: use that server's tools."]
        )
    return settings.home
