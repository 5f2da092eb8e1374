"""The documents and failures in the index after a first and a second crawl."""

from pathlib import Path

from bbj_assets.ingest.fetching import fetch_site
from bbj_assets.ingest.listing import current_partitions
from bbj_assets.ingest.refresh import ParseOptions, refresh_chunks
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.store.connection import Connection
from bbj_assets_tests.fakes.site_server import SiteServer, refusal
from bbj_assets_tests.sources.web_crawl.help_site import FOLDER, path_of, publish, put_topic, source, text_of, url_of

TOPICS = 30


def ingest(conn: Connection, crawled: Source) -> None:
    fetch_site(conn, crawled)
    listed, removed = current_partitions(conn, crawled)
    refresh_chunks(conn, crawled, sorted(listed | removed), ParseOptions(ChunkSettings(), processes=1))


def texts(conn: Connection) -> dict[str, str]:
    return dict(conn.execute("SELECT source_url, content FROM documents JOIN chunks USING (source_url)").fetchall())


def failures(conn: Connection) -> dict[str, str]:
    return dict(conn.execute("SELECT item, error FROM failures").fetchall())


def test_the_rows_after_a_first_and_a_second_crawl(conn: Connection, site: SiteServer, tmp_path: Path) -> None:
    publish(site, TOPICS)
    site.put(path_of(7), refusal(500))
    crawled = source(site, tmp_path)

    ingest(conn, crawled)

    start = f"{site.url}{FOLDER}index.htm"
    expected = {url_of(site, number): text_of(number) for number in range(TOPICS) if number != 7}
    assert texts(conn).keys() == {start, *expected}
    assert all(text in texts(conn)[url] for url, text in expected.items())
    assert failures(conn) == {url_of(site, 7): f"{url_of(site, 7)}: the site answers 500 Internal Server Error."}
    row = conn.execute(
        "SELECT title, partition_key, section_path, display_url, etag FROM documents WHERE source_url = %s",
        [url_of(site, 12)],
    ).fetchone()
    assert row == ("Topic 12", "grids", ["Book", "Part 2"], url_of(site, 12), site.pages[path_of(12)].etag)

    put_topic(site, 7, topics=TOPICS)
    put_topic(site, 8, "second", topics=TOPICS)
    del site.pages[path_of(20)]
    site.put(path_of(21), refusal(503))

    ingest(conn, crawled)

    expected |= {url_of(site, 7): text_of(7), url_of(site, 8): text_of(8, "second")}
    del expected[url_of(site, 20)]
    assert texts(conn).keys() == {start, *expected}
    assert all(text in texts(conn)[url] for url, text in expected.items())
    assert failures(conn).keys() == {url_of(site, 21)}

    put_topic(site, 21, topics=TOPICS)
    ingest(conn, crawled)
    assert failures(conn) == {}
