"""What a person does in the web UI, done through its GraphQL against the real web server, daemon and code server."""

import json
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bbj_assets_tests.defs.running_platform import wait_for
from bbj_assets_tests.defs.running_project import TIMEOUT, RunningProject, rows, running_project
from bbj_assets_tests.fakes.ollama_server import FakeOllama

pytestmark = pytest.mark.timeout(600)

_SOURCES = """
[[sources]]
name = "guide"
parser = "mdx"
paths = ["guide"]
generation_tag = "all"

[[sources]]
name = "course"
parser = "mdx"
paths = ["course"]
generation_tag = "dwc"

[[sources]]
name = "archive"
parser = "mdx"
paths = ["archive"]
generation_tag = "all"
"""
_PAGES = {
    "guide/index.md": "# Welcome\n\nStart here.",
    "guide/grids/sizing.mdx": "# Sizing\n\nimport Note from '../_note.mdx'\n\nHow wide a column is.\n\n<Note />\n",
    "guide/grids/sorting.md": "# Sorting\n\nRows in order.",
    "guide/charts/pie.md": "# Pie\n\nRound.",
    "guide/trees/nodes.md": "# Nodes\n\nThey have children.",
    "guide/trees/magic.md": "# Magic\n\nSay XYZZY.",
    "guide/_note.mdx": "A note that is shared.\n",
    "course/intro/first.md": "# First\n\nThe first lesson.",
    "course/more/second.md": "# Second\n\nThe second lesson.",
    "archive/old/page.md": "# Old\n\nFrom long ago.",
}
_FOLLOW = ("follow_guide", "follow_course", "follow_archive")
_LINEAGE = [[group, name] for group in ("guide", "course", "archive") for name in ("chunks", "embeddings")]


