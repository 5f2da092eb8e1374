"""The platform as it is operated: code server, web server and daemon as processes of their own, asked through GraphQL.

Every process is the leader of a group, so that it ends together with whatever it started, also when a test fails.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil
from dagster import DagsterInstance

ROOT = Path(__file__).parent.parent.parent
LOCATION = "bbj_assets.definitions"
_SELECTOR = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
_DAGSTER = [sys.executable, "-W", "ignore", "-m"]


@dataclass
class RunningPlatform:
    """A context manager; `folder` gets its state, its workspace and the processes' logs.

    Attributes:
        environment: what the processes get besides the environment of the tests.
        dagster_home: a folder with a Dagster instance to begin with; a fresh one if there is none.
    """

    folder: Path
    environment: Mapping[str, str]
    dagster_home: Path | None = None
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._code_port, self._web_port = free_port(), free_port()
        dagster_home = self.folder / "home" / "dagster"
        dagster_home.mkdir(parents=True)
        if self.dagster_home is not None:
            shutil.copytree(self.dagster_home, dagster_home, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / "dagster.yaml", dagster_home)
        with DagsterInstance.from_config(str(dagster_home)):
            pass  # makes Dagster's tables: three processes that make them at once get in each other's way
        ours = ("BBJ_", "DAGSTER_", "DATA_DIR", "OLLAMA_HOST")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self._environment = {
            **inherited,
            **self.environment,
            "DAGSTER_HOME": str(dagster_home),
            "BBJ_ASSETS_HOME": str(self.folder / "home"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }
        (self.folder / "workspace.yaml").write_text(
            f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {self._code_port}, location_name: {LOCATION}}}\n"
        )
        try:
            for name in ("code-server", "daemon", "webserver"):
                self.start(name)
            self.wait_until_up()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str) -> None:
        """Start one of the three processes."""
        command = {
            "code-server": ["dagster", "api", "grpc", "-m", LOCATION, "-h", "127.0.0.1", "-p", str(self._code_port)],
            "webserver": ["dagster_webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(self._web_port)],
            "daemon": ["dagster._daemon", "run", "-w", "workspace.yaml"],
        }[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*_DAGSTER, *command],
                cwd=self.folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_up(self) -> None:
        """Wait until the web server answers with what the code server has."""
        wait_for("the web server answers", self._is_up, seconds=60)

    def kill(self, name: str) -> None:
        """End one of the three processes with SIGKILL, and leave alone what it started."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def run_workers(self) -> list[psutil.Process]:
        """The processes that runs are in, the oldest first: children of the code server."""
        workers = []
        for child in psutil.Process(self.processes["code-server"].pid).children():
            with suppress(psutil.Error):  # it has ended meanwhile
                if any("spawn_main" in word for word in child.cmdline()):
                    workers.append(child)
        return sorted(workers, key=lambda worker: worker.create_time())

    def run(self, command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one of our commands on the same state, to its end."""
        return subprocess.run(
            [str(Path(sys.executable).parent / command), *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    def stop(self) -> None:
        """End every process, and what they started."""
        for process in self.processes.values():
            _signal_group(process, signal.SIGTERM)
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self.processes.clear()

    @property
    def url(self) -> str:
        """Where a browser finds the web UI."""
        return f"http://127.0.0.1:{self._web_port}"

    def graphql(self, query: str, **variables: Any) -> Any:
        """The data that the web server answers with."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._web_port}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own server
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def sections(self, group: str) -> set[str]:
        """The partitions that the UI offers for a source."""
        data = self.graphql(
            "query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionKeys } } }",
            key={"path": [group, "chunks"]},
        )
        return set(data["assetNodeOrError"].get("partitionKeys", ()))

    def backfill(self, assets: Sequence[Sequence[str]], sections: Sequence[str] | None = None) -> str:
        """Do what "Materialize all" does, or for some sections the partition picker, and return the backfill's id."""
        chosen = {"allPartitions": True} if sections is None else {"partitionNames": list(sections)}
        data = self.graphql(
            """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
                __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            params={"assetSelection": [{"path": list(path)} for path in assets], **chosen},
        )["launchPartitionBackfill"]
        assert data["__typename"] == "LaunchBackfillSuccess", data
        backfill: str = data["backfillId"]
        return backfill

    def backfill_status(self, backfill: str) -> str:
        data = self.graphql(
            "query ($id: String!) "
            "{ partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }",
            id=backfill,
        )
        status: str = data["partitionBackfillOrError"]["status"]
        return status

    def launch_job(self, name: str) -> None:
        data = self.graphql(
            """mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
                __typename ... on PythonError { message } } }""",
            params={"selector": {**_SELECTOR, "jobName": name}, "runConfigData": "{}"},
        )
        assert data["launchRun"]["__typename"] == "LaunchRunSuccess", data

    def runs(self, **wanted: object) -> list[dict[str, Any]]:
        """The runs, newest first, each with its tags as a dictionary."""
        found = self.graphql(
            """query ($filter: RunsFilter) { runsOrError(filter: $filter) { ... on Runs { results {
                runId status jobName tags { key value } assetSelection { path } } } } }""",
            filter=wanted,
        )["runsOrError"]["results"]
        return [run | {"tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def is_idle(self) -> bool:
        """Whether no run is waiting or under way."""
        return not self.runs(statuses=["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"])

    def switch(self, sensors: Sequence[str], *, on: bool) -> None:
        """Switch sensors on or off."""
        for name in sensors:
            if on:
                self.graphql(
                    "mutation ($s: SensorSelector!) { startSensor(sensorSelector: $s) { __typename } }",
                    s={**_SELECTOR, "sensorName": name},
                )
            else:
                state = self.graphql(
                    "query ($s: SensorSelector!) "
                    "{ sensorOrError(sensorSelector: $s) { ... on Sensor { sensorState { id } } } }",
                    s={**_SELECTOR, "sensorName": name},
                )["sensorOrError"]["sensorState"]["id"]
                self.graphql("mutation ($id: String!) { stopSensor(id: $id) { __typename } }", id=state)

    def checks(self, *path: str) -> dict[str, str]:
        """The last outcome of each check of an asset."""
        found = self.graphql(
            """query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
                assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization {
                    status evaluation { severity } } } } } } } }""",
            key={"path": list(path)},
        )["assetNodeOrError"]["assetChecksOrError"]["checks"]
        outcomes = {}
        for check in found:
            last = check["executionForLatestMaterialization"]
            severity = last["evaluation"]["severity"] if last and last["evaluation"] else ""
            outcomes[check["name"]] = f"{last['status']} {severity}" if last else "never"
        return outcomes

    def _is_up(self) -> bool:
        for name, process in self.processes.items():
            assert process.poll() is None, (name, (self.folder / f"{name}.log").read_text()[-3000:])
        try:
            found = self.graphql("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return bool(found["repositoriesOrError"].get("nodes"))


def wait_for(what: str, is_so: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it did not become so.
    """
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds} s it is not so that {what}")
        time.sleep(1)  # each look costs the web server a tenth of a second of processor


def free_port() -> int:
    """Return a port that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
