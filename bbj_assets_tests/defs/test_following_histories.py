"""Random histories on a real instance: whatever people, runs and ticks do to each other, the index ends right.

The seed alone decides what a history does. It ends with ticks and runs until nothing is left to do.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from dagster import DagsterInvalidInvocationError, RunRequest

from bbj_assets.defs.assets import chunks
from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.defs.tags import RANGE_END_TAG, RANGE_START_TAG, SOURCE_TAG
from bbj_assets.ingest.fingerprints import SHARED, fingerprints
from bbj_assets.ingest.refresh import refresh_chunks
from bbj_assets.reports import ChunksReport
from bbj_assets.store.connection import Connection
from bbj_assets_tests.defs.project import Project
from bbj_assets_tests.defs.sensor_driver import SensorDriver, contents, stale

SECTIONS = ("", "grids", "menus", "d e", "é")
PAGES = ("a.md", "b.mdx", "below/c.md")
NOTES = ("_one.mdx", "_two.mdx")
TEXTS = (
    "# Page\n\nA text.",
    "# Page\n\nB text.",  # as long as the first: only its time differs
    "# Page\n\nimport Note from '../_one.mdx'\n\n<Note />\n",
    "# Page\n\nimport Note from '../_two.mdx'\n\n<Note />\n",
)


class History:
    """A source, and all that may happen to it."""

    def __init__(self, project: Project, chance: Random, patch: pytest.MonkeyPatch) -> None:
        self.driver = SensorDriver(project)
        self._installation = project
        self._chance = chance
        self._patch = patch
        self._tree = project.folder / "guide"
        self._saved: dict[Path, tuple[bytes, int]] = {}
        self._requested: list[RunRequest] = []
        project.write("guide/index.md", "# Welcome\n\nStart here.")

    def step(self) -> None:
        """One of the things that happen, edits the most often."""
        happens = self._chance.choices(
            (self.edit, self.tick, self.run, self.ingest, self.backfill, self.lose_cursor), (6, 4, 3, 1, 1, 1)
        )[0]
        happens()

    def edit(self) -> None:
        self._chance.choices((self._write, self._note, self._remove, self._rename, self._restore), (4, 2, 2, 1, 3))[0]()

    def tick(self) -> None:
        self._requested += self.driver.tick(later=self._chance.choice((0, 40, 4000))).run_requests or ()

    def run(self) -> None:
        """A requested run ends well, fails, is lost, or is overtaken by edits."""
        if self._requested:
            self._execute(
                dict(self._requested.pop(0).tags), self._chance.choice(("well", "fails", "is lost", "overtaken"))
            )

    def ingest(self) -> None:
        """A person calls `bbj-ingest-all`."""
        with self._patch.context() as patch:
            if self._chance.random() < 0.5:
                patch.setattr(chunks, "refresh_chunks", self._refresh_amid_edits)
            self._installation.run(options=IngestOptions(retry_failed=self._chance.random() < 0.2))

    def backfill(self) -> None:
        keys = self._installation.instance.get_dynamic_partitions("guide_sections")
        if keys:
            first, last = sorted(self._chance.choices(range(len(keys)), k=2))
            self._execute({RANGE_START_TAG: keys[first], RANGE_END_TAG: keys[last], SOURCE_TAG: "guide"}, "well")

    def lose_cursor(self) -> None:
        self.driver.cursor = None

    def end(self) -> None:
        """Nothing more happens, but for what the sensor asks for."""
        for _ in range(8):
            requests = self.driver.tick(later=4000).run_requests or ()
            assert self.driver.runs(requests)
            if not requests and not self.driver.pending:
                return
        raise AssertionError(f"it goes on asking: {self.driver.cursor}")

    def _execute(self, tags: dict[str, str], ending: str) -> None:
        if ending == "is lost":
            return
        up = self._installation.settings
        if ending == "fails":
            self._installation.settings = up.model_copy(update={"ollama_host": "http://127.0.0.1:1"})
        with self._patch.context() as patch:
            if ending == "overtaken":
                patch.setattr(chunks, "refresh_chunks", self._refresh_amid_edits)
            job = self._installation.defs().resolve_job_def("ingest_guide")
            with suppress(DagsterInvalidInvocationError):  # its section was deleted while it waited
                job.execute_in_process(instance=self._installation.instance, tags=tags, raise_on_error=False)
        self._installation.settings = up

    def _refresh_amid_edits(self, *args: Any, **options: Any) -> ChunksReport:
        self.edit()
        report = refresh_chunks(*args, **options)
        self.edit()
        return report

    def _section(self) -> Path:
        return self._tree / self._chance.choice(SECTIONS)

    def _write(self) -> None:
        page = self._section() / self._chance.choice(PAGES)
        page.parent.mkdir(parents=True, exist_ok=True)
        if page.exists():
            self._saved[page] = page.read_bytes(), page.stat().st_mtime_ns
        page.write_text(self._chance.choice(TEXTS))

    def _note(self) -> None:
        note = self._tree / self._chance.choice(NOTES)
        if self._chance.random() < 0.3:
            note.unlink(missing_ok=True)
        else:
            note.write_text(self._chance.choice(("One note.", "Two note.")))

    def _remove(self) -> None:
        section = self._section()
        if section != self._tree and self._chance.random() < 0.5:
            shutil.rmtree(section, ignore_errors=True)
        else:
            (section / self._chance.choice(PAGES)).unlink(missing_ok=True)

    def _rename(self) -> None:
        before, after = self._section(), self._section()
        if before.exists() and not after.exists() and before != self._tree:
            before.rename(after)

    def _restore(self) -> None:
        """A page becomes what it was before, its time too."""
        if self._saved:
            page = self._chance.choice(sorted(self._saved))
            text, time = self._saved[page]
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_bytes(text)
            os.utime(page, ns=(time, time))


@pytest.mark.parametrize("seed", range(3))
def test_the_index_ends_as_a_clean_ingest_would_make_it(
    seed: int, project: Project, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.settings = project.settings.model_copy(update={"quiet_seconds": 30.0})
    history = History(project, Random(seed), monkeypatch)  # noqa: S311 - no secret
    for _ in range(30):
        history.step()
    history.end()

    followed = contents(conn)
    without_vector = "SELECT count(*) FROM chunks LEFT JOIN embeddings USING (content_hash) WHERE model IS NULL"
    assert conn.execute(without_vector).fetchone() == (0,)
    assert project.sections() == set(fingerprints(project.source())) - {SHARED}
    assert stale(history.driver) == set()
    assert project.run(options=IngestOptions(clean=True)) is None
    assert followed == contents(conn)
    for _ in range(2):
        assert not history.driver.tick(later=4000).run_requests
