"""Who is told of a failed run, what, and that the webhook's URL is told to nobody."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from dagster import DagsterEventType, build_run_status_sensor_context
from pydantic import SecretStr

from bbj_assets.alerts import post_alert
from bbj_assets.defs.sensors.alert import alert_sensor
from bbj_assets.errors import AlertError
from bbj_assets_tests.defs.conftest import Installation


class Receiver:
    """A webhook on loopback; answers with `status`."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(receiver.status)
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


def test_a_failed_run_is_told_of_in_its_own_words(installation: Installation, receiver: Receiver) -> None:
    installation.write("guide/grids/page.md", "# Grids\n\nText.")
    installation.models.models.clear()
    assert installation.run() is not None
    [run] = installation.instance.get_runs()
    [failed] = installation.instance.get_records_for_run(run.run_id, of_type=DagsterEventType.RUN_FAILURE).records
    event = failed.event_log_entry.dagster_event
    assert event is not None

    with build_run_status_sensor_context(
        "alert", dagster_event=event, dagster_instance=installation.instance, dagster_run=run
    ) as context:
        alert_sensor(webhook=receiver.url)(context.for_run_failure())

    [told] = receiver.posted
    assert "ollama pull nomic-embed-text" in told["text"]
    assert (told["run_id"], told["job"], told["source"]) == (run.run_id, "ingest_guide", "guide")


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


def test_without_a_webhook_there_is_no_sensor(installation: Installation, receiver: Receiver) -> None:
    def names() -> set[str]:
        return {sensor.name for sensor in installation.defs().sensors or ()}

    assert "alert" not in names()
    installation.settings = installation.settings.model_copy(update={"alert_webhook": receiver.url})
    assert "alert" in names()
    assert "a-secret-path" not in repr(installation.settings)
