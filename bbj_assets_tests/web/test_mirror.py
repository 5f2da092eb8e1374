import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bbj_assets.errors import ListingError
from bbj_assets.web.mirror import INDEX, FrontierEntry, Mirror
from bbj_assets.web.sitemap import Listed

A, B, C = (f"https://example.org/{name}" for name in "abc")


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with Mirror(tmp_path / "mirror") as opened:
        yield opened


def crawl(mirror: Mirror, *urls: str, complete: bool = True) -> None:
    mirror.begin_crawl()
    for url in urls:
        mirror.store(url, url.encode(), partition="p", etag=f'"{url}"')
    mirror.end_crawl(complete=complete)


def keys(mirror: Mirror) -> list[str]:
    return [item.key for item in mirror.items()]


def test_a_stored_page_is_an_item_whose_file_is_its_body(mirror: Mirror) -> None:
    mirror.begin_crawl()
    mirror.store(A, b"<p>a", partition="grids", suffix=".htm", etag='"1"', last_modified="yesterday")
    mirror.end_crawl(complete=True)
    (item,) = mirror.items()
    assert (item.key, item.partition, item.problem, item.etag, item.last_modified) == (
        A,
        "grids",
        None,
        '"1"',
        "yesterday",
    )
    assert item.root == mirror.folder
    assert item.file.read_bytes() == b"<p>a" == mirror.body(A)
    assert item.path.endswith(".htm")
    known = mirror.page(A)
    assert known is not None
    assert (known.etag, known.last_modified) == ('"1"', "yesterday")


def test_a_complete_crawl_removes_the_pages_it_did_not_see(mirror: Mirror) -> None:
    crawl(mirror, A, B, C)
    mirror.begin_crawl()
    mirror.confirm(A)
    mirror.fail(B, partition="p", problem="it answers 500")
    gone = next(item.file for item in mirror.items() if item.key == C)
    mirror.end_crawl(complete=True)
    assert keys(mirror) == [A, B]
    assert not gone.exists()


def test_an_incomplete_crawl_removes_nothing(mirror: Mirror) -> None:
    crawl(mirror, A, B)
    crawl(mirror, A, complete=False)
    assert keys(mirror) == [A, B]


def test_a_failure_keeps_the_body_and_a_success_clears_the_problem(mirror: Mirror) -> None:
    crawl(mirror, A)
    mirror.begin_crawl()
    mirror.fail(A, partition="p", problem="it answers 500")
    mirror.fail(B, partition="q", problem="no answer in time")
    assert mirror.has_problems()
    mirror.end_crawl(complete=False)
    failed, never = mirror.items()
    assert (failed.problem, failed.file.read_bytes()) == ("it answers 500", A.encode())
    assert (never.problem, never.path, never.partition) == ("no answer in time", "", "q")
    mirror.begin_crawl()
    mirror.confirm(A)
    mirror.store(B, b"b", partition="q")
    assert not mirror.has_problems()
    mirror.end_crawl(complete=True)
    assert [item.problem for item in mirror.items()] == [None, None]


def test_removing_a_page_deletes_its_file(mirror: Mirror) -> None:
    crawl(mirror, A, B)
    file = next(mirror.items()).file
    mirror.remove(A)
    assert keys(mirror) == [B]
    assert not file.exists()
    assert mirror.page(A) is None
    with pytest.raises(KeyError):
        mirror.body(A)


def test_a_page_whose_file_was_deleted_has_no_validators(mirror: Mirror) -> None:
    crawl(mirror, A)
    shutil.rmtree(mirror.folder / "pages")
    known = mirror.page(A)
    assert known is not None
    assert (known.path, known.etag, known.last_modified) == ("", None, None)


