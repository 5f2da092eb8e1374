"""What the tests of all sources of the web share."""

from collections.abc import Iterator

import pytest

from bbj_assets.sources.web import fetcher
from bbj_assets_tests.fakes.site_server import SiteServer


@pytest.fixture
def site() -> Iterator[SiteServer]:
    with SiteServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is tried as often as ever, but at once."""
    monkeypatch.setattr(fetcher, "FIRST_WAIT", 0.001)
