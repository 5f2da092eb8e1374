"""What the tests of Flare share."""

from pathlib import Path

import pytest

from bbj_assets_tests.sources.flare.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    (tmp_path / "Content").mkdir()
    return Project(tmp_path)
