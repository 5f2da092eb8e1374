"""The fixtures that the tests of fetching and of the web parsers share."""

from collections.abc import Iterator

import pytest

from bbj_assets.web import client
from bbj_assets_tests.fakes.site_server import SiteServer


@pytest.fixture
def site() -> Iterator[SiteServer]:
    with SiteServer() as server:
        yield server


@pytest.fixture(autouse=True)
def retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the number of retries, without their delays."""
    monkeypatch.setattr(client, "INITIAL_DELAY", 0.001)
