"""The fixture that all tests of the Flare parser share."""

from pathlib import Path

import pytest

from bbj_assets_tests.sources.flare.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Create an empty project."""
    (tmp_path / "Content").mkdir()
    return Project(tmp_path)
