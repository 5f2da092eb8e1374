"""A small tree of pages, and runs over it on a real database with real worker processes."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeAlias

import pytest

from bbj_assets.ingest.listing import current_partitions
from bbj_assets.ingest.refresh import ParseOptions, refresh_chunks
from bbj_assets.reports import ChunksReport
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.store.connection import Connection
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.fakes.progress import ListeningProgress
from bbj_assets_tests.sources.mdx.pages import Site

Refresh: TypeAlias = Callable[..., ChunksReport]


@pytest.fixture(autouse=True)
def _importable_in_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "docs").mkdir()
    return Site(tmp_path / "docs")


@pytest.fixture
def refresh(conn: Connection, site: Site) -> Refresh:
    """Return a function that refreshes the site's partitions (or the given ones), as a run of Dagster does."""

    def run(
        partitions: Collection[str] | None = None,
        *,
        source: Source | None = None,
        chunks: ChunkSettings = ChunkSettings(),  # noqa: B008 - frozen
        processes: int = 1,
        allow_shrink: bool = False,
        only_failed: bool = False,
        **callbacks: Callable[..., None],
    ) -> ChunksReport:
        source = source or site.source
        if partitions is None:
            listed, deleted = current_partitions(conn, source)
            partitions = listed | deleted
        options = ParseOptions(
            chunks, processes=processes, allow_shrink=allow_shrink, only_failed=only_failed, run_id="run-1"
        )
        return refresh_chunks(conn, source, sorted(partitions), options, ListeningProgress(**callbacks))

    return run
