"""An installation in miniature: a folder of Markdown, a database, a Dagster instance and a model server, all real."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import AssetKey, AssetRecordsFilter, DagsterInstance, Definitions, MetadataValue

from bbj_assets.defs.build import build_defs
from bbj_assets.defs.run_sources import open_instance, run_source
from bbj_assets.defs.source_run import SourceRun
from bbj_assets.progress import SILENT, ProgressOfSources
from bbj_assets.settings import Settings, load_settings
from bbj_assets.source import Source
from bbj_assets.source_table import SourceTable
from bbj_assets_tests.defs.follower import Follower
from bbj_assets_tests.fakes.ollama_server import FakeOllama


@dataclass
class Installation:
    """Where every source is a folder of Markdown below `folder`."""

    settings: Settings
    url: str
    folder: Path
    instance: DagsterInstance
    models: FakeOllama

    def source(self, name: str = "guide") -> Source:
        return Source(name, "mdx", roots=(self.folder / name,), generation_tag="all")

    def write(self, path: str, text: str) -> None:
        """Write a page; its first folder is the source, its second one the section."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def defs(self, *names: str, progress: ProgressOfSources = SILENT) -> Definitions:
        sources = tuple(self.source(name) for name in names or ("guide",))
        return build_defs(self.settings, SourceTable(self.folder / "sources.toml", self.folder, sources, ()), progress)

    def run(
        self, name: str = "guide", run: SourceRun | None = None, progress: ProgressOfSources = SILENT
    ) -> str | None:
        """Run a source over all its sections; gives the error of a run that failed."""
        defs = self.defs(name, progress=progress)
        return run_source(defs, self.instance, self.url, self.source(name), run or SourceRun())

    def sections(self, name: str = "guide") -> set[str]:
        return set(self.instance.get_dynamic_partitions(f"{name.replace('-', '_')}_sections"))

    def metadata(self, *key: str, section: str | None = None) -> Mapping[str, MetadataValue]:
        """What the last materialization of an asset (of one of its partitions) recorded."""
        wanted = AssetRecordsFilter(asset_key=AssetKey(key), asset_partitions=[section] if section else None)
        [record] = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return record.asset_materialization.metadata

    def materializations(self, *key: str, section: str) -> int:
        wanted = AssetRecordsFilter(asset_key=AssetKey(key), asset_partitions=[section])
        return len(self.instance.fetch_materializations(wanted, limit=100).records)


@pytest.fixture(scope="session")
def dagster_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a fresh Dagster instance in it, to copy: Dagster takes most of a second to make its tables."""
    home = tmp_path_factory.mktemp("template")
    with open_instance(load_settings(home=home, config=home / "sources.toml")):
        return home


@pytest.fixture
def installation(database_url: str, dagster_state: Path, tmp_path: Path) -> Iterator[Installation]:
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
            yield Installation(settings, database_url, folder, instance, models)


@pytest.fixture
def follower(installation: Installation) -> Follower:
    installation.settings = installation.settings.model_copy(update={"quiet_seconds": 0.0})
    installation.write("guide/index.md", "# Welcome\n\nStart here.")
    for number in range(14):
        installation.write(f"guide/s{number:02}/page.md", f"# Page {number}\n\nText {number}.")
    return Follower(installation)
