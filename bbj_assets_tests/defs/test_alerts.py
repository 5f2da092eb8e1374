"""Which failed runs are posted, with which message, and that the webhook's URL appears nowhere."""

import json
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import (
    DagsterError,
    DagsterEventType,
    DagsterInstance,
    build_run_status_sensor_context,
)
from pydantic import SecretStr

from bbj_assets.alerts import post_alert
from bbj_assets.defs.sensors.alert import alert_sensor
from bbj_assets.errors import AlertDelayed, AlertError, Stopped
from bbj_assets.progress import Silent
from bbj_assets_tests.defs.project import Project
from bbj_assets_tests.defs.run_sensor_driver import LOCATION_NAME, RunSensorDriver, ended_run


class Receiver:
    """A webhook on loopback; answers with each of `statuses` once, then with `status`, and with `headers`."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.status = 200
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status = receiver.statuses.pop(0) if receiver.statuses else receiver.status
                if status == 200:
                    receiver.taken.append(receiver.posted[-1])
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"http://127.0.0.1:{self.server.server_address[1]}/a-secret-path")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_failed_run_is_posted_with_its_error(project: Project, receiver: Receiver) -> None:
    project.write("guide/grids/page.md", "# Grids\n\nText.")
    project.models.models.clear()
    assert project.run() is not None
    [run] = project.instance.get_runs()
    [failed] = project.instance.get_records_for_run(run.run_id, of_type=DagsterEventType.RUN_FAILURE).records
    event = failed.event_log_entry.dagster_event
    assert event is not None

    with build_run_status_sensor_context(
        "alert", dagster_event=event, dagster_instance=project.instance, dagster_run=run
    ) as context:
        alert_sensor(webhook=receiver.url)(context.for_run_failure())

    [posted] = receiver.posted
    assert "ollama pull nomic-embed-text" in posted["text"]
    assert (posted["run_id"], posted["job"], posted["source"]) == (run.run_id, "ingest_guide", "guide")


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between two tries, which are noted and not waited for."""
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waits.append))
    return waits


@pytest.fixture
def driver(project: Project, receiver: Receiver) -> RunSensorDriver:
    return RunSensorDriver(alert_sensor(webhook=receiver.url), project)


def failed_run(instance: DagsterInstance, job: str = "ingest_guide", location: str | None = LOCATION_NAME) -> str:
    return ended_run(instance, job, DagsterEventType.RUN_FAILURE, location)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_webhook_that_stumbles_is_asked_again(receiver: Receiver, waits: list[float], status: int) -> None:
    receiver.statuses = [status, status]

    post_alert(receiver.url, "text", {"run_id": "1"})

    assert receiver.posted == [{"text": "text", "run_id": "1"}] * 3
    first, second = waits
    assert 1 <= first < second <= 2.5


def test_a_webhook_that_asks_for_patience_gets_it(receiver: Receiver, waits: list[float]) -> None:
    receiver.statuses, receiver.headers = [429], {"Retry-After": "5"}

    post_alert(receiver.url, "text", {})

    assert waits == [5]


def test_a_webhook_that_asks_for_more_than_a_tick_has_is_left_to_the_next(
    receiver: Receiver, waits: list[float]
) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "3600"}

    with pytest.raises(AlertDelayed, match="it answers 429"):
        post_alert(receiver.url, "text", {})

    assert waits == []
    assert len(receiver.posted) == 1


