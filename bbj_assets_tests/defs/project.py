"""A small project: folders of Markdown, a database, a Dagster instance and a model server, all real."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dagster import AssetKey, AssetRecordsFilter, DagsterInstance, Definitions, MetadataValue

from bbj_assets.defs.build import build_defs
from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.defs.run_sources import run_source
from bbj_assets.progress import SILENT, ProgressOfSources
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.source_table import SourceTable
from bbj_assets_tests.fakes.ollama_server import FakeOllama


@dataclass
class Project:
    """A small project, in which every source is a folder of Markdown below `folder`."""

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
        self, name: str = "guide", options: IngestOptions | None = None, progress: ProgressOfSources = SILENT
    ) -> str | None:
        """Run a source over all its sections, and return the error of a run that failed."""
        defs = self.defs(name, progress=progress)
        return run_source(defs, self.instance, self.url, self.source(name), options or IngestOptions())

    def sections(self, name: str = "guide") -> set[str]:
        return set(self.instance.get_dynamic_partitions(f"{name.replace('-', '_')}_sections"))

    def metadata(self, *key: str, section: str | None = None) -> Mapping[str, MetadataValue]:
        """Return what the last materialization of an asset (of one of its partitions) recorded."""
        wanted = AssetRecordsFilter(asset_key=AssetKey(key), asset_partitions=[section] if section else None)
        [record] = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return record.asset_materialization.metadata

    def materializations(self, *key: str, section: str) -> int:
        wanted = AssetRecordsFilter(asset_key=AssetKey(key), asset_partitions=[section])
        return len(self.instance.fetch_materializations(wanted, limit=100).records)
