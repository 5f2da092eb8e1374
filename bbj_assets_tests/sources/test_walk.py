"""The listing of files, and the partition of each."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import DagsterInstance
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.errors import ListingError
from bbj_assets.source import Source
from bbj_assets.sources.walk import ROOT_PARTITION, partition_key, partition_of, walk


def make_files(root: Path, *paths: str) -> Source:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    return Source("docs", "mdx", roots=(root,))


def listed_paths(source: Source, *, skip_folder: Callable[[str], bool] = lambda _name: False) -> list[str]:
    return [path for _, path in walk(source, {".md"}, skip_folder=skip_folder)]


def test_files_are_listed_by_suffix_in_the_order_of_their_paths(tmp_path: Path) -> None:
    source = make_files(tmp_path, "b/2.md", "b/1.MD", "a.md", "c/d/e.md", "b/picture.png", "md", "notes.md.bak")

    assert listed_paths(source) == ["a.md", "b/1.MD", "b/2.md", "c/d/e.md"]


@pytest.mark.parametrize("path", [".hidden.md", ".git/a.md", "node_modules/a/README.md", "__pycache__/a.md"])
def test_hidden_files_and_dependencies_are_not_listed(tmp_path: Path, path: str) -> None:
    assert listed_paths(make_files(tmp_path, path, "page.md")) == ["page.md"]


def test_a_parser_can_skip_folders_by_name_at_any_depth(tmp_path: Path) -> None:
    source = make_files(tmp_path, "old/a.md", "new/old/b.md", "new/c.md")

    assert listed_paths(source, skip_folder=lambda name: name == "old") == ["new/c.md"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("drafts/**", ["a/drafts/x.md", "page.md"]),
        ("drafts/*", ["a/drafts/x.md", "page.md"]),
        ("**/drafts/*", ["page.md"]),
        ("*.md", []),
        ("page.md", ["a/drafts/x.md", "drafts/deep/z.md", "drafts/y.md"]),
        ("PAGE.md", ["a/drafts/x.md", "drafts/deep/z.md", "drafts/y.md", "page.md"]),
    ],
)
def test_excluded_paths_are_not_listed(tmp_path: Path, pattern: str, left: list[str]) -> None:
    source = make_files(tmp_path, "a/drafts/x.md", "drafts/deep/z.md", "drafts/y.md", "page.md")

    assert listed_paths(Source("docs", "mdx", roots=source.roots, exclude=(pattern,))) == left


def test_a_root_can_be_a_single_file(tmp_path: Path) -> None:
    make_files(tmp_path, "a.md", "b.md", "c.txt")
    source = Source("docs", "mdx", roots=(tmp_path / "b.md", tmp_path / "c.txt"))

    assert list(walk(source, {".md"})) == [(tmp_path, "b.md")]


def test_roots_are_listed_one_after_the_other(tmp_path: Path) -> None:
    make_files(tmp_path, "b/1.md", "a/1.md")
    source = Source("docs", "mdx", roots=(tmp_path / "b", tmp_path / "a"))

    assert list(walk(source, {".md"})) == [(tmp_path / "b", "1.md"), (tmp_path / "a", "1.md")]


def test_links_to_files_are_files_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    source = make_files(tmp_path / "docs", "guide/page.md")
    make_files(tmp_path / "elsewhere", "other.md")
    (tmp_path / "docs" / "linked.md").symlink_to(tmp_path / "elsewhere" / "other.md")
    (tmp_path / "docs" / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "docs" / "folder.md").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "docs" / "guide" / "loop").symlink_to(tmp_path / "docs")
    (tmp_path / "docs" / "broken.md").symlink_to(tmp_path / "gone.md")

    assert listed_paths(source) == ["guide/page.md", "linked.md"]


def test_a_link_to_itself_is_listed_so_that_parsing_reports_the_error(tmp_path: Path) -> None:
    source = make_files(tmp_path, "page.md")
    (tmp_path / "circle.md").symlink_to(tmp_path / "circle.md")

    assert listed_paths(source) == ["circle.md", "page.md"]


def test_a_pipe_is_not_listed(tmp_path: Path) -> None:
    source = make_files(tmp_path, "page.md")
    os.mkfifo(tmp_path / "pipe.md")

    assert listed_paths(source) == ["page.md"]


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_an_empty_folder(tmp_path: Path) -> None:
    source = Source("docs", "mdx", roots=(tmp_path / "gone",))

    with pytest.raises(ListingError) as caught:
        listed_paths(source)

    assert str(tmp_path / "gone") in str(caught.value)
    assert "`paths` in sources.toml" in str(caught.value)


def test_a_folder_deleted_during_the_listing_is_an_error(tmp_path: Path) -> None:
    listing = walk(make_files(tmp_path, "a.md", "b/c.md"), {".md"})
    next(listing)
    (tmp_path / "b" / "c.md").unlink()
    (tmp_path / "b").rmdir()

    with pytest.raises(ListingError):
        next(listing)


# Partitions


@pytest.mark.parametrize(
    ("path", "partition"),
    [
        ("index.md", ROOT_PARTITION),
        ("grids/rows.md", "grids"),
        ("grids/columns/sizing.md", "grids"),
        ("a, b/c.md", "a_ b"),
        ("more.../c.md", "more_"),
        ("1.2.3/c.md", "1.2.3"),
        ("two\nlines/c.md", "two_lines"),
    ],
)
def test_the_partition_of_a_file_is_its_top_folder(path: str, partition: str) -> None:
    assert partition_of(path) == partition


@given(st.binary().map(os.fsdecode) | st.text(st.sampled_from("a.,\n\0é _")))
def test_every_name_becomes_a_partition_key_that_can_be_stored_and_selected(name: str) -> None:
    key = partition_key(name)

    assert key
    assert "," not in key
    assert "..." not in key
    key.encode()


def test_dagster_accepts_every_partition_key() -> None:
    names = ["a,b", "...", "....", "tab\t", "nul\0", "bell\a", "two\r\nlines", "\x1f", "\udce9", "", "ü", " "]
    keys = {partition_key(name) for name in names}

    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("sections", list(keys))

        assert set(instance.get_dynamic_partitions("sections")) == keys


@given(st.from_regex(r"[a-z0-9 _-]+(\.[a-z0-9]+)?", fullmatch=True))
def test_an_ordinary_name_is_its_own_partition_key(name: str) -> None:
    assert partition_key(name) == name
