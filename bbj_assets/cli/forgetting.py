"""`bbj-assets forget`, and telling of the sources that it is for: those that sources.toml has no more.

No ingest looks at them, so what the index has of them stays, and is found, until somebody says that it is to go: a
table may also be another one for a moment, and an index take days to fill.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from bbj_assets.errors import ConfigurationError
from bbj_assets.settings import Settings, SourcesConfig, load_sources
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.corpus import kept_sources
from bbj_assets.store.database import database
from bbj_assets.store.documents import chunk_totals, delete_source, stored_partitions
from bbj_assets.store.failures import list_failures
from bbj_assets.store.locks import source_lock
from bbj_assets.store.outages import explaining
from bbj_assets.store.suspects import clear_suspects_of_gone_texts
from bbj_assets.store.vector_index import refresh_index


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What the index had of a source.

    Attributes:
        fetched_pages: the folder of what was fetched from its site, which is still there; None if there is none.
    """

    source: str
    documents: int
    chunks: int
    failures: int
    fetched_pages: Path | None

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self) | {"fetched_pages": str(self.fetched_pages) if self.fetched_pages else None}


def warnings_of_leftovers(conn: Connection, config: SourcesConfig) -> list[str]:
    """A warning for the sources that the table has no more, and one for those that it has disabled."""
    enabled = {source.name for source in config.sources}
    left = [name for name in kept_sources(conn) if name not in enabled]
    disabled = [name for name in left if name in config.disabled]
    gone = [name for name in left if name not in config.disabled]
    return [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} still in the index, and found, but {why} "
        f"{config.file}. `bbj-assets forget NAME` removes what is documented no longer."
        for names, why in ((gone, "not in"), (disabled, "disabled in"))
        if names
    ]


def leftovers(table: SourcesConfig, url: str) -> list[str]:
    """The same, by a connection of its own."""
    with explaining("look up which sources are in the index", url), connect(url) as conn:
        return warnings_of_leftovers(conn, table)


def forget(settings: Settings, name: str, *, force: bool, on_wait: Callable[[], None]) -> Forgotten:
    """Remove all that the index has of a source, in one transaction; its vectors are collected as all orphans are.

    Args:
        force: also if the table has it, and without reading the table.
        on_wait: called when a run over the source is under way, whose end is waited for.

    Raises:
        ConfigurationError: the table has it, or cannot be read (and no `force`); or the index has nothing of it.
    """
    if not force:
        _refuse_if_enabled(load_sources(settings, check_paths=False), name)
    from bbj_assets.defs.instance.opening import open_instance
    from bbj_assets.defs.removals import report_removed_partitions

    with open_instance(settings) as instance, database(settings) as url, connect(url) as conn:
        with explaining(f"remove {name!r} from the index", url):
            _refuse_if_unknown(conn, name)
            with source_lock(conn, name, on_wait), conn.transaction():
                sections = stored_partitions(conn, name)
                chunks = sum(chunk_totals(conn, name, sections).values())
                failures = len(list_failures(conn, source=name))
                documents = delete_source(conn, name)
                clear_suspects_of_gone_texts(conn)
        report_removed_partitions(instance, name, sections, "Removed by `bbj-assets forget`.")
        with explaining(f"collect the vectors of {name!r}, which is removed", url):
            refresh_index(conn, timedelta(days=settings.orphan_grace_days))
    pages = settings.home.absolute() / "web" / name
    return Forgotten(name, documents, chunks, failures, pages if pages.is_dir() else None)


def _refuse_if_enabled(config: SourcesConfig, name: str) -> None:
    if name in {source.name for source in config.sources}:
        problem = (
            f"Source {name!r} is in {config.file}, so the next ingest would bring it back. Take it out of there or set "
            "`enabled = false`, or use --force."
        )
        raise ConfigurationError([problem])


def _refuse_if_unknown(conn: Connection, name: str) -> None:
    kept = kept_sources(conn)
    if name not in kept:
        raise ConfigurationError(
            [f"There is no source {name!r} in the index. It has: {', '.join(kept) if kept else 'none'}."]
        )
