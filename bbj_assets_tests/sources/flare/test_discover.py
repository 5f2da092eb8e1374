"""Discovery: the files that are topics."""

from pathlib import Path

import pytest

from bbj_assets.errors import ListingError
from bbj_assets.source import Source
from bbj_assets.sources import flare
from bbj_assets_tests.sources.flare.project import Project


def test_only_pages_below_content_are_topics(project: Project) -> None:
    topics = ["Content/index.htm", "Content/a/B.HTM", "Content/a/Output/Project/c d.html", "Content/ä%20'#.htm"]
    others = [
        "Output/Content/index.htm",
        "Project/x.htm",
        "index.htm",
        "Content/Resources/Snippets/s.flsnp",
        "Content/a.png",
    ]
    project.write(dict.fromkeys([*topics, *others], "<p>Text</p>"))

    items = list(flare.discover(project.source))

    assert {item.path for item in items} == set(topics)
    assert {item.key for item in items} == {f"flare://{path}" for path in topics}
    assert [item.file.read_bytes() for item in items] == [b"<p>Text</p>"] * len(topics)


def test_the_partition_is_the_top_folder_of_content(project: Project) -> None:
    project.write(dict.fromkeys(["Content/index.htm", "Content/a/x.htm", "Content/a/b/y.htm", "Content/c/z.htm"], "x"))

    assert {item.path: item.partition for item in flare.discover(project.source)} == {
        "Content/index.htm": "_root",
        "Content/a/x.htm": "a",
        "Content/a/b/y.htm": "a",
        "Content/c/z.htm": "c",
    }


def test_excluded_topics_are_not_listed(project: Project) -> None:
    project.write(dict.fromkeys(["Content/index.htm", "Content/drafts/x.htm"], "x"))
    source = Source("flare", "flare", roots=(project.root,), exclude=("Content/drafts/**",))

    assert [item.path for item in flare.discover(source)] == ["Content/index.htm"]


def test_a_folder_without_content_is_a_listing_error(tmp_path: Path) -> None:
    with pytest.raises(ListingError, match="Content"):
        list(flare.discover(Source("flare", "flare", roots=(tmp_path,))))
