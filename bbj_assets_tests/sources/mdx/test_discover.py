"""Discovery: the files that are pages."""

from dataclasses import replace

import pytest

from bbj_assets.source import Source
from bbj_assets.sources import mdx
from bbj_assets_tests.sources.mdx.pages import Site


def _paths(source: Source) -> list[str]:
    return [item.path for item in mdx.discover(source)]


def test_pages_are_listed_by_path_with_their_keys_and_partitions(site: Site) -> None:
    site.write({"index.md": "", "grids/rows.mdx": "", "grids/image.png": "", "LICENSE.md": ""})

    items = list(mdx.discover(site.source))

    assert [(item.key, item.partition) for item in items] == [
        ("mdx-test://LICENSE.md", "_root"),
        ("mdx-test://grids/rows.mdx", "grids"),
        ("mdx-test://index.md", "_root"),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "_note.md",
        "guide/_note.mdx",
        "_partials/note.md",
        "i18n/de/page.md",
        "blog/2024-01-01-news.md",
        "node_modules/package/README.md",
        ".planning/idea.md",
        "versioned_docs/version-1.0/page.md",
        "guide/picture.png",
    ],
)
def test_other_files_are_not_listed(site: Site, path: str) -> None:
    site.write({path: "", "page.md": ""})

    assert _paths(site.source) == ["page.md"]


def test_an_old_version_is_listed_when_the_source_points_to_its_folder(site: Site) -> None:
    site.write({"versioned_docs/version-1.0/page.md": ""})
    old_version = replace(site.source, roots=(site.root / "versioned_docs" / "version-1.0",))

    assert _paths(old_version) == ["page.md"]


@pytest.mark.parametrize("pattern", ["drafts/*", "**/idea.md", "drafts/idea.md"])
def test_excluded_pages_are_not_listed(site: Site, pattern: str) -> None:
    site.write({"drafts/idea.md": "", "page.md": ""})

    assert _paths(replace(site.source, exclude=(pattern,))) == ["page.md"]