class _Webhook:
    """Takes what is posted."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posted.append(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/a-secret-path"


@pytest.fixture(scope="module")
def webhook() -> Iterator[_Webhook]:
    webhook = _Webhook()
    Thread(target=webhook.server.serve_forever, daemon=True).start()
    yield webhook
    webhook.server.shutdown()
    webhook.server.server_close()


@pytest.fixture(scope="module")
def running(server_url: str, webhook: _Webhook) -> Iterator[RunningProject]:
    with (
        FakeOllama(dimensions=16, poison="XYZZY") as models,
        running_project(
            server_url,
            {"sources.toml": _SOURCES, **_PAGES},
            models,
            BBJ_ASSETS_SENSOR_SECONDS="2",
            BBJ_ASSETS_QUIET_SECONDS="2",
            BBJ_ASSETS_ALERT_WEBHOOK=webhook.url,
        ) as running,
    ):
        yield running
        assert not any("a-secret-path" in log.read_text() for log in running.platform.folder.glob("*.log"))


def test_materialize_all_works_on_a_fresh_instance_and_a_source_that_fails_stops_no_other(
    running: RunningProject, webhook: _Webhook
) -> None:
    platform = running.platform
    wait_for(
        "the sections are partitions",
        lambda: (
            platform.sections("guide") == {"_root", "grids", "charts", "trees"}
            and platform.sections("course") == {"intro", "more"}
            and platform.sections("archive") == {"old"}
        ),
        seconds=TIMEOUT,
    )
    platform.switch(_FOLLOW, on=False)  # so that it is the person who does it
    (running.docs / "archive").rename(running.docs / "elsewhere")

    backfill = platform.backfill([*_LINEAGE, ["search_index"], ["failures"]])

    pages = ("index.md", "grids/sizing.mdx", "grids/sorting.md", "charts/pie.md", "trees/nodes.md", "trees/magic.md")
    expected = {f"guide://{page}" for page in pages} | {"course://intro/first.md", "course://more/second.md"}
    wait_for("the other sources are there", lambda: running.documents() == expected, seconds=TIMEOUT)
    wait_for("the backfill is over", lambda: platform.backfill_status(backfill) == "COMPLETED_FAILED", seconds=TIMEOUT)
    runs = [run for run in platform.runs() if run["tags"].get("dagster/backfill") == backfill]
    of_source = {run["tags"]["bbj_assets/source"]: run["status"] for run in runs if "bbj_assets/source" in run["tags"]}
    assert of_source == {"guide": "SUCCESS", "course": "SUCCESS", "archive": "FAILURE"}, "one run a source, tagged"
    wait_for("the failed run is posted", lambda: bool(webhook.posted), seconds=TIMEOUT)
    [posted] = webhook.posted
    assert posted["source"] == "archive"
    assert "Cannot list" in posted["text"]
    wait_for(
        "the index and the list of failures follow the sources that did not fail",
        lambda: (
            {("search_index",), ("failures",)}
            <= {
                tuple(key["path"]) for run in platform.runs(statuses=["SUCCESS"]) for key in run["assetSelection"] or ()
            }
        ),
        seconds=TIMEOUT,
    )
    wait_for("nothing more is to do", platform.is_idle, seconds=TIMEOUT)
    assert platform.checks("guide", "chunks") == {
        "no_failed_items": "SUCCEEDED WARN",
        "not_empty": "SUCCEEDED ERROR",
        "titles_tell_apart": "SUCCEEDED WARN",
        "generations_known": "SUCCEEDED WARN",
        "not_shrunk": "SUCCEEDED ERROR",
    }
    assert platform.checks("guide", "embeddings") == {
        "every_chunk_embedded": "SUCCEEDED ERROR",
        "no_failed_texts": "FAILED WARN",
    }
    (running.docs / "elsewhere").rename(running.docs / "archive")


def test_a_section_is_backfilled_alone(running: RunningProject) -> None:
    platform = running.platform
    running.write("guide/charts/pie.md", "# Pie\n\nRounder.")
    running.write("guide/grids/sorting.md", "# Sorting\n\nRows in another order.")

    backfill = platform.backfill([["guide", "chunks"], ["guide", "embeddings"]], ["charts"])

    wait_for("the backfill is over", lambda: platform.backfill_status(backfill) == "COMPLETED_SUCCESS", seconds=TIMEOUT)
    assert "Rounder" in running.content("guide://charts/pie.md")
    assert "Rows in order" in running.content("guide://grids/sorting.md")


def test_what_happens_to_files_happens_to_the_index_exactly(
    running: RunningProject, database_url: str, tmp_path: Path
) -> None:
    platform = running.platform
    running.write("guide/_note.mdx", "A note that is shared, and changed.\n")
    running.write("guide/menus/popup.md", "# Popup\n\nA section that is new.")
    running.write("course/intro/first.md", "# First\n\nThe first lesson, edited.")
    (running.docs / "course/more/second.md").rename(running.docs / "course/intro/second.md")
    shutil.rmtree(running.docs / "guide/charts")

    platform.switch(_FOLLOW, on=True)
    wait_for("the new section is there", lambda: "guide://menus/popup.md" in running.documents(), seconds=TIMEOUT)
    for edit in range(12):  # faster than ticks
        running.write("guide/trees/nodes.md", f"# Nodes\n\nEdit number {edit}.")
    shutil.rmtree(running.docs / "guide/menus")  # comes, goes, and comes back
    wait_for("it is gone", lambda: "guide://menus/popup.md" not in running.documents(), seconds=TIMEOUT)
    running.write("guide/menus/popup.md", "# Popup\n\nA section that is back.")

    clean = running.clean_ingest(database_url, tmp_path)
    wait_for("the index is that of a clean ingest", lambda: rows(running.url) == rows(clean), seconds=TIMEOUT)
    wait_for("nothing more is to do", platform.is_idle, seconds=TIMEOUT)
    assert rows(running.url) == rows(clean)
    assert platform.sections("guide") == {"_root", "grids", "trees", "menus"}
    assert platform.sections("course") == {"intro"}
    wait_for(
        "the source that could not be listed follows",
        lambda: "archive://old/page.md" in running.documents(),
        TIMEOUT,
    )


def test_what_failed_is_tried_again_on_request(running: RunningProject) -> None:
    platform = running.platform
    assert running.failures() == {"TextRejected"}
    running.models.poison = None

    platform.launch_job("retry_failed")

    wait_for("nothing is failed any more", lambda: running.failures() == set(), seconds=TIMEOUT)
    wait_for("the run is over", platform.is_idle, seconds=TIMEOUT)
    assert platform.checks("guide", "embeddings")["no_failed_texts"] == "SUCCEEDED WARN"
    assert {"guide"} == {
        run["tags"]["bbj_assets/source"] for run in platform.runs() if "retry_requests" in run["tags"].values()
    }
