"""A page that two sources read stays with the one that has it, and the other is told; none takes it back and forth."""

import threading
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bbj_assets.ingest.fetching import fetch_site
from bbj_assets.ingest.listing import current_partitions
from bbj_assets.ingest.refresh import ParseOptions, refresh_chunks
from bbj_assets.ingest.writing import Writer
from bbj_assets.outcomes import Failure, ItemContent
from bbj_assets.reports import PartitionReport
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.store.connection import Connection, connect
from bbj_assets.store.documents import delete_items, replace_items, stored_items
from bbj_assets.store.failures import list_failures
from bbj_assets_tests.fakes.site_server import SiteServer
from bbj_assets_tests.ingest.stored import physical_rows
from bbj_assets_tests.sources.web_crawl.help_site import path_of, publish, source, url_of
from bbj_assets_tests.store.samples import item

PAGE = "https://docs.example/page.htm"
TOPICS = 6


def ingest(conn: Connection, crawled: Source, sources: Collection[str] | None = None) -> PartitionReport:
    fetch_site(conn, crawled)
    listed, vanished = current_partitions(conn, crawled)
    options = ParseOptions(ChunkSettings(), processes=1, sources=sources, allow_shrink=True)
    return refresh_chunks(conn, crawled, sorted(listed | vanished), options).total


def sources_of_documents(conn: Connection) -> dict[str, str]:
    return dict(conn.execute("SELECT source_url, source FROM documents").fetchall())


@pytest.fixture
def help_site() -> Iterator[SiteServer]:
    with SiteServer() as site:
        publish(site, TOPICS)
        yield site


@pytest.fixture
def crawls(help_site: SiteServer, tmp_path: Path) -> list[Source]:
    """Two sources over the same site."""
    return [replace(source(help_site, tmp_path / name), name=name) for name in ("first", "second")]


def test_each_page_stays_with_the_source_that_had_it_first(
    conn: Connection, help_site: SiteServer, crawls: list[Source]
) -> None:
    first, second = crawls
    ingest(conn, first)
    before = physical_rows(conn)

    for _ in range(2):
        report = ingest(conn, second)
        assert (report.changed, report.failed) == (0, TOPICS + 1)
        assert ingest(conn, first).unchanged == TOPICS + 1

    assert physical_rows(conn) == before
    failures = list_failures(conn, source="second")
    assert len(failures) == TOPICS + 1, "a run of the one does not forget the failures of the other"
    assert {failure.error_type for failure in failures} == {"ParseError"}
    page = url_of(help_site, 1)
    assert next(failure.error for failure in failures if failure.item == page) == (
        f"{page}: another source gives the same page: {page} (of source 'first'). "
        "Narrow `url` or `exclude` of one of them in sources.toml."
    )


def test_a_page_that_is_left_out_by_its_source_moves_to_the_other(
    conn: Connection, help_site: SiteServer, crawls: list[Source]
) -> None:
    first, second = crawls
    ingest(conn, first)
    ingest(conn, second)

    ingest(conn, replace(first, exclude=("grids/**",)))
    ingest(conn, second)

    moved = {url for url, owner in sources_of_documents(conn).items() if owner == "second"}
    assert moved == {url_of(help_site, number) for number in range(TOPICS) if "/grids/" in path_of(number)}
    assert moved


def test_pages_that_one_source_no_longer_lists_stay_with_the_other(conn: Connection, crawls: list[Source]) -> None:
    first, second = crawls
    ingest(conn, first)
    ingest(conn, second)
    before = physical_rows(conn)

    ingest(conn, replace(second, exclude=("**/topic*.htm",)))

    assert physical_rows(conn) == before
    assert [failure.item for failure in list_failures(conn)] == [first.url]


def test_pages_of_a_source_that_left_the_table_move(conn: Connection, crawls: list[Source]) -> None:
    first, second = crawls
    ingest(conn, first, {"first", "second"})
    assert ingest(conn, second, {"first", "second"}).changed == 0

    report = ingest(conn, second, {"second"})

    assert (report.changed, report.failed) == (TOPICS + 1, 0)
    assert set(sources_of_documents(conn).values()) == {"second"}
    assert list_failures(conn) == []


def written(conn: Connection, *items: ItemContent) -> list[Failure]:
    failures: list[Failure] = []
    with Writer(conn, [item.key for item in items], None, {}, failures) as writer:
        writer.add(items)
    return failures


@pytest.mark.parametrize("neighbours", [[], ["https://docs.example/other.htm"]], ids=["alone", "in a batch"])
def test_of_two_sources_that_store_a_page_at_once_the_later_one_is_told_the_same(
    conn: Connection, database_url: str, neighbours: list[str]
) -> None:
    failures: list[Failure] = []

    def later() -> None:
        with connect(database_url) as own:
            failures.extend(written(own, *(item(key, "of the second", source="second") for key in [*neighbours, PAGE])))

    thread = threading.Thread(target=later)
    with connect(database_url) as own, own.transaction():
        replace_items(own, [item(PAGE, "of the first", source="first")], None)
        thread.start()
        thread.join(1)  # it has looked who has the page, found nobody, and waits for this transaction
    thread.join(30)

    assert sources_of_documents(conn) == {PAGE: "first", **dict.fromkeys(neighbours, "second")}
    assert [(failure.item, failure.error_type) for failure in failures] == [(PAGE, "ParseError")]
    assert "(of source 'first')" in list_failures(conn)[0].error


def test_an_address_without_a_page_is_no_failure_of_either(conn: Connection) -> None:
    empty = replace(item(PAGE, source="first"), documents=[])

    assert written(conn, empty) == []
    assert written(conn, replace(empty, source="second")) == []

    assert stored_items(conn, "first").keys() == {PAGE}
    delete_items(conn, "second", [PAGE])
    assert stored_items(conn, "first").keys() == {PAGE}
