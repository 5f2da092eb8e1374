"""What a run reports of its failures, and which failures are not tried again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from dagster import DagsterEventType, TableMetadataValue

from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.defs.run_sources import run_search_index
from bbj_assets.defs.tags import PERMANENT_TAG
from bbj_assets.progress import Silent
from bbj_assets.reports import BatchEvent
from bbj_assets.store.connection import connect
from bbj_assets_tests.defs.project import Project


def test_the_log_of_a_run_names_the_first_failures_and_how_many_more_there_are(project: Project) -> None:
    folder = project.folder / "guide/bad"
    folder.mkdir(parents=True)
    for number in range(25):
        (folder / f"page-{number}.md").write_bytes(b"\x00\xff\xfe\x81")

    assert project.run() is None

    [run] = project.instance.get_runs()
    warnings = [entry.user_message for entry in project.instance.all_logs(run.run_id) if entry.level == 30]
    assert len(warnings) == 21
    assert all("guide://bad/page-" in line and "Save the file as UTF-8" in line for line in warnings[:20])
    assert warnings[20].startswith("5 more failed. `bbj-assets failures` and the asset `failures` list all")
    table = project.metadata("guide", "chunks", section="bad")["failures"]
    assert isinstance(table, TableMetadataValue)
    assert len(table.records) == 25


def test_an_embedder_that_cannot_be_made_as_configured_is_not_tried_again(project: Project) -> None:
    project.write("guide/grids/page.md", "# Grids\n\nText.")
    project = replace(project, settings=project.settings.model_copy(update={"embedder": "openai"}))

    error = project.run()

    assert error is not None
    assert "set BBJ_ASSETS_OPENAI_API_KEY" in error
    [run] = project.instance.get_runs()
    assert project.instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_UP_FOR_RETRY) == []
    assert run.tags[PERMANENT_TAG] == "true"


class _Broken(Silent):
    """A listener with a bug."""

    def batch(self, event: BatchEvent) -> None:
        raise TypeError(f"a mistake: {event.kind}")


def test_a_bug_fails_the_run_at_once(project: Project) -> None:
    project.write("guide/grids/page.md", "# Grids\n\nText.")

    error = project.run(progress=_Broken())

    assert error is not None
    assert "a mistake: complete" in error
    [run] = project.instance.get_runs()
    assert project.instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_UP_FOR_RETRY) == []


@dataclass
class _DatabaseRestarts(Silent):
    """Ends all database sessions when the index is about to be built, `times` times."""

    url: str
    times: int
    outages: list[str] = field(default_factory=list)

    @contextmanager
    def indexing(self, cancel: Callable[[], None]) -> Iterator[None]:  # noqa: ARG002
        if self.times:
            self.times -= 1
            with connect(self.url) as conn:
                conn.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        yield

    def of(self, source: str) -> "_DatabaseRestarts":
        self.source = source
        return self

    def outage(self, message: str) -> None:
        self.outages.append(f"{self.source}: {message}")


def test_a_database_that_restarts_while_the_search_index_is_built_is_waited_for(project: Project) -> None:
    project.write("guide/grids/page.md", "# Grids\n\nText.")
    assert project.run() is None
    restarting = _DatabaseRestarts(project.url, times=2)

    error = run_search_index(project.defs(progress=restarting), project.instance, IngestOptions())

    assert error is None
    assert [line.partition(" at ")[0] for line in restarting.outages] == [
        "search_index: Cannot build the search index: PostgreSQL"
    ] * 2
    assert project.metadata("search_index")["chunks"].value == 1


def test_a_database_that_stays_away_while_the_search_index_is_built_is_the_error_of_the_run(
    project: Project,
) -> None:
    error = run_search_index(
        project.defs(progress=_DatabaseRestarts(project.url, times=100)), project.instance, IngestOptions()
    )

    assert error is not None
    assert error.startswith("Cannot build the search index")
    assert "See that the server is up" in error
