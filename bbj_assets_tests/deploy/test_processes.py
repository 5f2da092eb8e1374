"""The processes of docker-compose.yml, with their commands and environments, on a real PostgreSQL.

They come up, become healthy by the file's own checks, do what the web UI asks for, and end on SIGTERM.
"""

import json
import socket
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from psycopg import sql

from bbj_assets.store.connection import connect
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.deploy.compose import Machine, compose
from bbj_assets_tests.fakes.ollama_server import FakeOllama

PASSWORD = "p@ss/w:rd%$1"  # noqa: S105 - with all that could spoil a URL
DAGSTER_SQL = REPOSITORY / "deploy" / "postgres" / "dagster.sql"
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


@pytest.fixture
def dagster_url(embedded_server_url: str) -> Iterator[str]:
    """A database as PostgreSQL's container makes it for Dagster on its first start."""
    with connect(embedded_server_url) as conn:
        conn.execute(DAGSTER_SQL.read_bytes())
    yield urlsplit(embedded_server_url)._replace(path="/dagster").geturl()
    with connect(embedded_server_url) as conn:
        conn.execute(sql.SQL("DROP DATABASE dagster WITH (FORCE)"))


@pytest.fixture
def machine(tmp_path: Path, empty_database_url: str, dagster_url: str) -> Iterator[Machine]:
    """Everything that docker-compose.yml has, apart from the images that are not ours; nothing of it is started."""
    docs = tmp_path / "docs"
    (docs / "guide").mkdir(parents=True)
    (docs / "guide" / "start.md").write_text("# Start\n\nHow it begins.")
    (docs / "sources.toml").write_text('[[sources]]\nname = "guide"\nparser = "mdx"\npaths = ["guide"]\n')
    services = compose({"POSTGRES_PASSWORD": PASSWORD, "DATA_DIR": str(docs)})["services"]
    with FakeOllama(dimensions=16) as ollama:
        names = {
            "postgresql://bbj_assets@postgres:5432/dagster": dagster_url,
            "postgresql://bbj_assets@postgres:5432/bbj_assets": empty_database_url,
            "http://ollama:11434": ollama.url,
            "code-server": "127.0.0.1",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - what is replaced
            "4000": str(free_port()),
            "3000": str(free_port()),
            "./sources.toml": str(docs / "sources.toml"),
        }
        machine = Machine(tmp_path / "root", services, names)
        machine.lay_out()
        yield machine
        machine.stop()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def ask(machine: Machine, query: str, **variables: object) -> Any:
    """What the web UI's GraphQL API answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{machine.names['3000']}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - the same
        answer: Mapping[str, Any] = json.load(reply)
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def launch(machine: Machine, *assets: str, partition: str) -> str:
    """Materialize assets as the button in the web UI does, and return the run's id."""
    selector = {"repositoryName": "__repository__", "repositoryLocationName": "bbj_assets.definitions"}
    ask(
        machine,
        """mutation($at: RepositorySelector!, $name: String!, $key: String!) {
            addDynamicPartition(repositorySelector: $at, partitionsDefName: $name, partitionKey: $key) { __typename }
        }""",
        at=selector,
        name="guide_sections",
        key=partition,
    )
    launched = ask(
        machine,
        """mutation($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) {
            __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
        } }""",
        parameters={
            "selector": {
                **selector,
                "jobName": "__ASSET_JOB",
                "assetSelection": [{"path": asset.split("/")} for asset in assets],
            },
            "mode": "default",
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}]},
        },
    )["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id: str = launched["run"]["runId"]
    return run_id


def finished(machine: Machine, run_id: str, seconds: float = 90) -> dict[str, Any]:
    """A run, when it has ended."""
    deadline = time.monotonic() + seconds
    while True:
        run: dict[str, Any] = ask(
            machine,
            "query($id: ID!) { runOrError(runId: $id) { ... on Run { status tags { key value } } } }",
            id=run_id,
        )["runOrError"]
        if run["status"] in ENDED:
            return run
        assert time.monotonic() < deadline, f"{run}\n{machine.log('daemon')}\n{machine.log('code-server')}"
        time.sleep(0.5)


@pytest.mark.timeout(400)  # half a minute on an idle machine; each wait in it has a bound of its own
def test_the_composed_processes_materialize_an_asset_and_end_in_order(
    machine: Machine, empty_database_url: str, dagster_url: str
) -> None:
    migrated = machine.run("migrate", machine.services["migrate"]["command"])
    assert migrated.returncode == 0, migrated.stderr
    machine.start("code-server")
    machine.wait_until_healthy("code-server")
    machine.start("webserver")
    machine.start("daemon")
    machine.wait_until_healthy("webserver")

    run = finished(machine, launch(machine, "guide/chunks", "guide/embeddings", partition="_root"))

    assert run["status"] == "SUCCESS", machine.log("code-server")
    assert {"key": "bbj_assets/source", "value": "guide"} in run["tags"]
    with connect(empty_database_url) as conn:
        indexed = conn.execute(
            "SELECT source_url, vector_dims(embedding) FROM chunks JOIN embeddings USING (content_hash)"
        )
        assert indexed.fetchall() == [("guide://start.md", 16)]
    with connect(dagster_url) as conn:
        assert conn.execute("SELECT count(*) > 0 FROM runs WHERE status = 'SUCCESS'").fetchone() == (True,)
    machine.wait_until_healthy("daemon")
    processes = [psutil.Process(process.pid) for process in machine.running.values()]
    family = [*processes, *(child for process in processes for child in process.children(recursive=True))]

    codes = machine.stop()

    assert codes == {"daemon": 0, "webserver": 0, "code-server": 0}
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
    assert written_outside_of_volumes(machine) == []
    for log in machine.root.glob("*.log"):
        assert PASSWORD not in log.read_text(encoding="utf-8", errors="replace")


def written_outside_of_volumes(machine: Machine) -> list[str]:
    """The containers' own file system is read-only."""
    volumes = {volume.split(":")[1] for volume in machine.services["code-server"]["volumes"]} | {"/tmp"}  # noqa: S108
    files = [f"/{file.relative_to(machine.root)}" for file in machine.root.rglob("*") if file.is_file()]
    written = [file for file in files if not file.startswith(tuple(volumes)) and not file.endswith(".log")]
    return sorted(set(written) - {"/opt/dagster/dagster.yaml", "/opt/dagster/workspace.yaml"})
