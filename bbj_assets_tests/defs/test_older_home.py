"""The home of an older version is taken over: nothing is parsed or embedded again, and what was queued is run."""

import json
import re
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from dagster import DagsterInstance
from psycopg import sql

from bbj_assets.defs.instance.run_launcher import WatchfulRunLauncher
from bbj_assets.defs.instance.run_queue import SourceRunQueue
from bbj_assets.ingest.fingerprints import fingerprints
from bbj_assets.source import Source
from bbj_assets.store.connection import connect
from bbj_assets_tests.defs.running_platform import RunningPlatform, wait_for
from bbj_assets_tests.defs.running_project import TIMEOUT
from bbj_assets_tests.fakes.ollama_server import FakeOllama

pytestmark = pytest.mark.timeout(300)

OLDER_HOME = Path(__file__).parent / "older_home"
OLDER_SCHEMA = 6
SQLITE_FILES = {
    "runs.sql": "history/runs.db",
    "index.sql": "history/runs/index.db",
    "schedules.sql": "schedules/schedules.db",
}
PAGES = {
    "sources.toml": '[[sources]]\nname = "guide"\nparser = "mdx"\npaths = ["guide"]\ngeneration_tag = "all"\n',
    "guide/grids/sizing.md": "# Sizing\n\nHow wide a column is.",
    "guide/trees/nodes.md": "# Nodes\n\nHow a tree grows taller.",
}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """The documentation, with the change that the older version had seen and not ingested."""
    folder = tmp_path / "docs"
    for path, text in PAGES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def older_dagster_home(docs: Path, tmp_path: Path) -> Path:
    """Dagster's state as the older version left it."""
    home = tmp_path / "older"
    seen = fingerprints(Source("guide", "mdx", roots=(docs / "guide",)))
    for dump, name in SQLITE_FILES.items():
        text = (OLDER_HOME / dump).read_text(encoding="utf-8")
        for section in ("grids", "trees"):
            text = text.replace(f"FINGERPRINT_OF_{section.upper()}", seen[section])
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        conn = sqlite3.connect(file)
        conn.execute("PRAGMA journal_mode = WAL")  # as Dagster makes them; a dump does not say so
        conn.executescript(text)
        conn.close()
    (home / "dagster.yaml").write_bytes((OLDER_HOME / "dagster.yaml").read_bytes())
    return home


@pytest.fixture
def older_index_url(empty_database_url: str) -> str:
    """An index as the older version left it."""
    with connect(empty_database_url) as conn:
        conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
        conn.execute(
            "CREATE TABLE schema_migrations "
            "(version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        for version, migration in older_migrations():
            conn.execute(migration)
            conn.execute("INSERT INTO schema_migrations (version) VALUES (%s)", [version])
        rows = json.loads((OLDER_HOME / "index.json").read_text(encoding="utf-8"))
        for table in ("models", "documents", "chunks", "embeddings"):
            insert = sql.SQL("INSERT INTO {table} ({columns}) SELECT {columns} FROM {rows}").format(
                table=sql.Identifier(table),
                columns=sql.SQL(", ").join(map(sql.Identifier, rows[table][0])),
                rows=sql.SQL("jsonb_populate_recordset(NULL::{}, {})").format(
                    sql.Identifier(table), sql.Literal(json.dumps(rows[table]))
                ),
            )
            conn.execute(insert)
    return empty_database_url


def older_migrations() -> Iterator[tuple[int, bytes]]:
    for file in sorted((resources.files("bbj_assets.store") / "migrations").iterdir(), key=lambda each: each.name):
        match = re.match(r"\d{4}", file.name)
        if match and int(match[0]) <= OLDER_SCHEMA:
            yield int(match[0]), file.read_bytes()


def documents(url: str) -> dict[str, tuple[str, str]]:
    """The run that stored each document, and its text."""
    with connect(url) as conn:
        rows = conn.execute("SELECT source_url, run_id, content FROM documents JOIN chunks USING (source_url)")
        return {source_url: (run_id, content) for source_url, run_id, content in rows}


@pytest.mark.xfail(reason="the sensor requests a third run, over both sections; it is not known yet why", strict=False)
def test_an_older_home_is_taken_over(
    docs: Path, older_dagster_home: Path, older_index_url: str, tmp_path: Path
) -> None:
    before = documents(older_index_url)
    assert before["guide://trees/nodes.md"][1] == "How a tree grows."
    environment = {
        "BBJ_ASSETS_CONFIG": str(docs / "sources.toml"),
        "BBJ_ASSETS_DATABASE_URL": older_index_url,
        "BBJ_ASSETS_EMBEDDER": "ollama",
        "BBJ_ASSETS_PARSE_WORKERS": "1",
        "BBJ_ASSETS_SENSOR_SECONDS": "1",
        "BBJ_ASSETS_QUIET_SECONDS": "1",
    }
    with (
        FakeOllama(dimensions=16) as models,
        RunningPlatform(tmp_path, {**environment, "OLLAMA_HOST": models.url}, older_dagster_home) as platform,
    ):
        wait_for("the queued run has ended", lambda: bool(ended(platform, "ingest_guide", 2)), TIMEOUT)
        wait_for("the search index follows", lambda: bool(ended(platform, "__ASSET_JOB", 2)), TIMEOUT)
        embedded = {text for text in models.embedded if "tree" in text or "column" in text}
        (docs / "guide/grids/sizing.md").write_text("# Sizing\n\nHow wide a column may be.")
        wait_for("the next change is ingested", lambda: bool(ended(platform, "ingest_guide", 3)), TIMEOUT)
        runs = ended(platform, "ingest_guide", 3)

    after = documents(older_index_url)
    [of_grids, of_trees, first] = runs
    assert after["guide://trees/nodes.md"] == (of_trees, "How a tree grows taller.")
    assert before["guide://grids/sizing.md"][0] == first
    assert after["guide://grids/sizing.md"] == (of_grids, "How wide a column may be.")
    assert len(embedded) == 1, "only the text that changed before the update"
    assert "grows taller" in embedded.pop()
    assert max(models.embedded.values()) == 1


def ended(platform: RunningPlatform, job: str, count: int) -> list[str]:
    """The runs of a job, newest first, once there are `count` and all have succeeded."""
    runs = [run for run in platform.runs() if run["jobName"] == job]
    assert len(runs) <= count, f"a run that nothing called for: {[(run['status'], run['tags']) for run in runs]}"
    return [run["runId"] for run in runs] if [run["status"] for run in runs] == ["SUCCESS"] * count else []


def test_what_was_switched_off_stays_off(older_dagster_home: Path) -> None:
    with DagsterInstance.from_config(str(older_dagster_home)) as instance:
        states = {state.instigator_name: state.status.value for state in instance.all_instigator_state()}

    defined = {"follow_guide", "follow_all_sources", "retry_requests"}
    assert defined <= set(states)
    assert {name for name, status in states.items() if status == "STOPPED"} == {"retry_requests"}


def test_the_classes_that_an_older_dagster_yaml_names_are_there(older_dagster_home: Path) -> None:
    text = (older_dagster_home / "dagster.yaml").read_text()
    assert "bbj_assets.defs.run_queue" in text
    assert "bbj_assets.defs.run_launcher" in text
    with DagsterInstance.from_config(str(older_dagster_home)) as instance:
        assert isinstance(instance.run_coordinator, SourceRunQueue)
        assert isinstance(instance.run_launcher, WatchfulRunLauncher)