def test_a_kill_between_body_and_index_leaves_no_validators(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    crawl(mirror, A)
    mirror.begin_crawl()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("bbj_assets.web.mirror._now", killed)  # called between the two
        with pytest.raises(KeyboardInterrupt):
            mirror.store(A, b"new", partition="p", etag='"new"')
    with Mirror(mirror.folder) as reopened:
        known = reopened.page(A)
        assert known is not None
        assert known.etag is None
        assert reopened.body(A) == b"new"


def test_an_interrupted_crawl_is_resumed(mirror: Mirror) -> None:
    assert not mirror.begin_crawl()
    mirror.enqueue([Listed(A), Listed(B, "sitemap"), Listed(A)])
    mirror.mark_done(A)
    with Mirror(mirror.folder) as later:
        assert later.begin_crawl()
        assert later.pending(after=0, limit=10) == [FrontierEntry(number=2, url=B, kind="sitemap")]
        assert later.progress() == (1, 2)
        assert later.is_done(A)
        assert not later.is_done(B)
        assert not later.is_done(C)
        later.end_crawl(complete=True)
        assert not later.begin_crawl()
        assert later.pending(after=0, limit=10) == []


def test_a_crawl_interrupted_long_ago_is_started_anew(mirror: Mirror) -> None:
    mirror.begin_crawl()
    mirror.enqueue([Listed(A)])
    long_ago = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    with sqlite3.connect(mirror.folder / INDEX) as index:
        index.execute("UPDATE visits SET begun = ?", (long_ago,))
    index.close()
    assert not mirror.begin_crawl()
    assert mirror.pending(after=0, limit=10) == []


def test_a_site_counts_as_crawled_once_a_crawl_has_ended(mirror: Mirror) -> None:
    assert not mirror.was_crawled
    mirror.begin_crawl()
    assert not mirror.was_crawled
    mirror.end_crawl(complete=False)
    assert mirror.was_crawled


def test_pages_with_the_same_identity_and_content_are_listed_once(mirror: Mirror) -> None:
    mirror.begin_crawl()
    for url, identity, fingerprint in (
        ("https://example.org/x/index.htm", "https://example.org/x/", "same"),
        ("https://example.org/x/", "https://example.org/x/", "same"),
        ("https://example.org/x/?v=2", "https://example.org/x/", "other"),
        ("https://example.org/y", "https://example.org/x/", "same"),
        ("https://example.org/empty1", "https://example.org/e", ""),
        ("https://example.org/empty2", "https://example.org/e", ""),
    ):
        mirror.store(url, b"", partition="p", identity=identity, fingerprint=fingerprint)
    mirror.end_crawl(complete=True)
    assert keys(mirror) == [
        "https://example.org/empty1",
        "https://example.org/empty2",
        "https://example.org/x/",
        "https://example.org/x/?v=2",
    ]


def test_an_index_of_another_version_is_replaced(mirror: Mirror) -> None:
    crawl(mirror, A)
    with sqlite3.connect(mirror.folder / INDEX) as index:
        index.execute("PRAGMA user_version = 99")
    index.close()
    with Mirror(mirror.folder) as reopened:
        assert keys(reopened) == []
        assert not reopened.was_crawled


def test_a_damaged_index_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_bytes(b"this is no database, " * 100)
    with pytest.raises(ListingError, match=r"mirror\.sqlite.*delete it"):
        Mirror(tmp_path)


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ListingError, match="Make the folder writable"):
        Mirror(tmp_path / "file" / "mirror")


def test_the_index_of_the_first_release_is_read(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / INDEX) as index:
        index.executescript(
            """
            CREATE TABLE pages (
                url TEXT PRIMARY KEY, path TEXT NOT NULL DEFAULT '', partition TEXT NOT NULL, etag TEXT,
                last_modified TEXT, sha256 TEXT, identity TEXT NOT NULL, fingerprint TEXT NOT NULL DEFAULT '',
                problem TEXT, fetched_at TEXT, seen INTEGER NOT NULL
            ) WITHOUT ROWID;
            CREATE TABLE visits (number INTEGER PRIMARY KEY, begun TEXT NOT NULL, ended TEXT, complete INTEGER);
            CREATE TABLE frontier (
                number INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, kind TEXT NOT NULL DEFAULT 'page',
                done INTEGER NOT NULL DEFAULT 0
            );
            INSERT INTO visits VALUES (1, '2026-01-01T00:00:00+00:00', '2026-01-01T01:00:00+00:00', 1);
            INSERT INTO pages VALUES (
                'https://example.org/a', 'pages/a.html', 'p', '"1"', NULL, 'x', 'https://example.org/a', '', NULL,
                '2026-01-01T00:00:00+00:00', 1
            );
            PRAGMA user_version = 1;
            """
        )
    index.close()
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/a.html").write_bytes(b"<p>a")
    with Mirror(tmp_path) as mirror:
        assert mirror.was_crawled
        assert keys(mirror) == [A]
        assert mirror.body(A) == b"<p>a"
        assert not mirror.begin_crawl()
        mirror.confirm(A)
        mirror.end_crawl(complete=True)
        assert keys(mirror) == [A]
