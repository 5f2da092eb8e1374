"""The sample sites, served as a reader of the README serves them."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from bbj_assets.source import Source
from bbj_assets.sources import wordpress
from bbj_assets_tests.conftest import REPOSITORY, SAMPLE_DATA
from bbj_assets_tests.sources.wordpress.conftest import documents, problems
from sample_data.serve import PUBLIC, SampleServer


@pytest.fixture(params=[False, True], ids=["with REST", "without REST"])
def server(request: pytest.FixtureRequest) -> Iterator[SampleServer]:
    with SampleServer(without_rest=request.param, crawl_delay=False) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("folder", "path", "pdfs"),
    [("wordpress-advantage", "advantage-magazine", 1), ("wordpress-kb", "knowledge-base", 0)],
)
def test_a_sample_site_is_read_in_full(server: SampleServer, tmp_path: Path, folder: str, path: str, pdfs: int) -> None:
    source = Source(folder, "wordpress", url=f"{server.url}/{path}/", mirror=tmp_path, requests_per_second=1000)
    posts = [
        post
        for file in (SAMPLE_DATA / "web" / folder / "wp-json").rglob("page-*.json")
        for post in json.loads(file.read_text(encoding="utf-8"))
    ]

    wordpress.fetch(source)

    found = documents(source)
    assert {url for url in found if ".pdf" not in url} == {p["link"].replace(PUBLIC, server.url) for p in posts}
    assert len({url.partition("#")[0] for url in found if ".pdf" in url}) == pdfs
    assert problems(source) == {}
    text = "\n".join(f"{document.title}\n{document.content}" for document in found.values())
    for unwanted in ("[gallery", "[caption", "[related", "wp:", "console.log", ".png", "Follow us", "helpful", "&#"):
        assert unwanted not in text
    if pdfs:
        assert "# Bind, do not fill" in text
        assert {"Timers Without Tears", "A Grid for a Million Rows & More"} <= {d.title for d in found.values()}
    else:
        assert "the characters `<<bbj>>` and then" in text


def test_the_command_says_what_it_serves() -> None:
    command = [sys.executable, str(SAMPLE_DATA / "serve.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(6)]
            address = next(line.split()[-1] for line in lines if "wordpress-advantage" in line)
            with urlopen(f"{address}wp-json/wp/v2/posts?per_page=2&_fields=id") as answer:  # noqa: S310 - loopback
                assert json.load(answer) == [{"id": 105}, {"id": 104}]
                assert answer.headers["X-WP-Total"] == "5"
        finally:
            process.terminate()
