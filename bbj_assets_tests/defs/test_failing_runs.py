"""What a run says of what failed in it, and what is not tried again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from dagster import DagsterEventType

from bbj_assets.defs.run_sources import run_search_index
from bbj_assets.defs.source_run import SourceRun
from bbj_assets.defs.tags import PERMANENT_TAG
from bbj_assets.progress import Silent
from bbj_assets.reports import BatchEvent
from bbj_assets.store.connection import connect
from bbj_assets_tests.defs.conftest import Installation


def test_the_log_of_a_run_names_the_first_failures_and_how_many_more_there_are(installation: Installation) -> None:
    folder = installation.folder / "guide/bad"
    folder.mkdir(parents=True)
    for number in range(25):
        (folder / f"page-{number}.md").write_bytes(b"\x00\xff\xfe\x81")

    assert installation.run() is None

    [run] = installation.instance.get_runs()
    warnings = [entry.user_message for entry in installation.instance.all_logs(run.run_id) if entry.level == 30]
    assert len(warnings) == 21
    assert all("guide://bad/page-" in line and "Save the file as UTF-8" in line for line in warnings[:20])
    assert warnings[20].startswith("5 more failed. `bbj-assets failures` and the asset `failures` list all")
    table = installation.metadata("guide", "chunks", section="bad")["failures"].value
    assert len(table.records) == 25


def test_an_embedder_that_cannot_be_made_as_configured_is_not_tried_again(installation: Installation) -> None:
    installation.write("guide/grids/page.md", "# Grids\n\nText.")
    installation = replace(installation, settings=installation.settings.model_copy(update={"embedder": "openai"}))

    error = installation.run()

    assert error is not None
    assert "set BBJ_ASSETS_OPENAI_API_KEY" in error
    [run] = installation.instance.get_runs()
    assert installation.instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_UP_FOR_RETRY) == []
    assert run.tags[PERMANENT_TAG] == "true"


class _Broken(Silent):
    """A mistake in the program."""

    def batch(self, event: BatchEvent) -> None:
        raise TypeError(f"a mistake: {event.kind}")


def test_a_mistake_in_the_program_fails_the_run_at_once(installation: Installation) -> None:
    installation.write("guide/grids/page.md", "# Grids\n\nText.")

    error = installation.run(progress=_Broken())

    assert error is not None
    assert "a mistake: complete" in error
    [run] = installation.instance.get_runs()
    assert installation.instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_UP_FOR_RETRY) == []


@dataclass
class _Restarting(Silent):
    """A database that ends all sessions when the index is about to be built, as often as it is told."""

    url: str
    times: int
    said: list[str] = field(default_factory=list)

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

    def of(self, source: str) -> "_Restarting":
        self.source = source
        return self

    def outage(self, message: str) -> None:
        self.said.append(f"{self.source}: {message}")


def test_a_database_that_restarts_while_the_search_index_is_built_is_waited_for(installation: Installation) -> None:
    installation.write("guide/grids/page.md", "# Grids\n\nText.")
    assert installation.run() is None
    restarting = _Restarting(installation.url, times=2)

    error = run_search_index(installation.defs(progress=restarting), installation.instance, SourceRun())

    assert error is None
    assert [line.partition(" at ")[0] for line in restarting.said] == [
        "search_index: Cannot build the search index: PostgreSQL"
    ] * 2
    assert installation.metadata("search_index")["chunks"].value == 1


def test_a_database_that_stays_away_while_the_search_index_is_built_is_said_in_its_words(
    installation: Installation,
) -> None:
    error = run_search_index(
        installation.defs(progress=_Restarting(installation.url, times=100)), installation.instance, SourceRun()
    )

    assert error is not None
    assert error.startswith("Cannot build the search index")
    assert "See that the server is up" in error
