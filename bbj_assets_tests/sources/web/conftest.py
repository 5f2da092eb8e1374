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
    """What is tried again is tried again at once."""
    monkeypatch.setattr(fetcher, "FIRST_WAIT", 0.01)
