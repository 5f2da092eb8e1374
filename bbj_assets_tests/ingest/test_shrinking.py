"""A source that loses most of its documents at once: refused until it is confirmed."""

import pytest

from bbj_assets.errors import ShrinkError
from bbj_assets.store.connection import Connection
from bbj_assets_tests.ingest.conftest import Refresh
from bbj_assets_tests.ingest.pages import page
from bbj_assets_tests.ingest.stored import physical_rows, texts
from bbj_assets_tests.sources.mdx.pages import Site


def test_losing_more_than_half_of_a_source_is_refused_until_it_is_confirmed(
    conn: Connection, site: Site, refresh: Refresh
) -> None:
    site.write({f"part{n % 3}/{n}.md": page(n) for n in range(42)})
    refresh()
    before = physical_rows(conn)
    for n in range(22):
        (site.root / f"part{n % 3}" / f"{n}.md").unlink()
    site.write({"part1/new.md": page(99)})

    with pytest.raises(ShrinkError, match=r"'mdx-test': 22 of its 42 documents .*--allow-shrink"):
        refresh()
    assert physical_rows(conn) == before

    report = refresh(allow_shrink=True)
    assert (report.total.deleted, report.total.changed, report.total.unchanged) == (22, 1, 20)


def test_losing_half_of_a_source_or_at_most_twenty_documents_is_allowed(
    conn: Connection, site: Site, refresh: Refresh
) -> None:
    site.write({f"{n}.md": page(n) for n in range(42)})
    refresh()
    for n in range(21):
        (site.root / f"{n}.md").unlink()
    half = refresh()
    for n in range(21, 41):
        (site.root / f"{n}.md").unlink()
    twenty = refresh()

    assert (half.total.deleted, twenty.total.deleted) == (21, 20)
    assert texts(conn).keys() == {"mdx-test://41.md"}


def test_a_loss_is_compared_with_the_whole_source_also_in_a_run_over_some_sections(
    conn: Connection, site: Site, refresh: Refresh
) -> None:
    site.write({f"part{n // 10}/{n}.md": page(n) for n in range(50)})
    refresh()
    for n in range(10, 50):
        (site.root / f"part{n // 10}" / f"{n}.md").unlink()

    for part in ("part1", "part2"):
        with pytest.raises(ShrinkError, match="40 of its 50 documents"):
            refresh([part])
    assert refresh(["part0"]).total.unchanged == 10, "a section without losses is refreshed"
    assert len(texts(conn)) == 50

    assert refresh(["part1"], allow_shrink=True).total.deleted == 10


def test_an_emptied_folder_does_not_empty_a_large_source(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write({f"{n}.md": page(n) for n in range(21)})
    refresh()
    for n in range(21):
        (site.root / f"{n}.md").unlink()

    with pytest.raises(ShrinkError):
        refresh()

    assert len(texts(conn)) == 21
