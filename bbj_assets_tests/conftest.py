"""What every test may ask for: a real PostgreSQL, settings that touch nothing of the user's, the real corpus."""

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from psycopg import sql

from bbj_assets.settings import Settings, load_settings
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets.store.migrate import migrate

REPOSITORY = Path(__file__).parent.parent
SAMPLE_DATA = REPOSITORY / "sample_data"

_LONGEST = (
    "defs/test_operating",
    "chaos/test_kills",
    "defs/test_kills_of_the_platform",
    "search/test_corpus_questions",
    "docs/",
    "defs/",
    "deploy/",
    "cli/",
)

_MEMORY, _MEMORY_NEEDED = Path("/dev/shm"), 4 * 1024**3  # noqa: S108 - folders of random names are made in it

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """Programs that the tests start can be interrupted, and temporary files are in memory where there is room for them.

    Hundreds of Dagster instances live in SQLite files, which wait for the disk at every event: a third of the time of
    the tests that run something.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it starts in the background
    if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: a third of the time a test waits, for servers or for a clock."""
    cores = os.cpu_count() or 1
    return cores + cores // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes comes first: begun at the end, one process would work and the other wait."""
    tests = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        module = item.path.relative_to(tests).as_posix()
        return next((at for at, start in enumerate(_LONGEST) if module.startswith(start)), len(_LONGEST))

    items.sort(key=rank)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it."""
    for name in list(os.environ):
        if name.startswith("BBJ_ASSETS_") or name in (
            "DATA_DIR",
            "OLLAMA_HOST",
            "OLLAMA_API_KEY",
            "OPENAI_API_KEY",
            "BBJ_HOME",
            "DAGSTER_HOME",
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL server of the tests' own, with databases to copy from: `template_empty` and `template_migrated`.

    Not in pytest's temporary folder: every pytest that starts closes that to all other users, and when root runs the
    tests, PostgreSQL is another user.
    """
    with tempfile.TemporaryDirectory(prefix="bbj-assets-") as home, EmbeddedServer(Path(home)).use() as url:
        with connect(url) as conn:
            for unneeded in ("fsync", "full_page_writes"):  # its data need not survive the machine, only a kill
                conn.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(unneeded)))
            conn.execute("SELECT pg_reload_conf()")
            for template in ("template_empty", "template_migrated"):  # with the collation that users get
                conn.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                        sql.Identifier(template), sql.Identifier(conn.info.dbname)
                    )
                )
        with connect(_of_database(url, "template_migrated")) as conn:
            migrate(conn)
        yield url


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A database of the test's own, with nothing in it."""
    yield from _database(server_url, "template_empty")


@pytest.fixture
def database_url(server_url: str) -> Iterator[str]:
    """A database of the test's own, with the current schema."""
    yield from _database(server_url, "template_migrated")


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    """A connection to `database_url`."""
    with connect(database_url) as connection:
        yield connection


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings with a database and a home of the test's own, on the sample data."""
    return load_settings(
        home=tmp_path / "home", database_url=database_url, config=REPOSITORY / "sources.toml", parse_workers=1
    )


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real documentation, where it is there: BBJ_ASSETS_TEST_CORPUS, or beside the repository."""
    folder = Path(os.environ.get("BBJ_ASSETS_TEST_CORPUS", REPOSITORY.parent / "shared" / "corpus"))
    if not (folder / "javadoc").is_dir():
        pytest.skip(f"no corpus at {folder}; set BBJ_ASSETS_TEST_CORPUS to one")
    return folder


def _database(server_url: str, template: str) -> Iterator[str]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with connect(server_url) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    yield _of_database(server_url, name)
    with connect(server_url) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _of_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()
