"""`bbj-assets`: ask the index, look at it, and reach its database. No command here imports the orchestrator."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from bbj_assets.errors import BBjAssetsError, ConfigurationError
from bbj_assets.settings import load_settings

P = ParamSpec("P")


def _clear_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Show the errors that we raise on purpose as messages: 2 for configuration, 1 for the rest."""

    @wraps(command)
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
    type=click.Choice(["character", "vpro5", "bbj_gui", "dwc", "all", "untagged"]),
    help="Only what applies to this BBj generation.",
)
@click.option("--limit", type=click.IntRange(1, 50), default=5, show_default=True, help="How many documents.")
@click.option("--json", "as_json", is_flag=True, help="Print the hits as JSON, with their whole chunks.")
@_clear_errors
def search(
    question: tuple[str, ...], sources: tuple[str, ...], generation: str | None, limit: int, *, as_json: bool
) -> None:
    r"""Find the pages that answer QUESTION.

    \b
    bbj-assets search "run JavaScript in a BBjHtmlView"
    bbj-assets search "sort a grid" --source javadoc --json
    """
    from bbj_assets.cli.hits import hits_json, print_hits
    from bbj_assets.search import Filters
    from bbj_assets.search.ask import ask

    hits = ask(load_settings(), " ".join(question), Filters(sources, generation), limit)
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
