"""Projects that the commands run on: their own home, database and model server, and nothing of the user's."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner, Result

from bbj_assets.cli import ingest_all, main
from bbj_assets.store.connection import connect
from bbj_assets_tests.databases import temporary_database
from bbj_assets_tests.fakes.ollama_server import FakeOllama

COMMANDS = {"bbj-ingest-all": ingest_all.main, "bbj-assets": main.main}


@dataclass
class Project:
    """What a user has before the first command: settings in the environment, a home, a database, a model server."""

    environment: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the real program to its end, in a process of its own; for what only that can show."""
        return subprocess.run(
            [str(Path(sys.executable).parent / command), *arguments],
            env=self.full_environment,
            cwd=self.environment["BBJ_ASSETS_HOME"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def start(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        """Start the real program, for a test that does something while it runs."""
        return subprocess.Popen(
            [str(Path(sys.executable).parent / command), *arguments],
            env=self.full_environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, command: str, *arguments: str) -> Result:
        """Run a command in this process, which takes three seconds less."""
        return CliRunner(env=self.environment).invoke(COMMANDS[command], arguments, prog_name=command)

    @property
    def full_environment(self) -> dict[str, str]:
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

    def pairs(self, statement: str) -> dict[object, object]:
        """Return the rows of a query with two columns as a mapping."""
        with connect(self.url) as conn:
            return dict(conn.execute(statement.encode()).fetchall())

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Return all that an ingest decides; not when and in which run it was stored."""
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

    def row_versions(self) -> list[tuple[object, ...]]:
        """Return which transaction wrote each row, and where: any write changes this."""
        return [
            row
            for table in ("documents", "chunks", "embeddings", "models", "failures")
            for row in self.query(f"SELECT '{table}', ctid::text, xmin::text FROM {table} ORDER BY 2")  # noqa: S608
        ]


@dataclass
class MarkdownProject(Project):
    """A project whose sources are folders of Markdown below `folder`, in a table of the test's own."""

    folder: Path = Path()
    ollama: FakeOllama = field(default_factory=FakeOllama)

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def write_table(self, *names: str) -> None:
        """Write sources.toml with a Markdown source of each name, and make their folders."""
        tables = [f'[[sources]]\nname = "{name}"\nparser = "mdx"\npaths = ["{name}"]\n' for name in names]
        self.write("sources.toml", "\n".join(tables))
        for name in names:
            (self.folder / name).mkdir(exist_ok=True)


@contextmanager
def new_project(server_url: str, ollama: FakeOllama, folder: Path, *, config: Path) -> Iterator[Project]:
    """Have a project with its home in `folder` and a database that is dropped afterwards."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    with temporary_database(server_url) as url:
        yield Project(
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
