"""Runs over a source: changed items are replaced, deleted items are deleted, and the others stay as they are."""

from dataclasses import replace
from pathlib import Path

import pytest

from bbj_assets.errors import ListingError
from bbj_assets.ingest.listing import current_partitions
from bbj_assets.reports import PartitionReport
from bbj_assets.source import ChunkSettings
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import delete_source
from bbj_assets_tests.ingest.conftest import Refresh
from bbj_assets_tests.ingest.pages import PAGES, page
from bbj_assets_tests.ingest.stored import contents, hashes, physical_rows, texts
from bbj_assets_tests.sources.mdx.pages import Site

# What a run does


def test_the_first_run_stores_every_page_with_its_chunks(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write(PAGES)

    report = refresh()

    assert texts(conn).keys() == {f"mdx-test://{path}" for path in PAGES}
    assert "Rows have colours." in texts(conn)["mdx-test://grids/rows.md"]
    assert report.partitions == {
        "_root": PartitionReport(seen=1, changed=1, chunks_written=1, chunks_total=1),
        "events": PartitionReport(seen=1, changed=1, chunks_written=1, chunks_total=1),
        "grids": PartitionReport(
            seen=2,
            changed=2,
            chunks_written=(grid := len(hashes(conn, "mdx-test://grids/rows.md")) + 1),
            chunks_total=grid,
        ),
    }
    assert report.total == PartitionReport(seen=4, changed=4, chunks_written=grid + 2, chunks_total=grid + 2)
    assert report.failures == []


def test_a_second_run_parses_nothing_and_leaves_every_row_as_it_is(
    conn: Connection, site: Site, refresh: Refresh
) -> None:
    site.write(PAGES)
    refresh()
    before = physical_rows(conn)
    to_parse = []

    report = refresh(on_progress=lambda _done, total: to_parse.append(total))

    assert physical_rows(conn) == before
    assert set(to_parse) == {0}
    assert (report.total.seen, report.total.unchanged, report.total.changed, report.total.chunks_written) == (
        4,
        4,
        0,
        0,
    )
    assert report.total.chunks_total == len(before[1])


def test_a_changed_page_is_replaced_and_no_other_row_is_touched(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write(PAGES)
    refresh()
    before = physical_rows(conn)
    site.write({"grids/columns.md": "# Columns\n\nColumns can be moved.\n"})

    report = refresh()

    after = physical_rows(conn)
    assert [key for key in before[0] if before[0][key] != after[0][key]] == [("mdx-test://grids/columns.md",)]
    assert [key for key in before[1] if before[1][key] != after[1].get(key)] == [("mdx-test://grids/columns.md", 0)]
    assert texts(conn)["mdx-test://grids/columns.md"].strip() == "Columns can be moved."
    assert (report.total.changed, report.total.unchanged) == (1, 3)


def test_chunks_whose_text_stays_keep_their_hash_when_their_page_changes(
    conn: Connection, site: Site, refresh: Refresh
) -> None:
    sections = [f"## Part {n}\n\n{f'Sentence of part {n}. ' * 60}\n" for n in range(4)]
    site.write({"a.md": "# A\n\n" + "\n".join(sections)})
    refresh()
    before = hashes(conn, "mdx-test://a.md")
    sections[3] += "\nOne sentence more.\n"
    site.write({"a.md": "# A\n\n" + "\n".join(sections)})

    refresh()

    after = hashes(conn, "mdx-test://a.md")
    assert len(after) == len(before) > 3
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]


def test_a_moved_page_is_found_under_its_new_url_only_and_keeps_its_hashes(
    conn: Connection, site: Site, refresh: Refresh
) -> None:
    site.write(PAGES)
    refresh()
    before = hashes(conn, "mdx-test://grids/rows.md")
    (site.root / "grids" / "rows.md").rename(site.root / "grids" / "lines.md")

    report = refresh()

    assert "mdx-test://grids/rows.md" not in texts(conn)
    assert hashes(conn, "mdx-test://grids/lines.md") == before
    assert (report.total.changed, report.total.deleted, report.total.unchanged) == (1, 1, 3)


def test_a_page_that_moves_to_another_section_keeps_its_text_and_gets_a_new_breadcrumb(
    conn: Connection, site: Site, refresh: Refresh
) -> None:
    site.write(PAGES)
    refresh()
    url, moved = "mdx-test://grids/rows.md", "mdx-test://events/rows.md"
    before, text = hashes(conn, url), texts(conn)[url]
    (site.root / "grids" / "rows.md").rename(site.root / "events" / "rows.md")

    refresh()

    assert texts(conn)[moved] == text
    assert set(hashes(conn, moved)).isdisjoint(before), "search would say the old section"


def test_a_deleted_page_is_deleted_with_its_chunks(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write(PAGES)
    refresh()
    (site.root / "events" / "click.mdx").unlink()

    report = refresh()

    assert texts(conn).keys() == {f"mdx-test://{path}" for path in PAGES if path != "events/click.mdx"}
    assert hashes(conn, "mdx-test://events/click.mdx") == []
    assert report.partitions["events"] == PartitionReport(deleted=1)


def test_a_changed_partial_parses_exactly_the_pages_that_show_it(
    conn: Connection, site: Site, refresh: Refresh
) -> None:
    importing = "# {0}\n\nimport Note from '../_note.md'\n\n<Note />\n"
    site.write({**PAGES, "_note.md": "Old note.", "a/1.md": importing.format("1"), "b/2.md": importing.format("2")})
    refresh()
    before = physical_rows(conn)[0]
    site.write({"_note.md": "New note."})

    report = refresh()

    after = physical_rows(conn)[0]
    assert {url for (url,) in before if before[(url,)] != after[(url,)]} == {"mdx-test://a/1.md", "mdx-test://b/2.md"}
    assert "New note." in texts(conn)["mdx-test://a/1.md"]
    assert (report.total.changed, report.total.unchanged) == (2, 4)


def test_a_partial_that_was_missing_and_appears_is_a_change(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write({"a.md": "# A\n\nimport Note from './_note.md'\n\n<Note />\n", "b.md": "# B\n\nText.\n"})
    refresh()
    assert refresh().total.changed == 0
    site.write({"_note.md": "Here at last."})

    assert refresh().total.changed == 1
    assert "Here at last." in texts(conn)["mdx-test://a.md"]


def test_a_partial_that_lies_outside_of_the_source_does_not_make_its_page_look_changed(
    site: Site, refresh: Refresh
) -> None:
    (site.root.parent / "outside.md").write_text("Not part of it.")
    site.write({"a.md": "# A\n\nimport Note from './_note.md'\n\n<Note />\n\nText.\n"})
    (site.root / "_note.md").symlink_to(site.root.parent / "outside.md")
    refresh()

    assert refresh().total.unchanged == 1


@pytest.mark.parametrize("change", ["chunk length", "overlap", "generation", "display url"])
def test_another_code_version_parses_every_page_again(site: Site, refresh: Refresh, change: str) -> None:
    site.write({"a.md": page(1), "b.md": page(2)})
    refresh()
    source, chunks = site.source, ChunkSettings()
    if change == "chunk length":
        chunks = ChunkSettings(target_tokens=100)
    elif change == "overlap":
        chunks = ChunkSettings(overlap_tokens=10)
    elif change == "generation":
        source = replace(source, generation_tag="dwc")
    else:
        source = replace(source, display_url="https://example.com")

    assert refresh(source=source, chunks=chunks).total.changed == 2
    assert refresh(source=source, chunks=chunks).total.unchanged == 2


def test_a_tree_that_was_copied_elsewhere_is_unchanged(
    conn: Connection, site: Site, refresh: Refresh, tmp_path: Path
) -> None:
    site.write(PAGES)
    refresh()
    before = physical_rows(conn)
    site.root.rename(tmp_path / "moved")

    report = refresh(source=replace(site.source, roots=(tmp_path / "moved",)))

    assert physical_rows(conn) == before
    assert report.total.unchanged == 4


# Partitions


def test_only_the_selected_partitions_are_touched(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write(PAGES)
    refresh()
    before = physical_rows(conn)[0]
    site.write({path: text + "\nMore.\n" for path, text in PAGES.items() if path != "events/click.mdx"})
    (site.root / "events" / "click.mdx").unlink()

    report = refresh({"grids"})

    after = physical_rows(conn)[0]
    assert {url for (url,) in before if before[(url,)] != after.get((url,))} == {
        "mdx-test://grids/rows.md",
        "mdx-test://grids/columns.md",
    }
    assert report.partitions.keys() == {"grids"}
    assert (report.total.seen, report.total.changed, report.total.deleted) == (2, 2, 0)


def test_partitions_that_only_the_store_has_are_listed_separately(
    conn: Connection, site: Site, refresh: Refresh
) -> None:
    site.write(PAGES)
    refresh()
    (site.root / "events" / "click.mdx").unlink()
    site.write({"forms/new.md": page(1)})

    assert current_partitions(conn, site.source) == ({"_root", "grids", "forms"}, {"events"})


def test_sources_do_not_touch_each_other(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write(PAGES)
    refresh()
    other = replace(site.source, name="mdx-other")

    assert refresh(source=other).total.changed == 4
    (site.root / "index.md").unlink()
    assert refresh().total.deleted == 1
    assert refresh(source=other).total.deleted == 1
    assert len(texts(conn)) == 6


# Deletions are inferred only from a complete listing


def test_a_source_that_cannot_be_listed_loses_nothing(
    conn: Connection, site: Site, refresh: Refresh, tmp_path: Path
) -> None:
    site.write(PAGES)
    partitions = refresh().partitions.keys()
    before = physical_rows(conn)
    site.root.rename(tmp_path / "elsewhere")

    with pytest.raises(ListingError):
        refresh(partitions)

    assert physical_rows(conn) == before


def test_one_worker_or_several_give_the_same_rows(conn: Connection, site: Site, refresh: Refresh) -> None:
    site.write({f"part{n % 5}/{n}.md": page(n) for n in range(100)})
    refresh(processes=1)
    of_one = contents(conn)
    delete_source(conn, "mdx-test")

    refresh(processes=3)

    assert contents(conn) == of_one
    assert len(of_one[0]) == 100


def test_progress_ends_with_everything_done(site: Site, refresh: Refresh) -> None:
    site.write({f"{n}.md": page(n) for n in range(70)})
    progress: list[tuple[int, int]] = []

    refresh(processes=2, on_progress=lambda done, total: progress.append((done, total)))

    assert progress[0] == (0, 70)
    assert progress[-1] == (70, 70)
    assert progress == sorted(progress)
    assert len(progress) > 2


def test_an_interrupted_run_leaves_whole_documents_and_the_next_run_completes_it(
    conn: Connection, site: Site, refresh: Refresh
) -> None:
    site.write({f"{n}.md": page(n) for n in range(100)})

    def interrupt(done: int, _total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refresh(on_progress=interrupt)
    kept = texts(conn)

    report = refresh()

    assert all(kept.values())
    assert report.total.changed == 100 - len(kept)
    assert report.total.chunks_total == 100
