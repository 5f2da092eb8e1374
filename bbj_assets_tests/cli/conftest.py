"""A machine on which the commands run: its own home, database and model server, and nothing of the user's."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bbj_assets.cli import ingest_all, main
from bbj_assets.store.connection import connect
from bbj_assets_tests.conftest import REPOSITORY, _database
from bbj_assets_tests.defs.conftest import dagster_state
from bbj_assets_tests.fakes.ollama_server import FakeOllama

__all__ = ["dagster_state"]

COMMANDS = {"bbj-ingest-all": ingest_all.main, "bbj-assets": main.main}


@dataclass
class Machine:
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The real program, in a process of its own; for what only that can show."""
        return subprocess.run(
            [str(Path(sys.executable).parent / command), *arguments],
            env=self.whole_environment,
            cwd=self.environment["BBJ_ASSETS_HOME"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def start(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        """The same, for a test that does something while it runs."""
        return subprocess.Popen(
            [str(Path(sys.executable).parent / command), *arguments],
            env=self.whole_environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, command: str, *arguments: str) -> Result:
        """The same in this process, three seconds sooner."""
        return CliRunner(env=self.environment).invoke(COMMANDS[command], arguments, prog_name=command)

    @property
    def whole_environment(self) -> dict[str, str]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("BBJ_", "DAGSTER_HOME"))}
        return {**ours, "DAGSTER_DISABLE_TELEMETRY": "1", **self.environment}

    @property
    def home(self) -> Path:
        return Path(self.environment["BBJ_ASSETS_HOME"])

    @property
    def url(self) -> str:
        return self.environment["BBJ_ASSETS_DATABASE_URL"]

    def query(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        with connect(self.url) as conn:
            return conn.execute(statement.encode(), parameters).fetchall()

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """All that an ingest decides; not when and in which run it was stored."""
        return {
            "documents": self.query(
                "SELECT source_url, item, source, partition_key, title, doc_type, generations, deprecated, "
                "display_url, section_path, content_sha256, code_version, dependencies, metadata "
                "FROM documents ORDER BY 1"
            ),
            "chunks": self.query(
                "SELECT source_url, ordinal, content, context_header, content_hash, token_count, search_vector "
                "FROM chunks ORDER BY 1, 2"
            ),
            "embeddings": self.query(
                "SELECT model, content_hash, embedding, orphaned_at FROM embeddings ORDER BY 1, 2"
            ),
            "failures": self.query("SELECT stage, item, error_type, error FROM failures ORDER BY 1, 2"),
        }

    def versions(self) -> list[tuple[object, ...]]:
        """Which transaction wrote each row, and where: anything that is written changes this."""
        return [
            row
            for table in ("documents", "chunks", "embeddings", "models", "failures")
            for row in self.query(f"SELECT '{table}', ctid::text, xmin::text FROM {table} ORDER BY 2")  # noqa: S608
        ]


@pytest.fixture(scope="session")
def ollama() -> Iterator[FakeOllama]:
    with FakeOllama(models=["nomic-embed-text", "another"], dimensions=16) as server:
        yield server


@pytest.fixture(scope="session")
def sample(server_url: str, ollama: FakeOllama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """With the table of sources and the sample data of this repository; no test changes it but by ingesting."""
    yield from _machine(server_url, ollama, tmp_path_factory.mktemp("sample"), REPOSITORY / "sources.toml")


@pytest.fixture(scope="session")
def first(sample: Machine) -> subprocess.CompletedProcess[str]:
    """The first `bbj-ingest-all` on that machine."""
    return sample.run("bbj-ingest-all")


@pytest.fixture
def indexed(sample: Machine, first: subprocess.CompletedProcess[str]) -> Machine:
    """The same machine, with the sample data in its index."""
    assert first.returncode == 0, first.stderr
    return sample


@dataclass
class Desk(Machine):
    """A machine with a table of sources of the test's own: folders of Markdown below `folder`."""

    folder: Path = Path()
    ollama: FakeOllama = field(default_factory=FakeOllama)

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def sources(self, *names: str) -> None:
        tables = [f'[[sources]]\nname = "{name}"\nparser = "mdx"\npaths = ["{name}"]\n' for name in names]
        self.write("sources.toml", "\n".join(tables))
        for name in names:
            (self.folder / name).mkdir(exist_ok=True)


@pytest.fixture
def desk(server_url: str, dagster_state: Path, tmp_path: Path) -> Iterator[Desk]:
    """With two small sources."""
    shutil.copytree(dagster_state, tmp_path / "home")
    with FakeOllama(dimensions=16) as server:
        for machine in _machine(server_url, server, tmp_path, tmp_path / "docs" / "sources.toml"):
            desk = Desk(machine.environment, tmp_path / "docs", server)
            desk.folder.mkdir()
            desk.sources("guide", "notes")
            desk.write("guide/start.md", "# Start\n\nHow it begins.")
            desk.write("guide/grids/sorting.md", "# Sorting\n\nA click on a column sorts the rows.")
            desk.write("notes/today.md", "# Today\n\nA zither was bought.")
            yield desk


def _machine(server_url: str, ollama: FakeOllama, folder: Path, config: Path) -> Iterator[Machine]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    for url in _database(server_url, "template_migrated"):
        yield Machine(
            {
                "BBJ_ASSETS_HOME": str(home),
                "BBJ_ASSETS_CONFIG": str(config),
                "BBJ_ASSETS_DATABASE_URL": url,
                "BBJ_ASSETS_EMBEDDER": "ollama",
                "OLLAMA_HOST": ollama.url,
                "BBJ_ASSETS_EMBEDDING_RETRY_SECONDS": "0.001",
                "BBJ_ASSETS_PARSE_WORKERS": "1",
            }
        )
