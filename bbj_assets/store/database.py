"""The configured database: the one with the configured URL, or the embedded one."""

from collections.abc import Iterator
from contextlib import contextmanager

from bbj_assets.settings import Settings
from bbj_assets.store.connection import connect
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets.store.migrate import migrate
from bbj_assets.store.outages import explaining


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Return a context in which the configured database runs and has the current schema. It yields the URL.

    Raises:
        DatabaseError: it cannot be reached, started or migrated.
    """
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        _migrate(url)
        yield url
        return
    with EmbeddedServer(settings.home).use() as url:
        _migrate(url)
        yield url


def _migrate(url: str) -> None:
    with explaining("read the version of the index's schema", url), connect(url) as conn:
        migrate(conn)
