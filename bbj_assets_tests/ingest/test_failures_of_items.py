"""A bad item fails alone: it is a row of `failures` until it recovers or is deleted, and its old document stays."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bbj_assets.errors import ShrinkError
from bbj_assets.reports import PartitionReport
from bbj_assets.store.connection import Connection
from bbj_assets.store.failures import StoredFailure, list_failures
from bbj_assets_tests.ingest.conftest import Refresh
from bbj_assets_tests.ingest.stored import physical_rows, texts
from bbj_assets_tests.sources.mdx.pages import Site

GOOD = "# Good\n\nA page.\n"
NO_TEXT = b"# \x81\x8d\x8f"


def only_failure(conn: Connection) -> StoredFailure:
    (failure,) = list_failures(conn)
    return failure


def test_a_file_that_is_no_text_fails_alone(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write({"a.md": GOOD, "part/bad.md": NO_TEXT, "z.md": GOOD})

    report = refresh()

    assert texts(conn).keys() == {"mdx-test://a.md", "mdx-test://z.md"}
    failure = only_failure(conn)
    assert (failure.stage, failure.item, failure.source) == ("parse", "mdx-test://part/bad.md", "mdx-test")
    assert (failure.partition_key, failure.error_type, failure.attempts) == ("part", "ParseError", 1)
    assert "Save the file as UTF-8" in failure.error
    assert report.partitions["part"] == PartitionReport(seen=1, failed=1)
    assert [failure.item for failure in report.failures] == ["mdx-test://part/bad.md"]


def test_attempts_are_added_up_while_an_item_fails(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write({"bad.md": NO_TEXT})
    refresh()
    first = only_failure(conn)

    refresh()
    refresh()

    last = only_failure(conn)
    assert last.attempts == 3
    assert last.first_failed_at == first.first_failed_at
    assert last.last_failed_at is not None
    assert first.last_failed_at is not None
    assert last.last_failed_at > first.last_failed_at


def test_the_old_document_stays_while_its_item_fails(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write({"a.md": GOOD})
    refresh()
    before = physical_rows(conn)
    site.write({"a.md": NO_TEXT})

    report = refresh()

    assert physical_rows(conn) == before
    assert (report.total.failed, report.total.deleted, report.total.chunks_total) == (1, 0, 1)


@pytest.mark.parametrize("only_failed", [False, True], ids=["in any run", "in one over failures"])
@pytest.mark.parametrize("cure", ["rewritten", "put back", "deleted"])
def test_a_failure_is_deleted_when_its_item_recovers_or_is_deleted(
    conn: Connection, site: Site, refresh: Refresh, cure: str, *, only_failed: bool
) -> None:
    site.write({"a.md": GOOD, "z.md": GOOD})
    refresh()
    site.write({"a.md": NO_TEXT})
    refresh()
    assert only_failure(conn).item == "mdx-test://a.md"
    if cure == "deleted":
        (site.root / "a.md").unlink()
    else:
        new = {"rewritten": "# New\n\nText.\n", "put back": GOOD}
        site.write({"a.md": new[cure]})

    refresh(only_failed=only_failed)

    assert list_failures(conn) == []
    assert ("mdx-test://a.md" in texts(conn)) == (cure in ("rewritten", "put back"))


@pytest.mark.parametrize("only_failed", [False, True], ids=["in any run", "in one over failures"])
def test_the_failure_of_an_item_that_never_was_a_document_is_deleted_with_its_file(
    conn: Connection, site: Site, refresh: Refresh, *, only_failed: bool
) -> None:
    site.write({"part/bad.md": NO_TEXT, "a.md": GOOD})
    refresh()
    (site.root / "part" / "bad.md").unlink()

    refresh(only_failed=only_failed)

    assert list_failures(conn) == []


def test_failures_of_other_partitions_are_kept(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write({"one/bad.md": NO_TEXT, "two/bad.md": NO_TEXT})
    refresh()

    refresh({"one"})

    assert {failure.item: failure.attempts for failure in list_failures(conn)} == {
        "mdx-test://one/bad.md": 2,
        "mdx-test://two/bad.md": 1,
    }


def test_a_run_over_failures_processes_failed_items_only(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write({"a.md": GOOD, "b.md": NO_TEXT, "c.md": NO_TEXT, "gone.md": GOOD})
    refresh()
    before = physical_rows(conn)[0]
    site.write({"a.md": "# Changed\n\nText.\n", "b.md": GOOD})
    (site.root / "gone.md").unlink()

    report = refresh(only_failed=True)

    after = physical_rows(conn)[0]
    assert {key: after[key] for key in before} == before
    assert after.keys() - before.keys() == {("mdx-test://b.md",)}
    assert (report.total.changed, report.total.failed, report.total.deleted) == (1, 1, 0)
    assert only_failure(conn).item == "mdx-test://c.md"
    assert only_failure(conn).attempts == 2


def test_a_run_over_failures_does_not_delete_most_of_a_source_either(
    conn: Connection, site: Site, refresh: Refresh
) -> None:
    pages = [f"{number:02d}.md" for number in range(30)]
    site.write(dict.fromkeys(pages, GOOD))
    refresh()
    site.write(dict.fromkeys(pages, NO_TEXT))
    refresh()
    for page in pages:
        (site.root / page).unlink()

    with pytest.raises(ShrinkError):
        refresh(only_failed=True)

    assert len(texts(conn)) == len(list_failures(conn)) == 30


@pytest.mark.parametrize(
    "front_matter",
    [
        pytest.param('note: "nul \\0"', id="a NUL, which PostgreSQL cannot store"),
        pytest.param('note: "\\ud800"', id="half a surrogate pair in metadata"),
        pytest.param('title: "\\ud800"', id="half a surrogate pair in the title"),
    ],
)
def test_an_item_that_cannot_be_stored_fails_alone(
    conn: Connection, site: Site, refresh: Refresh, front_matter: str
) -> None:
    site.write({"a.md": GOOD, "bad.md": f"---\n{front_matter}\n---\n\nText.\n", "z.md": GOOD})

    report = refresh()

    assert {"mdx-test://a.md", "mdx-test://z.md"} <= texts(conn).keys()
    stored, failed = "mdx-test://bad.md" in texts(conn), [failure.item for failure in list_failures(conn)]
    assert (stored, failed) in [(True, []), (False, ["mdx-test://bad.md"])]
    assert (report.total.changed, report.total.failed) == (2 + stored, 1 - stored)


@pytest.mark.parametrize("name", [b"caf\xe9.md", b"r\xe9sum\xe9/page.md"], ids=["file", "folder"])
def test_a_name_that_is_not_utf8_fails_and_says_so(conn: Connection, site: Site, refresh: Refresh, name: bytes) -> None:
    site.write({"a.md": GOOD})
    file = site.root / os.fsdecode(name)
    file.parent.mkdir(exist_ok=True)
    file.write_text(GOOD)

    report = refresh()

    assert texts(conn).keys() == {"mdx-test://a.md"}
    assert (report.total.changed, report.total.failed) == (1, 1)
    failure = only_failure(conn)
    assert "\\xe9" in failure.item
    assert "not UTF-8" in failure.error
    assert "Rename" in failure.error
    refresh()
    assert only_failure(conn).attempts == 2


def test_a_file_that_cannot_be_read_fails_with_the_reason(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write({"a.md": GOOD})
    (site.root / "circle.md").symlink_to(site.root / "circle.md")

    refresh()

    assert texts(conn).keys() == {"mdx-test://a.md"}
    assert only_failure(conn).item == "mdx-test://circle.md"
    assert "symbolic links" in only_failure(conn).error


def test_a_file_over_the_size_limit_is_refused_unread(conn: Connection, site: Site, refresh: Refresh) -> None:
    with (site.root / "huge.md").open("wb") as huge:
        huge.truncate(1 << 40)

    refresh()

    assert "1048576 MB, and the limit is 64 MB" in only_failure(conn).error


def test_the_same_path_below_two_roots_is_one_document_and_one_failure(
    conn: Connection, site: Site, refresh: Refresh, tmp_path: Path
) -> None:
    site.write({"index.md": "# First\n\nOf the first folder.\n", "a.md": GOOD})
    second = Site(tmp_path / "more")
    second.write({"index.md": "# Second\n\nOf the second folder.\n", "b.md": GOOD})
    source = replace(site.source, roots=(site.root, second.root))

    report = refresh(source=source)

    assert texts(conn).keys() == {f"mdx-test://{name}.md" for name in ("index", "a", "b")}
    assert "Of the first folder." in texts(conn)["mdx-test://index.md"]
    assert (report.total.seen, report.total.changed, report.total.failed) == (4, 3, 1)
    failure = only_failure(conn)
    assert failure.item == "mdx-test://index.md"
    assert str(second.root / "index.md") in failure.error
    before = physical_rows(conn)

    again = refresh(source=source)

    assert physical_rows(conn) == before
    assert (again.total.unchanged, again.total.failed, only_failure(conn).attempts) == (3, 1, 2)
    (second.root / "index.md").unlink()
    assert refresh(source=source).total.failed == 0
    assert list_failures(conn) == []
