"""Reading the files of a source, and the dependencies recorded for them."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.sources.files import MAX_FILE_BYTES, MISSING, SourceFiles, resolve


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "shared").mkdir(parents=True)
    (tmp_path / "docs" / "shared" / "note.md").write_bytes(b"a note")
    (tmp_path / "secret.md").write_bytes(b"not documentation")
    return tmp_path / "docs"


def test_a_file_that_was_read_is_a_dependency_with_its_hash(root: Path) -> None:
    files = SourceFiles(root)

    assert files.read("shared/note.md") == b"a note"
    assert files.dependencies == {"shared/note.md": hashlib.sha256(b"a note").hexdigest()}


def test_peek_records_no_dependency(root: Path) -> None:
    files = SourceFiles(root)

    assert files.peek("shared/note.md") == b"a note"
    assert files.peek("shared/gone.md") is None
    assert files.dependencies == {}


def test_a_path_out_of_the_root_is_missing(root: Path) -> None:
    (root / "out.md").symlink_to(root.parent / "secret.md")
    (root / "outside").symlink_to(root.parent)
    paths = ["../secret.md", "shared/../../secret.md", str(root.parent / "secret.md"), "out.md", "outside/secret.md"]
    files = SourceFiles(root)

    assert [files.read(path) for path in paths] == [None] * len(paths)
    assert files.dependencies == dict.fromkeys(paths, MISSING)


def test_an_unreadable_path_is_missing_and_a_dependency(root: Path) -> None:
    (root / "circle.md").symlink_to(root / "circle.md")
    with (root / "huge.md").open("wb") as huge:
        huge.truncate(MAX_FILE_BYTES + 1)
    paths = ["shared/gone.md", "shared", "circle.md", "huge.md", "nul\0.md", "x" * 5000]
    files = SourceFiles(root)

    assert [files.read(path) for path in paths] == [None] * len(paths)
    assert files.dependencies == dict.fromkeys(paths, MISSING)


def test_a_link_inside_the_root_is_read(root: Path) -> None:
    (root / "alias.md").symlink_to(root / "shared" / "note.md")

    assert SourceFiles(root).read("alias.md") == b"a note"


@pytest.mark.parametrize(
    ("relative_to", "reference", "path"),
    [
        ("guide/setup.md", "./_note.md", "guide/_note.md"),
        ("guide/setup.md", "_note.md", "guide/_note.md"),
        ("guide/setup.md", "../shared/_note.md", "shared/_note.md"),
        ("guide/setup.md", "/shared/_note.md", "shared/_note.md"),
        ("guide/setup.md", "a/../b/./c.md", "guide/b/c.md"),
        ("setup.md", "_note.md", "_note.md"),
        ("setup.md", "../_note.md", None),
        ("guide/setup.md", "../../_note.md", None),
        ("guide/setup.md", "/../_note.md", None),
        ("guide/setup.md", "no\0te.md", None),
    ],
)
def test_a_reference_is_resolved_against_its_file(relative_to: str, reference: str, path: str | None) -> None:
    assert resolve(relative_to, reference) == path


@given(st.lists(st.sampled_from([".", "..", "a", "b", ""]), max_size=8).map("/".join))
def test_a_reference_never_leaves_the_root(reference: str) -> None:
    path = resolve("guide/deep/page.md", reference)

    assert path is None or (not path.startswith("/") and not {".", ".."} & set(path.split("/")))
