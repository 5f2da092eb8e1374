"""Every fault of PostgreSQL, under an ingest and under the batch runner.

A row of the table is what is injected and what the user then sees. Whatever it is: what is stored is wholly old or
wholly new, and the next run completes the index to what a run without the fault would have given.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from psycopg import conninfo, sql

from bbj_assets.embedding import batches
from bbj_assets.errors import DatabaseError, DatabaseUnavailable, Stopped
from bbj_assets.ingest import chunks, writing
from bbj_assets.ingest.chunks import ChunksReport, ParseOptions, current_partitions, refresh_chunks
from bbj_assets.source import ChunkSettings
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.documents import delete_source
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets.store.failures import list_failures
from bbj_assets.store.locks import source_lock
from bbj_assets.store.migrate import migrate
from bbj_assets.store.models import ensure_model
from bbj_assets.store.outages import RETRIES
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.embedding import batch_runs
from bbj_assets_tests.fakes.ollama_server import FakeOllama
from bbj_assets_tests.ingest.stored import contents, texts
from bbj_assets_tests.sources.mdx.pages import Site

PAGES = 12
VECTORS = batch_runs.lengths(40)
ROLE = "visitor"
"""Who runs: no superuser, because those are never refused a connection."""


@dataclass(frozen=True)
class Fault:
    """`inject` is given a superuser's connection and the table that is written to, and lasts for its `with`.

    Attributes:
        under_way: whether something was stored before it strikes.
        says: what the user sees of it: PostgreSQL's reason, and the remedy.
        tries: how often an ingest tries again before it gives up; all of them where that may help.
    """

    inject: Callable[[Connection, str], AbstractContextManager[None]]
    says: str
    tries: int = RETRIES
    under_way: bool = True

    @property
    def passes(self) -> bool:
        return self.tries == RETRIES


@contextmanager
def raising(conn: Connection, table: str, statement: str) -> Iterator[None]:
    """Whoever writes to the table meets this statement of PL/pgSQL first."""
    conn.execute(f"CREATE FUNCTION strike() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {statement}; END'".encode())
    conn.execute(f"CREATE TRIGGER fault BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION strike()".encode())
    yield
    conn.execute("DROP FUNCTION strike CASCADE")


def failing(code: str, words: str) -> Callable[[Connection, str], AbstractContextManager[None]]:
    """PostgreSQL's own error of this SQLSTATE."""
    return lambda conn, table: raising(conn, table, f"RAISE EXCEPTION ''{words}'' USING ERRCODE = ''{code}''")


@contextmanager
def configured(conn: Connection, name: str, value: str) -> Iterator[None]:
    """A setting of the role, for the connections that it opens from now on; those that are open end."""
    conn.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(sql.Identifier(ROLE), sql.Identifier(name), value))
    end_sessions(conn)
    yield
    conn.execute(sql.SQL("ALTER ROLE {} RESET {}").format(sql.Identifier(ROLE), sql.Identifier(name)))
    end_sessions(conn)


@contextmanager
def taking_too_long(conn: Connection, table: str) -> Iterator[None]:
    with configured(conn, "statement_timeout", "200ms"), raising(conn, table, "PERFORM pg_sleep(60)"):
        yield


@contextmanager
def locked_by_others(conn: Connection, table: str) -> Iterator[None]:
    with configured(conn, "lock_timeout", "100ms"), conn.transaction():
        conn.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        yield


@contextmanager
def dropped(conn: Connection, table: str) -> Iterator[None]:
    """Every connection, whenever it writes."""
    with raising(conn, table, "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60)"):
        end_sessions(conn)
        yield


@contextmanager
def full_of_clients(conn: Connection, _table: str) -> Iterator[None]:
    """No room for one more: with SQLSTATE 53300, as when max_connections is reached."""
    conn.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 1".encode())
    end_sessions(conn, but="%pending%")  # also what a pool has in reserve, but not what holds the reader's list
    yield
    conn.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1".encode())


def end_sessions(conn: Connection, but: str = "") -> None:
    """End the role's sessions, but for those whose last statement was like this."""
    conn.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s AND query NOT LIKE %s",
        [ROLE, but],
    )


FAULTS = {
    "a connection that drops": Fault(dropped, "terminating connection .*See that the server is up"),
    "too many clients": Fault(full_of_clients, "too many connections .*raise max_connections", under_way=False),
    "a statement time-out": Fault(taking_too_long, "canceling statement due to .*raise statement_timeout"),
    "a lock time-out": Fault(locked_by_others, "canceling statement due to lock timeout.* pg_locks"),
    "a deadlock": Fault(failing("40P01", "deadlock detected"), "deadlock detected"),
    "no memory": Fault(failing("53200", "out of memory"), "out of memory.* its log says more"),
    "a full disk": Fault(
        failing("53100", "could not extend file: No space left on device"),
        r"No space left on device\. Make room on the server's disk",
        tries=0,
    ),
    "a read-only server": Fault(
        lambda conn, _table: configured(conn, "default_transaction_read_only", "on"),
        "read-only transaction.* It is a standby .*BBJ_ASSETS_DATABASE_URL",
        tries=1,  # for its connections, which end when a server becomes a standby
    ),
}
PASSING = [name for name, fault in FAULTS.items() if fault.passes]


