"""A site on the web, on a running platform: after a crawl the index has exactly what changed there."""

from collections.abc import Iterator

import pytest

from bbj_assets.store.connection import connect
from bbj_assets_tests.defs.running_platform import wait_for
from bbj_assets_tests.defs.running_project import TIMEOUT, RunningProject, running_project
from bbj_assets_tests.fakes.ollama_server import FakeOllama
from bbj_assets_tests.fakes.site_server import SiteServer, refusal
from bbj_assets_tests.sources.web_crawl.help_site import FOLDER, path_of, publish, put_topic, url_of

pytestmark = pytest.mark.timeout(600)

TOPICS = 20


@pytest.fixture
def site() -> Iterator[SiteServer]:
    with SiteServer() as site:
        publish(site, TOPICS)
        yield site


@pytest.fixture
def running(server_url: str, site: SiteServer) -> Iterator[RunningProject]:
    table = f"""
        [[sources]]
        name = "help"
        parser = "web-crawl"
        url = "{site.url}{FOLDER}index.htm"
        generation_tag = "all"
        requests_per_second = 400
        """
    with (
        FakeOllama(dimensions=16) as models,
        running_project(
            server_url,
            {"sources.toml": table},
            models,
            BBJ_ASSETS_SENSOR_SECONDS="1",
            BBJ_ASSETS_QUIET_SECONDS="1",
        ) as running,
    ):
        yield running


def test_a_crawl_leads_to_chunks_and_vectors_of_exactly_what_changed(running: RunningProject, site: SiteServer) -> None:
    platform = running.platform
    platform.launch_job("visit_help")
    topics = {url_of(site, number) for number in range(TOPICS)}
    start = f"{site.url}{FOLDER}index.htm"
    wait_for("the site is in the index", lambda: running.documents() == {*topics, start}, TIMEOUT)
    wait_for("nothing more is to do", lambda: _is_up_to_date(running), TIMEOUT)
    before = _runs_of_documents(running)
    texts = set(running.models.embedded)
    indexed = _materializations(running)

    put_topic(site, 7, "second", TOPICS)
    site.put(path_of(19), refusal(404))
    platform.launch_job("visit_help")

    wait_for("the changed page is there", lambda: "second edition" in running.content(url_of(site, 7)), TIMEOUT)
    wait_for(
        "the page that is gone is not", lambda: running.documents() == {*topics, start} - {url_of(site, 19)}, TIMEOUT
    )
    wait_for("the search index follows", lambda: _materializations(running) > indexed, TIMEOUT)
    wait_for("nothing more is to do", lambda: _is_up_to_date(running), TIMEOUT)
    after = _runs_of_documents(running)
    assert {url for url in after if after[url] != before[url]} == {url_of(site, 7)}
    [new] = set(running.models.embedded) - texts
    assert "Topic number 7 in its second edition" in new
    assert max(running.models.embedded.values()) == 1, "no text is embedded twice"
    assert running.failures() == set()


def _runs_of_documents(running: RunningProject) -> dict[str, str]:
    """The run that stored each document."""
    with connect(running.url) as conn:
        return dict(conn.execute("SELECT source_url, run_id FROM documents").fetchall())


def _is_up_to_date(running: RunningProject) -> bool:
    """Whether every chunk has a vector, and no run is waiting or under way."""
    with connect(running.url) as conn:
        missing = conn.execute(
            "SELECT count(*) FROM chunks c WHERE NOT EXISTS "
            "(SELECT FROM embeddings e WHERE e.content_hash = c.content_hash)"
        ).fetchone()
    return missing == (0,) and running.platform.is_idle()


def _materializations(running: RunningProject) -> int:
    """How often the search index was built by itself."""
    runs = running.platform.runs(statuses=["SUCCESS"])
    return sum({"path": ["search_index"]} in (run["assetSelection"] or ()) for run in runs)