def test_a_webhook_that_has_moved_is_not_taken_to_have_got_the_alert(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 302, {"Location": "/elsewhere"}

    with pytest.raises(AlertError, match="it answers 302"):
        post_alert(receiver.url, "text", {})


@pytest.mark.parametrize("status", [302, 400, 404])
def test_a_webhook_that_will_not_take_it_is_asked_once(receiver: Receiver, status: int) -> None:
    receiver.status = status

    with pytest.raises(AlertError) as caught:
        post_alert(receiver.url, "text", {})

    assert not isinstance(caught.value, AlertDelayed)
    assert len(receiver.posted) == 1


def test_a_post_that_failed_is_repeated_at_a_later_tick_and_nothing_is_posted_twice(
    driver: RunSensorDriver, receiver: Receiver
) -> None:
    first = failed_run(driver.instance)
    driver.tick()
    second, third = failed_run(driver.instance), failed_run(driver.instance)
    receiver.status = 503
    for _ in range(2):
        with pytest.raises(DagsterError, match="it answers 503"):
            driver.tick()
    receiver.status = 200

    for _ in range(4):
        driver.tick()

    assert [posted["run_id"] for posted in receiver.taken] == [first, second, third]


def test_a_run_that_cannot_be_posted_repeats_no_other(driver: RunSensorDriver, receiver: Receiver) -> None:
    runs = [failed_run(driver.instance) for _ in range(3)]
    receiver.statuses = [200] + [503] * 3

    for _ in range(6):
        with suppress(DagsterError):
            driver.tick()

    assert [posted["run_id"] for posted in receiver.taken] == runs


def test_a_post_that_is_refused_for_good_is_recorded_and_does_not_hold_up_the_next(
    driver: RunSensorDriver, receiver: Receiver
) -> None:
    failed_run(driver.instance)
    receiver.statuses = [400]
    [refused] = driver.tick().dagster_run_reactions or ()
    assert refused.error is not None
    assert "it answers 400" in refused.error.message
    run = failed_run(driver.instance)

    for _ in range(2):
        driver.tick()

    assert [posted["run_id"] for posted in receiver.posted][1:] == [run]


def test_a_failed_run_of_the_command_line_is_posted_once(
    driver: RunSensorDriver, project: Project, receiver: Receiver
) -> None:
    project.write("guide/grids/page.md", "# Grids\n\nText.")
    project.models.models.clear()
    assert project.run() is not None

    for _ in range(3):
        driver.tick()

    [posted] = receiver.posted
    [run] = driver.instance.get_runs()
    assert (posted["run_id"], posted["source"]) == (run.run_id, "guide")
    assert "ollama pull nomic-embed-text" in posted["text"]


def test_a_run_that_was_stopped_on_request_is_not_posted(
    driver: RunSensorDriver, project: Project, receiver: Receiver
) -> None:
    class Interrupted(Silent):
        def advance(self, *_: object) -> None:
            raise Stopped("Stopped on request.")

    project.write("guide/grids/page.md", "# Grids\n\nText.")
    assert project.run(progress=Interrupted()) == "Stopped on request."

    done = driver.tick()

    assert "stopped on request" in (done.skip_message or "")
    assert receiver.posted == []


def test_the_runs_of_other_projects_on_the_same_instance_are_theirs_to_tell(
    driver: RunSensorDriver, receiver: Receiver
) -> None:
    failed_run(driver.instance, "payroll", "accounting")
    failed_run(driver.instance, "payroll", None)
    ours = failed_run(driver.instance)

    for _ in range(4):
        driver.tick()

    assert [posted["run_id"] for posted in receiver.posted] == [ours]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_refuses_is_an_error_that_does_not_name_it(receiver: Receiver, status: int) -> None:
    receiver.status = status

    with pytest.raises(AlertError, match=f"it answers {status}.*BBJ_ASSETS_ALERT_WEBHOOK") as caught:
        post_alert(receiver.url, "text", {})

    assert "a-secret-path" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/a-secret-path", "ftp://a-secret-path", "a-secret-path", "http://a secret path/", "http://["],
)
def test_a_webhook_that_cannot_be_reached_is_an_error_that_does_not_name_it(url: str) -> None:
    with pytest.raises(AlertError, match="BBJ_ASSETS_ALERT_WEBHOOK") as caught:
        post_alert(SecretStr(url), "text", {})

    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_without_a_webhook_there_is_no_sensor(project: Project, receiver: Receiver) -> None:
    def names() -> set[str]:
        return {sensor.name for sensor in project.defs().sensors or ()}

    assert "alert" not in names()
    project.settings = project.settings.model_copy(update={"alert_webhook": receiver.url})
    assert "alert" in names()
    assert "a-secret-path" not in repr(project.settings)
