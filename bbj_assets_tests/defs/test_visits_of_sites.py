"""A site on the web, operated: a visit of it leads to an index that has exactly what changed there."""

from collections.abc import Iterator

import pytest

from bbj_assets.store.connection import connect
from bbj_assets_tests.defs.operated import PATIENCE, Operated, operated_platform
from bbj_assets_tests.defs.running_platform import wait_for
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
def operated(server_url: str, site: SiteServer) -> Iterator[Operated]:
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
        operated_platform(
            server_url,
            {"sources.toml": table},
            models,
            BBJ_ASSETS_SENSOR_SECONDS="1",
            BBJ_ASSETS_QUIET_SECONDS="1",
        ) as operated,
    ):
        yield operated


def test_a_visit_leads_to_chunks_and_vectors_of_exactly_what_changed(operated: Operated, site: SiteServer) -> None:
    platform = operated.platform
    platform.launch_job("visit_help")
    topics = {url_of(site, number) for number in range(TOPICS)}
    start = f"{site.url}{FOLDER}index.htm"
    wait_for("the site is in the index", lambda: operated.documents() == {*topics, start}, PATIENCE)
    wait_for("nothing more is to do", lambda: _is_content(operated), PATIENCE)
    before = _runs_of_documents(operated)
    texts = set(operated.models.embedded)
    indexed = _materializations(operated)

    put_topic(site, 7, "second", TOPICS)
    site.put(path_of(19), refusal(404))
    platform.launch_job("visit_help")

    wait_for("the changed page is there", lambda: "second edition" in operated.content(url_of(site, 7)), PATIENCE)
    wait_for(
        "the page that is gone is not", lambda: operated.documents() == {*topics, start} - {url_of(site, 19)}, PATIENCE
    )
    wait_for("the search index follows", lambda: _materializations(operated) > indexed, PATIENCE)
    wait_for("nothing more is to do", lambda: _is_content(operated), PATIENCE)
    after = _runs_of_documents(operated)
    assert {url for url in after if after[url] != before[url]} == {url_of(site, 7)}
    [new] = set(operated.models.embedded) - texts
    assert "Topic number 7 in its second edition" in new
    assert max(operated.models.embedded.values()) == 1, "no text is embedded twice"
    assert operated.failures() == set()


def _runs_of_documents(operated: Operated) -> dict[str, str]:
    """The run that stored each document."""
    with connect(operated.url) as conn:
        return dict(conn.execute("SELECT source_url, run_id FROM documents").fetchall())


def _is_content(operated: Operated) -> bool:
    """Whether every chunk has a vector, and no run is waiting or under way."""
    with connect(operated.url) as conn:
        missing = conn.execute(
            "SELECT count(*) FROM chunks c WHERE NOT EXISTS "
            "(SELECT FROM embeddings e WHERE e.content_hash = c.content_hash)"
        ).fetchone()
    return missing == (0,) and operated.platform.is_idle()


def _materializations(operated: Operated) -> int:
    """How often the search index was built by itself."""
    runs = operated.platform.runs(statuses=["SUCCESS"])
    return sum({"path": ["search_index"]} in (run["assetSelection"] or ()) for run in runs)
