"""Remove a source from the index, and warn of the sources that sources.toml does not have any more.

No ingest reads such a source, so its documents stay, and are found, until a person removes it. It is not removed
automatically, because another table may be in use for a moment, and an index may take days to fill.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from bbj_assets.errors import ConfigurationError
from bbj_assets.settings import Settings
from bbj_assets.source_table import SourceTable, load_sources
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
    """What was removed with a source.

    Attributes:
        fetched_pages: the folder of the pages that were fetched from its site, which is left; None if there is none.
    """

    source: str
    documents: int
    chunks: int
    failures: int
    fetched_pages: Path | None

    def as_json(self) -> dict[str, object]:
        """Return it as plain data."""
        return asdict(self) | {"fetched_pages": str(self.fetched_pages) if self.fetched_pages else None}


def leftover_warnings(conn: Connection, table: SourceTable) -> list[str]:
    """Return a warning for the indexed sources that the table does not have, and one for those that it disables."""
    enabled = {source.name for source in table.sources}
    left = [name for name in kept_sources(conn) if name not in enabled]
    disabled = [name for name in left if name in table.disabled]
    gone = [name for name in left if name not in table.disabled]
    return [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} still in the index, and found by search, but {why} "
        f"{table.file}. `bbj-assets forget NAME` removes a source from the index."
        for names, why in ((gone, "not in"), (disabled, "disabled in"))
        if names
    ]


def forget(settings: Settings, name: str, *, force: bool, on_wait: Callable[[], None]) -> Forgotten:
    """Remove a source from the index in one transaction. Its vectors are collected like all orphans.

    Args:
        force: remove it even if the table has it, and without reading the table.
        on_wait: called when a run over the source has to end first.

    Raises:
        ConfigurationError: the index does not have the source; or, without `force`, the table has it or cannot be read.
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
        with explaining(f"collect the vectors of the removed source {name!r}", url):
            refresh_index(conn, timedelta(days=settings.orphan_grace_days))
    pages = settings.home.absolute() / "web" / name
    return Forgotten(name, documents, chunks, failures, pages if pages.is_dir() else None)


def _refuse_if_enabled(table: SourceTable, name: str) -> None:
    if name in {source.name for source in table.sources}:
        problem = (
            f"Source {name!r} is in {table.file}, so the next ingest would bring it back. Take it out of there or set "
            "`enabled = false`, or use --force."
        )
        raise ConfigurationError([problem])


def _refuse_if_unknown(conn: Connection, name: str) -> None:
    kept = kept_sources(conn)
    if name not in kept:
        raise ConfigurationError(
            [f"There is no source {name!r} in the index. It has: {', '.join(kept) if kept else 'none'}."]
        )
