"""The web UI in a real browser: what a person must be able to read there.

The screenshots are in build/screenshots, to be looked at.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.databases import temporary_database
from bbj_assets_tests.defs.running_platform import RunningPlatform, wait_for
from bbj_assets_tests.defs.running_project import TIMEOUT
from bbj_assets_tests.fakes.ollama_server import FakeOllama

pytestmark = pytest.mark.timeout(400)

SCREENSHOTS = REPOSITORY / "build" / "screenshots"
GROUPS = ("bbj_source", "flare", "javadoc", "mdx_beginner", "mdx_db_modernization", "mdx_dwc", "pdf", "search")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = (
    *(["--no-sandbox"] if os.geteuid() == 0 else []),  # which does not work for root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",  # with these it asks for nothing but our pages
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def platform(server_url: str) -> Iterator[RunningPlatform]:
    """On the sample data, which is in the index."""
    with (
        temporary_database(server_url) as url,
        TemporaryDirectory(prefix="bbj-assets-") as scratch,
        FakeOllama(dimensions=16) as models,
        _platform(Path(scratch), url, models) as platform,
    ):
        ingested = platform.run("bbj-ingest-all")
        assert ingested.returncode == 0, ingested.stderr
        wait_for(
            "the raw files were looked at",
            lambda: all(_is_seen(platform, group) for group in GROUPS if group != "search"),
            TIMEOUT,
        )
        yield platform


def _platform(folder: Path, url: str, models: FakeOllama) -> RunningPlatform:
    return RunningPlatform(
        folder,
        {
            "BBJ_ASSETS_CONFIG": str(REPOSITORY / "sources.toml"),
            "BBJ_ASSETS_DATABASE_URL": url,
            "BBJ_ASSETS_EMBEDDER": "ollama",
            "OLLAMA_HOST": models.url,
            "BBJ_ASSETS_SENSOR_SECONDS": "3600",  # they look at the files once
        },
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    with sync_playwright() as playwright:
        found = program or Path(playwright.chromium.executable_path).exists()
        assert found, "no Chromium: `make browser` installs it, or says how"
        browser = playwright.chromium.launch(executable_path=program, args=_SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, platform: RunningPlatform) -> Iterator[Page]:
    """A tab in which paths are those of the web UI."""
    with browser.new_context(base_url=platform.url, viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(TIMEOUT * 1000)
        page = context.new_page()
        broken: list[str] = []
        page.on("pageerror", lambda error: broken.append(str(error)))
        yield page
        assert broken == []


@pytest.fixture(autouse=True)
def _patient() -> None:
    expect.set_options(timeout=60_000)


def test_the_graph_shows_every_source_and_what_is_built_of_them(page: Page) -> None:
    page.goto("/asset-groups")
    graph = page.locator("svg foreignObject")
    for group in GROUPS:
        node = graph.filter(has=page.get_by_text(group, exact=True))
        expect(node).to_have_text(
            re.compile(rf"^{group}\s*{2 if group == 'search' else 3}$")
        )  # all of them are up to date
    expect(page.get_by_role("button", name="Materialize all (16)")).to_be_visible()
    _screenshot(page, "graph")


def test_a_group_is_a_lineage_from_the_files_to_the_search_index(page: Page) -> None:
    page.goto("/locations/__repository__@bbj_assets.definitions/asset-groups/mdx_dwc")
    nodes = page.locator("svg foreignObject")
    expected = {"raw": "markdown", "chunks": "5 / 5 Passed", "embeddings": "2 / 2 Passed"}
    for asset, text in expected.items():
        node = nodes.filter(has=page.get_by_text(asset, exact=True))
        expect(node).to_contain_text("100% filled")
        expect(node).to_contain_text("3 partitions")
        expect(node).to_contain_text(text)
    for asset in ("search_index", "failures"):
        expect(nodes.filter(has=page.get_by_text(asset, exact=True))).to_be_visible()
    _screenshot(page, "group")


def test_a_materialization_says_what_it_did_and_shows_a_sample(page: Page) -> None:
    page.goto("/assets/mdx_dwc/chunks")
    expect(page.get_by_text("The documents of mdx-dwc, parsed to Markdown and cut into chunks")).to_be_visible()
    expect(page.get_by_text("Section path > title > heading; embedded with the content.")).to_be_visible()
    _screenshot(page, "asset")

    page.goto("/assets/mdx_dwc/chunks?view=events")
    page.get_by_text("02-first-window").first.click()
    expect(page.get_by_text("02-first-window materialized in run")).to_be_visible()
    labels = ("files_seen", "files_changed", "files_unchanged", "files_deleted", "files_failed")
    for label in (*labels, "chunks_written", "chunks_total", "duration_seconds", "failures"):
        expect(page.get_by_text(label, exact=True)).to_be_visible()
    _screenshot(page, "materialization")

    page.get_by_text("[Show Markdown]").click()
    expect(page.get_by_role("dialog")).to_contain_text("mdx-dwc://02-first-window/")
    expect(page.get_by_role("dialog")).to_contain_text("tokens")
    _screenshot(page, "sample")


def test_a_partition_has_a_history(page: Page) -> None:
    page.goto("/assets/mdx_dwc/chunks?view=partitions")
    expect(page.get_by_text("Materialized (3)")).to_be_visible()
    expect(page.get_by_text("Failed (0)")).to_be_visible()
    page.get_by_text("03-styling").first.click()

    expect(page.get_by_text("View all historical events (1)")).to_be_visible()
    expect(page.get_by_text("ingest_mdx_dwc")).to_be_visible()
    for label in ("files_seen", "chunks_total"):
        expect(page.get_by_text(label, exact=True)).to_be_visible()
    _screenshot(page, "partition")


def test_the_checks_say_what_they_are_for(page: Page) -> None:
    page.goto("/assets/mdx_dwc/chunks?view=checks")
    for check in ("no_failed_items", "not_empty", "not_shrunk", "titles_tell_apart", "generations_known"):
        expect(page.get_by_text(check, exact=True).first).to_be_visible()
    page.get_by_text("not_shrunk", exact=True).first.click()
    expect(page.get_by_text("The source has not lost more than half of its documents.").first).to_be_visible()
    _screenshot(page, "checks")


def _screenshot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


def _is_seen(platform: RunningPlatform, group: str) -> bool:
    data = platform.graphql(
        "query ($key: AssetKeyInput!) "
        "{ assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionStats { numMaterialized } } } }",
        key={"path": [group, "raw"]},
    )
    return bool(data["assetNodeOrError"]["partitionStats"]["numMaterialized"])