class Striking:
    """Lets a fault begin at the right moment of a run, and end it when it is told to."""

    def __init__(self, fault: Fault, conn: Connection, table: str) -> None:
        self.outages: list[str] = []
        self.heals_when_seen = False
        self._fault = fault
        self._injected = fault.inject(conn, table)
        self._state = "waiting"

    def on_progress(self, done: int, _total: int) -> None:
        if self._state == "waiting" and (done > 0) == self._fault.under_way:
            self._state = "on"
            self._injected.__enter__()

    def on_outage(self, said: object) -> None:
        self.outages.append(str(said))
        if self.heals_when_seen and re.search(self._fault.says, str(said)):
            self.heal()

    def heal(self) -> None:
        if self._state == "on":
            self._state = "over"
            self._injected.__exit__(None, None, None)


@pytest.fixture
def visitor(conn: Connection, database_url: str) -> Iterator[str]:
    """The URL of a role that has all rights on the index, and no others."""
    conn.execute(f"CREATE ROLE {ROLE} LOGIN".encode())
    conn.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}".encode())
    yield conninfo.make_conninfo(database_url, user=ROLE)
    end_sessions(conn)
    conn.execute(f"DROP OWNED BY {ROLE}".encode())
    conn.execute(f"DROP ROLE {ROLE}".encode())


# --- an ingest


