"""Fixtures: a small project, and the sensor of its source."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbj_assets.defs.instance.opening import open_instance
from bbj_assets.settings import load_settings
from bbj_assets_tests.defs.project import Project
from bbj_assets_tests.defs.sensor_driver import SensorDriver
from bbj_assets_tests.fakes.ollama_server import FakeOllama


@pytest.fixture(scope="session")
def dagster_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a fresh Dagster instance in it, to copy: Dagster takes most of a second to make its tables."""
    home = tmp_path_factory.mktemp("template")
    with open_instance(load_settings(home=home, config=home / "sources.toml")):
        return home


@pytest.fixture
def project(database_url: str, dagster_state: Path, tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "docs"
    folder.mkdir()
    shutil.copytree(dagster_state, tmp_path / "home")
    with FakeOllama(dimensions=16) as models:
        settings = load_settings(
            home=tmp_path / "home",
            config=folder / "sources.toml",
            database_url=database_url,
            embedder="ollama",
            ollama_host=models.url,
            parse_workers=1,
            embedding_workers=1,
            embedding_retry_seconds=0.001,
        )
        with open_instance(settings) as instance:
            yield Project(settings, database_url, folder, instance, models)


@pytest.fixture
def driver(project: Project) -> SensorDriver:
    """The sensor of a source of fifteen sections that need not be quiet."""
    project.settings = project.settings.model_copy(update={"quiet_seconds": 0.0})
    project.write("guide/index.md", "# Welcome\n\nStart here.")
    for number in range(14):
        project.write(f"guide/s{number:02}/page.md", f"# Page {number}\n\nText {number}.")
    return SensorDriver(project)
