"""What a person does in the web UI, done through its GraphQL against the real web server, daemon and code server."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import aclosing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from psycopg import sql

from bbj_assets.embedding import create_embedder
from bbj_assets.embedding.batches import BatchOptions, embed_pending
from bbj_assets.ingest.chunks import ParseOptions, list_items, refresh_chunks
from bbj_assets.settings import Settings, load_settings, load_sources
from bbj_assets.store.connection import connect
from bbj_assets_tests.defs.running_platform import RunningPlatform, wait_for
from bbj_assets_tests.fakes.ollama_server import FakeOllama

pytestmark = pytest.mark.timeout(600)

_PATIENCE = 180.0
"""Seconds, for a machine that is busy with other things; an idle one needs a sixth."""

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


class Operated:
    """A platform over a small documentation, with everything that belongs to it."""

    def __init__(self, platform: RunningPlatform, docs: Path, url: str, models: FakeOllama, webhook: _Webhook) -> None:
        self.platform = platform
        self.docs = docs
        self.url = url
        self.models = models
        self.webhook = webhook

    def write(self, path: str, text: str) -> None:
        file = self.docs / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def documents(self) -> set[str]:
        with connect(self.url) as conn:
            return {url for (url,) in conn.execute("SELECT source_url FROM documents")}

    def content(self, source_url: str) -> str:
        with connect(self.url) as conn:
            rows = conn.execute("SELECT content FROM chunks WHERE source_url = %s ORDER BY ordinal", [source_url])
            return "\n".join(content for (content,) in rows)

    def failures(self) -> set[str]:
        with connect(self.url) as conn:
            return {error for (error,) in conn.execute("SELECT error_type FROM failures")}


@pytest.fixture(scope="module")
def operated(server_url: str) -> Iterator[Operated]:
    name = f"operated_{os.getpid()}"
    with connect(server_url) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template_migrated").format(sql.Identifier(name)))
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    webhook = _Webhook()
    Thread(target=webhook.server.serve_forever, daemon=True).start()
    with TemporaryDirectory(prefix="bbj-assets-") as scratch, FakeOllama(dimensions=16, poison="XYZZY") as models:
        folder = Path(scratch)
        docs = folder / "docs"
        docs.mkdir()
        (docs / "sources.toml").write_text(_SOURCES)
        platform = RunningPlatform(
            folder,
            {
                "BBJ_ASSETS_CONFIG": str(docs / "sources.toml"),
                "BBJ_ASSETS_DATABASE_URL": url,
                "BBJ_ASSETS_EMBEDDER": "ollama",
                "OLLAMA_HOST": models.url,
                "BBJ_ASSETS_SENSOR_SECONDS": "1",
                "BBJ_ASSETS_QUIET_SECONDS": "2",
                "BBJ_ASSETS_PARSE_WORKERS": "1",
                "BBJ_ASSETS_EMBEDDING_RETRY_SECONDS": "0.01",
                "BBJ_ASSETS_ALERT_WEBHOOK": webhook.url,
            },
        )
        made = Operated(platform, docs, url, models, webhook)
        for path, text in _PAGES.items():
            made.write(path, text)
        with platform:
            yield made
        logs = "".join(log.read_text() for log in folder.glob("*.log"))
        assert "a-secret-path" not in logs
    webhook.server.shutdown()
    webhook.server.server_close()
    with connect(server_url) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_materialize_all_works_on_a_fresh_instance_and_a_source_that_fails_stops_no_other(operated: Operated) -> None:
    platform = operated.platform
    wait_for(
        "the sections are partitions",
        lambda: (
            platform.sections("guide") == {"_root", "grids", "charts", "trees"}
            and platform.sections("course") == {"intro", "more"}
            and platform.sections("archive") == {"old"}
        ),
        seconds=_PATIENCE,
    )
    platform.switch(_FOLLOW, on=False)  # so that it is the person who does it
    (operated.docs / "archive").rename(operated.docs / "elsewhere")

    backfill = platform.backfill([*_LINEAGE, ["search_index"], ["failures"]])

    pages = ("index.md", "grids/sizing.mdx", "grids/sorting.md", "charts/pie.md", "trees/nodes.md", "trees/magic.md")
    expected = {f"guide://{page}" for page in pages} | {"course://intro/first.md", "course://more/second.md"}
    wait_for("the other sources are there", lambda: operated.documents() == expected, seconds=_PATIENCE)
    wait_for(
        "the backfill is over", lambda: platform.backfill_status(backfill) == "COMPLETED_FAILED", seconds=_PATIENCE
    )
    runs = [run for run in platform.runs() if run["tags"].get("dagster/backfill") == backfill]
    of_source = {run["tags"]["bbj_assets/source"]: run["status"] for run in runs if "bbj_assets/source" in run["tags"]}
    assert of_source == {"guide": "SUCCESS", "course": "SUCCESS", "archive": "FAILURE"}, "one run a source, tagged"
    wait_for("somebody is told", lambda: bool(operated.webhook.posted), seconds=_PATIENCE)
    [told] = operated.webhook.posted
    assert told["source"] == "archive"
    assert "Cannot list" in told["text"]
    wait_for(
        "the index and the list of failures follow the sources that did not fail",
        lambda: (
            {("search_index",), ("failures",)}
            <= {
                tuple(key["path"]) for run in platform.runs(statuses=["SUCCESS"]) for key in run["assetSelection"] or ()
            }
        ),
        seconds=_PATIENCE,
    )
    wait_for("nothing more is to do", platform.is_idle, seconds=_PATIENCE)
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
    (operated.docs / "elsewhere").rename(operated.docs / "archive")


def test_a_section_is_backfilled_alone(operated: Operated) -> None:
    platform = operated.platform
    operated.write("guide/charts/pie.md", "# Pie\n\nRounder.")
    operated.write("guide/grids/sorting.md", "# Sorting\n\nRows in another order.")

    backfill = platform.backfill([["guide", "chunks"], ["guide", "embeddings"]], ["charts"])

    wait_for(
        "the backfill is over", lambda: platform.backfill_status(backfill) == "COMPLETED_SUCCESS", seconds=_PATIENCE
    )
    assert "Rounder" in operated.content("guide://charts/pie.md")
    assert "Rows in order" in operated.content("guide://grids/sorting.md")


def test_what_happens_to_files_happens_to_the_index_exactly(
    operated: Operated, database_url: str, tmp_path: Path
) -> None:
    platform = operated.platform
    operated.write("guide/_note.mdx", "A note that is shared, and changed.\n")
    operated.write("guide/menus/popup.md", "# Popup\n\nA section that is new.")
    operated.write("course/intro/first.md", "# First\n\nThe first lesson, edited.")
    (operated.docs / "course/more/second.md").rename(operated.docs / "course/intro/second.md")
    shutil.rmtree(operated.docs / "guide/charts")

    platform.switch(_FOLLOW, on=True)
    wait_for("the new section is there", lambda: "guide://menus/popup.md" in operated.documents(), seconds=_PATIENCE)
    for edit in range(12):  # faster than ticks
        operated.write("guide/trees/nodes.md", f"# Nodes\n\nEdit number {edit}.")
    shutil.rmtree(operated.docs / "guide/menus")  # comes, goes, and comes back
    wait_for("it is gone", lambda: "guide://menus/popup.md" not in operated.documents(), seconds=_PATIENCE)
    operated.write("guide/menus/popup.md", "# Popup\n\nA section that is back.")

    clean = _clean_ingest(operated, database_url, tmp_path)
    wait_for("the index is that of a clean ingest", lambda: _rows(operated.url) == _rows(clean), seconds=_PATIENCE)
    wait_for("nothing more is to do", platform.is_idle, seconds=_PATIENCE)
    assert _rows(operated.url) == _rows(clean)
    assert platform.sections("guide") == {"_root", "grids", "trees", "menus"}
    assert platform.sections("course") == {"intro"}
    wait_for(
        "the source that could not be listed follows",
        lambda: "archive://old/page.md" in operated.documents(),
        _PATIENCE,
    )


def test_what_failed_is_tried_again_when_somebody_asks(operated: Operated) -> None:
    platform = operated.platform
    assert operated.failures() == {"TextRejected"}
    operated.models.poison = None

    platform.launch_job("retry_failed")

    wait_for("nothing is failed any more", lambda: operated.failures() == set(), seconds=_PATIENCE)
    wait_for("the run is over", platform.is_idle, seconds=_PATIENCE)
    assert platform.checks("guide", "embeddings")["no_failed_texts"] == "SUCCEEDED WARN"
    assert {"guide"} == {
        run["tags"]["bbj_assets/source"] for run in platform.runs() if "retry_requests" in run["tags"].values()
    }


def _clean_ingest(operated: Operated, url: str, folder: Path) -> str:
    """Everything from nothing into another database, without Dagster; gives its URL."""
    settings = load_settings(
        home=folder, config=operated.docs / "sources.toml", embedder="ollama", ollama_host=operated.models.url
    )
    for source in load_sources(settings).sources:
        sections = {item.partition for item in list_items(source)}
        with connect(url) as conn:
            refresh_chunks(conn, source, sections, ParseOptions(settings.chunks, processes=1))
        asyncio.run(_embed(settings, url, source.name, sections))
    return url


async def _embed(settings: Settings, url: str, source: str, sections: set[str]) -> None:
    async with aclosing(create_embedder(settings)) as embedder:
        await embed_pending(url, embedder, source, sections, BatchOptions())


def _rows(url: str) -> list[tuple[object, ...]]:
    """All that a reader of the index can see."""
    with connect(url) as conn:
        return conn.execute(
            """
            SELECT d.source_url, d.item, d.source, d.partition_key, d.title, d.doc_type, d.generations, d.deprecated,
                   d.display_url, d.section_path, d.content_sha256, d.recipe, d.dependencies::text, d.metadata::text,
                   c.ordinal, c.content, c.context_header, c.content_hash, e.model, e.embedding::text, f.error
            FROM documents d LEFT JOIN chunks c USING (source_url) LEFT JOIN embeddings e USING (content_hash)
            LEFT JOIN failures f ON f.item = encode(c.content_hash, 'hex')
            ORDER BY d.source_url, c.ordinal
            """
        ).fetchall()