@pytest.fixture
def site(conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Pages in the index, all of which have changed since, and which are written in several transactions."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setattr(chunks, "_TASK_ITEMS", 2)
    monkeypatch.setattr(writing, "_BATCH_CHUNKS", 2)
    site = Site(tmp_path / "docs")
    write(site, "old")
    refresh(conn, site)
    write(site, "new")
    return site


def write(site: Site, version: str) -> None:
    site.write(
        {f"{n}.md": f"# Page {n}\n\nThe {version} page.\n\n## Part\n\nThe {version} part.\n" for n in range(PAGES)}
    )


def refresh(conn: Connection, site: Site, striking: Striking | None = None) -> ChunksReport:
    listed, vanished = current_partitions(conn, site.source)
    options = ParseOptions(ChunkSettings(), processes=1, first_wait=0.001)
    callbacks = {"on_progress": striking.on_progress, "on_outage": striking.on_outage} if striking else {}
    return refresh_chunks(conn, site.source, sorted(listed | vanished), options, **callbacks)  # type: ignore[arg-type]


def clean_contents(conn: Connection, site: Site) -> object:
    delete_source(conn, site.source.name)
    refresh(conn, site)
    return contents(conn)


def assert_each_page_is_of_one_version(conn: Connection) -> None:
    assert len(texts(conn)) == PAGES
    for url, text in texts(conn).items():
        assert re.fullmatch(r"The (old|new) page\.\s*The \1 part\.\s*", re.sub("#.*", "", text)), (url, text)


@pytest.mark.parametrize("name", FAULTS)
def test_an_ingest_under_a_fault_that_stays_ends_with_one_clear_error_and_nothing_half_written(
    name: str, conn: Connection, visitor: str, site: Site
) -> None:
    striking = Striking(FAULTS[name], conn, "chunks")

    with pytest.raises(DatabaseError) as raised, connect(visitor) as own:
        refresh(own, site, striking)

    assert isinstance(raised.value, DatabaseUnavailable) == FAULTS[name].passes
    assert re.search(FAULTS[name].says, str(raised.value))
    assert re.match(
        r"(Cannot bring source 'mdx-test' up to date: |Cannot connect to )PostgreSQL at postgresql://visitor@",
        str(raised.value),
    )
    assert "\n" not in str(raised.value)
    assert len(striking.outages) == FAULTS[name].tries
    striking.heal()
    assert_each_page_is_of_one_version(conn)
    assert list_failures(conn) == []

    with connect(visitor) as own:
        refresh(own, site)

    assert contents(conn) == clean_contents(conn, site)


@pytest.mark.parametrize("name", PASSING)
def test_an_ingest_under_a_fault_that_passes_is_completed_and_counted_once(
    name: str, conn: Connection, visitor: str, site: Site
) -> None:
    striking = Striking(FAULTS[name], conn, "chunks")
    striking.heals_when_seen = True

    with connect(visitor) as own:
        report = refresh(own, site, striking)

    assert re.search(rf"{FAULTS[name].says}.* Trying again \(\d/4\)", striking.outages[-1])
    total = report.total
    assert (total.seen, total.changed, total.unchanged, total.failed) == (PAGES, PAGES, 0, 0)
    assert total.chunks_written == total.chunks_total
    assert contents(conn) == clean_contents(conn, site)


def test_whoever_stops_an_ingest_during_an_outage_does_not_wait_for_its_end(
    conn: Connection, visitor: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    striking = Striking(FAULTS["a deadlock"], conn, "chunks")

    def stop(_said: object) -> None:
        raise Stopped("enough")

    monkeypatch.setattr(striking, "on_outage", stop)
    with pytest.raises(Stopped), connect(visitor) as own:
        refresh(own, site, striking)


def test_waiting_for_another_run_is_no_time_out(conn: Connection, visitor: str) -> None:
    with configured(conn, "statement_timeout", "100ms"), source_lock(conn, "guide"):
        waited = asyncio.run(_wait_for_lock(visitor, conn))

    assert waited == "still waiting"


async def _wait_for_lock(url: str, holder: Connection) -> str:
    def wait() -> None:
        with connect(url) as own, source_lock(own, "guide"):
            pass

    waiting = asyncio.create_task(asyncio.to_thread(wait))
    await batch_runs.until(lambda: batch_runs.waiting_for_locks(holder.info.dsn) == 1)
    await asyncio.sleep(0.5)
    said = "gave up" if waiting.done() else "still waiting"
    end_sessions(holder)
    await asyncio.wait([waiting])
    return said


# --- the batch runner


@pytest.fixture
def models(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    """A model server, texts without a vector, and little patience for connections."""
    monkeypatch.setattr(batches, "_CONNECTION_SECONDS", 1.0)
    ensure_model(conn, batch_runs.MODEL, batch_runs.DIMENSIONS)
    batch_runs.put(conn, VECTORS)
    with FakeOllama(models=[batch_runs.MODEL], dimensions=batch_runs.DIMENSIONS) as server:
        yield server


@pytest.mark.parametrize("name", FAULTS)
def test_embedding_under_a_fault_that_stays_ends_with_one_clear_error_and_blames_no_text(
    name: str, conn: Connection, visitor: str, models: FakeOllama
) -> None:
    striking = Striking(FAULTS[name], conn, "embeddings")

    with pytest.raises(DatabaseError) as raised:
        batch_runs.embed(visitor, models, on_progress=striking.on_progress, on_batch=only_outages(striking))

    assert isinstance(raised.value, DatabaseUnavailable) == FAULTS[name].passes
    assert re.search(FAULTS[name].says, str(raised.value))
    assert re.match(
        r"Cannot (store what was embedded|embed source 'mdx-dwc'): PostgreSQL at postgresql://visitor@",
        str(raised.value),
    )
    assert "\n" not in str(raised.value)
    striking.heal()
    stored = batch_runs.vectors(conn).keys()
    assert stored < batch_runs.hashes(VECTORS)
    assert bool(stored) == FAULTS[name].under_way
    assert batch_runs.failed(conn) == set()
    models.embedded.clear()

    batch_runs.embed(visitor, models)

    assert sum(models.embedded.values()) == len(VECTORS) - len(stored)
    batch_runs.assert_stored(conn, VECTORS)


@pytest.mark.parametrize("name", ["too many clients", "a deadlock", "no memory"])
def test_embedding_under_a_fault_that_passes_asks_the_model_for_nothing_twice(
    name: str, conn: Connection, visitor: str, models: FakeOllama
) -> None:
    striking = Striking(FAULTS[name], conn, "embeddings")
    striking.heals_when_seen = True

    report = batch_runs.embed(visitor, models, on_progress=striking.on_progress, on_batch=only_outages(striking))

    said = rf"wait for the database: .*{FAULTS[name].says}.* Trying again \(\d/4\)"
    assert any(re.search(said, outage) for outage in striking.outages), striking.outages
    assert report.texts == {"total": len(VECTORS), "embedded": len(VECTORS), "stored": len(VECTORS)}
    assert set(models.embedded.values()) == {1}
    batch_runs.assert_stored(conn, VECTORS)


def only_outages(striking: Striking) -> Callable[[batches.BatchNews], None]:
    return lambda news: striking.on_outage(news) if news.kind == "outage" else None


# --- the server itself


def test_a_server_that_is_restarted_under_an_ingest_costs_a_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setattr(chunks, "_TASK_ITEMS", 2)
    monkeypatch.setattr(writing, "_BATCH_CHUNKS", 2)
    site = Site(tmp_path / "docs")
    write(site, "new")
    with TemporaryDirectory(prefix="bbj-assets-faults-") as home:
        server = EmbeddedServer(Path(home))
        outages: list[str] = []

        def stop(done: int, _total: int) -> None:
            if done and not outages:
                server.stop()

        def start(said: str) -> None:
            outages.append(said)
            server.keep()

        try:
            with connect(server.keep()) as own:
                migrate(own)
                options = ParseOptions(ChunkSettings(), processes=1, first_wait=0.001)
                report = refresh_chunks(own, site.source, ["_root"], options, on_progress=stop, on_outage=start)
            with connect(server.url) as after:
                assert_each_page_is_of_one_version(after)
        finally:
            server.stop()
    assert len(outages) == 1
    assert (report.total.changed, report.total.unchanged) == (PAGES, 0)
