"""What changes the fingerprint of a section, and what does not."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bbj_assets.errors import ListingError
from bbj_assets.ingest.fingerprints import SHARED, data_version, fingerprints
from bbj_assets.ingest.following import SensorCursor, observe
from bbj_assets.source import Source


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for path in ("index.md", "grids/sizing.md", "grids/sorting.md", "charts/pie.md", "_note.mdx", "img/a.png"):
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(path)
    return tmp_path


def of(folder: Path) -> dict[str, str]:
    return fingerprints(Source("guide", "mdx", roots=(folder,)))


def test_there_is_one_a_section_and_one_for_what_is_no_page(docs: Path) -> None:
    assert set(of(docs)) == {"_root", "grids", "charts", SHARED}


def test_they_stay_when_nothing_changes(docs: Path) -> None:
    assert of(docs) == of(docs)
    assert data_version(of(docs)) == data_version(of(docs))


@pytest.mark.parametrize(
    ("act", "changed"),
    [
        (lambda docs: (docs / "grids/sizing.md").write_text("longer than it was"), {"grids"}),
        (lambda docs: os.utime(docs / "grids/sizing.md", ns=(1, 1)), {"grids"}),
        (lambda docs: (docs / "grids/new.md").touch(), {"grids"}),
        (lambda docs: (docs / "grids/sizing.md").unlink(), {"grids"}),
        (lambda docs: (docs / "grids/sizing.md").rename(docs / "grids/other.md"), {"grids"}),
        (lambda docs: (docs / "grids/sizing.md").rename(docs / "charts/sizing.md"), {"grids", "charts"}),
        (lambda docs: shutil.rmtree(docs / "charts"), {"charts"}),
        (lambda docs: (docs / "menus").mkdir() or (docs / "menus/popup.md").touch(), {"menus"}),
        (lambda docs: (docs / "_note.mdx").write_text("another note"), {SHARED}),
        (lambda docs: (docs / "img/a.png").unlink(), {SHARED}),
        (lambda docs: (docs / ".git").mkdir() or (docs / ".git/index").touch(), set()),
        (lambda docs: (docs / "node_modules").mkdir() or (docs / "node_modules/a.md").touch(), set()),
    ],
)
def test_exactly_the_sections_that_a_change_touches_differ(
    docs: Path, act: Callable[[Path], object], changed: set[str]
) -> None:
    before = of(docs)

    act(docs)

    after = of(docs)
    assert {key for key in {*before, *after} if before.get(key) != after.get(key)} == changed
    assert (data_version(before) != data_version(after)) == bool(changed)


def test_what_a_tick_keeps_is_as_long_for_a_thousand_files_of_a_section_as_for_ten(docs: Path) -> None:
    lengths = []
    for count in (10, 1_000):
        for number in range(count):
            (docs / f"grids/page-{number}.md").touch()
        lengths.append(len(observe(SensorCursor(), of(docs), known=(), now=100).dumps()))

    assert lengths[0] == lengths[1]


def test_no_file_is_opened(docs: Path) -> None:
    read = docs / "grids/sizing.md"
    os.utime(read, ns=(1, 1))  # so that a read would show in its time of access

    of(docs)

    assert read.stat().st_atime_ns == 1


def test_a_source_of_one_file_is_followed_too(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page")
    source = Source("guide", "mdx", roots=(page,))
    before = fingerprints(source)

    page.write_text("# Page, longer")

    assert fingerprints(source).keys() == before.keys() == {"_root", SHARED}
    assert fingerprints(source)["_root"] != before["_root"]


def test_a_link_to_nowhere_and_a_name_that_is_no_utf8_are_files_like_others(docs: Path) -> None:
    (docs / "grids/link.md").symlink_to(docs / "nowhere.md")
    Path(os.fsdecode(os.fsencode(docs / "grids") + b"/\xff.png")).touch()

    assert set(of(docs)) == {"_root", "grids", "charts", SHARED}


def test_a_source_that_cannot_be_listed_has_none(tmp_path: Path) -> None:
    with pytest.raises(ListingError, match="Cannot list"):
        of(tmp_path / "missing")
