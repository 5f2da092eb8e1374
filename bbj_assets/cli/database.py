"""`bbj-assets database`: the URL of the database, and the embedded server."""

from pathlib import Path

import click

from bbj_assets.cli.commands import clear_errors
from bbj_assets.errors import ConfigurationError
from bbj_assets.settings import load_settings


@click.group()
def database() -> None:
    """Print the database's URL, or keep the embedded server up for psql and other tools."""


@database.command()
@clear_errors
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
@clear_errors
def start() -> None:
    """Start the embedded server and keep it up until `stop`; print its URL."""
    from bbj_assets.store.connection import connect
    from bbj_assets.store.embedded_server import EmbeddedServer
    from bbj_assets.store.migrate import migrate

    kept = EmbeddedServer(_home_of_embedded()).keep()
    with connect(kept) as conn:
        migrate(conn)
    click.echo(kept)


@database.command()
@clear_errors
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
