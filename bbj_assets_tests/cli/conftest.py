"""Fixtures of the tests of the commands: a project on the sample data, and one with small sources of its own."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbj_assets_tests.cli.project import MarkdownProject, Project, new_project
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.defs.conftest import dagster_state
from bbj_assets_tests.fakes.ollama_server import FakeOllama

__all__ = ["dagster_state"]


@pytest.fixture(scope="session")
def ollama() -> Iterator[FakeOllama]:
    with FakeOllama(models=["nomic-embed-text", "another"], dimensions=16) as server:
        yield server


@pytest.fixture(scope="session")
def sample(server_url: str, ollama: FakeOllama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project on the sources and the sample data of this repository; no test changes it but by ingesting."""
    folder = tmp_path_factory.mktemp("sample")
    with new_project(server_url, ollama, folder, config=REPOSITORY / "sources.toml") as project:
        yield project


@pytest.fixture(scope="session")
def first_ingest(sample: Project) -> subprocess.CompletedProcess[str]:
    """The first `bbj-ingest-all` of the sample project."""
    return sample.run("bbj-ingest-all")


@pytest.fixture
def indexed(sample: Project, first_ingest: subprocess.CompletedProcess[str]) -> Project:
    """The sample project, with the sample data in its index."""
    assert first_ingest.returncode == 0, first_ingest.stderr
    return sample


@pytest.fixture
def project(server_url: str, dagster_state: Path, tmp_path: Path) -> Iterator[MarkdownProject]:
    """A project with two small sources, `guide` and `notes`."""
    shutil.copytree(dagster_state, tmp_path / "home")
    docs = tmp_path / "docs"
    docs.mkdir()
    with (
        FakeOllama(dimensions=16) as server,
        new_project(server_url, server, tmp_path, config=docs / "sources.toml") as empty,
    ):
        project = MarkdownProject(empty.environment, docs, server)
        project.write_table("guide", "notes")
        project.write("guide/start.md", "# Start\n\nHow it begins.")
        project.write("guide/grids/sorting.md", "# Sorting\n\nA click on a column sorts the rows.")
        project.write("notes/today.md", "# Today\n\nA zither was bought.")
        yield project
