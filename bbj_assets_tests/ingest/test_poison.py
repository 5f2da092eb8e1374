"""An item that kills or hangs its parser is tried a few times; then it is left alone while it stays as it is."""

import dataclasses

import pytest

from bbj_assets.documents import Item
from bbj_assets.ingest import listing, workers
from bbj_assets.ingest.changes import MAX_LOST_PARSERS
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.store.connection import Connection
from bbj_assets.store.failures import StoredFailure, list_failures
from bbj_assets_tests.ingest.conftest import Refresh
from bbj_assets_tests.ingest.hostile_items import HostileItem
from bbj_assets_tests.ingest.stored import texts
from bbj_assets_tests.sources.mdx.pages import Site

POISON = "# Poison\n\nIt costs its parser.\n"
GOOD = "# Good\n\nA page.\n"


@pytest.fixture(autouse=True)
def _poison_is_hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that says so does what its name says to the process that is to parse it."""
    listed = listing.list_items

    def with_hostile_items(source: Source) -> list[Item]:
        return [
            HostileItem(*dataclasses.astuple(item)) if b"costs its parser" in item.file.read_bytes() else item
            for item in listed(source)
        ]

    monkeypatch.setattr(listing, "list_items", with_hostile_items)


def only_failure(conn: Connection) -> StoredFailure:
    [failure] = list_failures(conn)
    return failure


@pytest.mark.parametrize(("harm", "says"), [("signal", "signal 9"), ("hang", "took longer than 1 s")])
def test_it_is_parsed_a_few_times_and_then_left_alone(
    harm: str, says: str, conn: Connection, site: Site, refresh: Refresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    if harm == "hang":
        monkeypatch.setattr(workers, "_SECONDS_PER_ITEM", 1.0)
    site.write({f"{harm}.md": POISON})
    for attempt in range(1, MAX_LOST_PARSERS + 1):
        report = refresh()
        assert (only_failure(conn).attempts, report.total.failed) == (attempt, 1)
    before = only_failure(conn)
    assert says in before.error
    to_parse: list[int] = []

    report = refresh(on_progress=lambda _done, total: to_parse.append(total))

    assert only_failure(conn) == before, "neither its attempts nor its times"
    assert set(to_parse) == {0}
    [failure] = report.failures
    assert (report.total.failed, failure.item) == (1, before.item)
    assert failure.error.startswith(before.error)
    assert "`bbj-ingest-all --retry-failed` tries it anyway" in failure.error


@pytest.fixture
def left_alone(site: Site, refresh: Refresh) -> Site:
    """With an item that will not be parsed again as it is."""
    site.write({"signal.md": POISON, "good.md": GOOD})
    for _ in range(MAX_LOST_PARSERS):
        refresh()
    return site


def test_its_neighbours_are_parsed_in_every_run(conn: Connection, left_alone: Site, refresh: Refresh) -> None:
    left_alone.write({"good.md": GOOD + "\nWith more text.\n", "new.md": GOOD})

    report = refresh()

    assert (report.total.changed, report.total.failed) == (2, 1)
    assert texts(conn).keys() == {"mdx-test://good.md", "mdx-test://new.md"}


@pytest.mark.usefixtures("left_alone")
def test_a_run_over_failures_tries_it_again(conn: Connection, refresh: Refresh) -> None:
    report = refresh(only_failed=True)

    assert (report.total.failed, only_failure(conn).attempts) == (1, MAX_LOST_PARSERS + 1)


def test_when_its_bytes_change_it_is_tried_and_its_attempts_start_again(
    conn: Connection, left_alone: Site, refresh: Refresh
) -> None:
    left_alone.write({"signal.md": POISON + "\nStill.\n"})
    refresh()
    assert only_failure(conn).attempts == 1

    left_alone.write({"signal.md": GOOD})
    refresh()

    assert list_failures(conn) == []
    assert "mdx-test://signal.md" in texts(conn)


@pytest.mark.usefixtures("left_alone")
def test_when_the_code_version_changes_it_is_tried_again(conn: Connection, refresh: Refresh) -> None:
    refresh(chunks=ChunkSettings(target_tokens=200))

    assert only_failure(conn).attempts == 1


def test_an_ordinary_error_is_tried_in_every_run(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write({"bad.md": b"# \x81\x8d\x8f"})
    for _ in range(MAX_LOST_PARSERS + 2):
        refresh()

    assert only_failure(conn).attempts == MAX_LOST_PARSERS + 2
