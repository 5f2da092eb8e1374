import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bbj_assets.errors import ListingError
from bbj_assets.web.mirror import INDEX, Mirror

A, B, C = (f"https://example.org/{name}" for name in "abc")


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with Mirror(tmp_path / "mirror") as opened:
        yield opened


def visit(mirror: Mirror, *urls: str, complete: bool = True) -> None:
    mirror.begin_visit()
    for url in urls:
        mirror.store(url, url.encode(), partition="p", etag=f'"{url}"')
    mirror.end_visit(complete=complete)


def keys(mirror: Mirror) -> list[str]:
    return [item.key for item in mirror.items()]


def test_a_stored_page_is_an_item_whose_file_is_its_body(mirror: Mirror) -> None:
    mirror.begin_visit()
    mirror.store(A, b"<p>a", partition="grids", suffix=".htm", etag='"1"', last_modified="yesterday")
    mirror.end_visit(complete=True)
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


def test_a_complete_visit_removes_what_it_did_not_see(mirror: Mirror) -> None:
    visit(mirror, A, B, C)
    mirror.begin_visit()
    mirror.confirm(A)
    mirror.fail(B, partition="p", problem="it answers 500")
    gone = next(item.file for item in mirror.items() if item.key == C)
    mirror.end_visit(complete=True)
    assert keys(mirror) == [A, B]
    assert not gone.exists()


def test_an_incomplete_visit_removes_nothing(mirror: Mirror) -> None:
    visit(mirror, A, B)
    visit(mirror, A, complete=False)
    assert keys(mirror) == [A, B]


def test_a_failure_keeps_the_body_and_a_success_ends_the_problem(mirror: Mirror) -> None:
    visit(mirror, A)
    mirror.begin_visit()
    mirror.fail(A, partition="p", problem="it answers 500")
    mirror.fail(B, partition="q", problem="no answer in time")
    assert mirror.has_problems()
    mirror.end_visit(complete=False)
    failed, never = mirror.items()
    assert (failed.problem, failed.file.read_bytes()) == ("it answers 500", A.encode())
    assert (never.problem, never.path, never.partition) == ("no answer in time", "", "q")
    mirror.begin_visit()
    mirror.confirm(A)
    mirror.store(B, b"b", partition="q")
    assert not mirror.has_problems()
    mirror.end_visit(complete=True)
    assert [item.problem for item in mirror.items()] == [None, None]


def test_a_removed_page_is_gone_with_its_file(mirror: Mirror) -> None:
    visit(mirror, A, B)
    file = next(mirror.items()).file
    mirror.remove(A)
    assert keys(mirror) == [B]
    assert not file.exists()
    assert mirror.page(A) is None
    with pytest.raises(KeyError):
        mirror.body(A)


def test_a_page_whose_file_was_tidied_away_is_asked_for_anew(mirror: Mirror) -> None:
    visit(mirror, A)
    shutil.rmtree(mirror.folder / "pages")
    known = mirror.page(A)
    assert known is not None
    assert (known.path, known.etag, known.last_modified) == ("", None, None)


def test_a_kill_between_body_and_index_leaves_no_validators(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    visit(mirror, A)
    mirror.begin_visit()

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


def test_a_visit_that_was_cut_off_goes_on(mirror: Mirror) -> None:
    assert not mirror.begin_visit()
    mirror.enqueue([(A, "page"), (B, "sitemap"), (A, "page")])
    mirror.done(A)
    with Mirror(mirror.folder) as later:
        assert later.begin_visit()
        assert later.pending(0, 10) == [(2, B, "sitemap")]
        assert later.progress() == (1, 2)
        assert later.is_done(A)
        assert not later.is_done(B)
        assert not later.is_done(C)
        later.end_visit(complete=True)
        assert not later.begin_visit()
        assert later.pending(0, 10) == []


def test_a_visit_that_was_cut_off_long_ago_is_begun_anew(mirror: Mirror) -> None:
    mirror.begin_visit()
    mirror.enqueue([(A, "page")])
    long_ago = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    with sqlite3.connect(mirror.folder / INDEX) as index:
        index.execute("UPDATE visits SET begun = ?", (long_ago,))
    index.close()
    assert not mirror.begin_visit()
    assert mirror.pending(0, 10) == []


def test_the_last_visit_is_the_last_complete_one_when_it_began(mirror: Mirror) -> None:
    assert mirror.last_visit() is None
    assert not mirror.was_visited
    visit(mirror, A, complete=False)
    assert mirror.last_visit() is None
    assert mirror.was_visited
    before = datetime.now(UTC)
    mirror.begin_visit()
    begun = datetime.now(UTC)
    mirror.end_visit(complete=True)
    last = mirror.last_visit()
    assert last is not None
    assert before <= last <= begun


def test_pages_with_one_identity_and_one_content_are_listed_once(mirror: Mirror) -> None:
    mirror.begin_visit()
    for url, identity, fingerprint in (
        ("https://example.org/x/index.htm", "https://example.org/x/", "same"),
        ("https://example.org/x/", "https://example.org/x/", "same"),
        ("https://example.org/x/?v=2", "https://example.org/x/", "other"),
        ("https://example.org/y", "https://example.org/x/", "same"),
        ("https://example.org/empty1", "https://example.org/e", ""),
        ("https://example.org/empty2", "https://example.org/e", ""),
    ):
        mirror.store(url, b"", partition="p", identity=identity, fingerprint=fingerprint)
    mirror.end_visit(complete=True)
    assert keys(mirror) == [
        "https://example.org/empty1",
        "https://example.org/empty2",
        "https://example.org/x/",
        "https://example.org/x/?v=2",
    ]


def test_an_index_of_another_version_is_begun_anew(mirror: Mirror) -> None:
    visit(mirror, A)
    with sqlite3.connect(mirror.folder / INDEX) as index:
        index.execute("PRAGMA user_version = 99")
    index.close()
    with Mirror(mirror.folder) as reopened:
        assert keys(reopened) == []
        assert not reopened.was_visited


def test_a_damaged_index_is_said_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_bytes(b"this is no database, " * 100)
    with pytest.raises(ListingError, match=r"mirror\.sqlite.*delete it"):
        Mirror(tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ListingError, match="Make the folder writable"):
        Mirror(tmp_path / "file" / "mirror")
