"""The fixture that all tests of the MDX parser share."""

from pathlib import Path

import pytest

from bbj_assets_tests.sources.mdx.pages import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Create an empty documentation tree."""
    root = tmp_path / "docs"
    root.mkdir()
    return Site(root)
