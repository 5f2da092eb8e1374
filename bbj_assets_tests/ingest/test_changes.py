"""A listing and a store are split into items to parse, unchanged items and deleted items."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbj_assets.documents import Item
from bbj_assets.ingest.changes import find_changes
from bbj_assets.sources.files import MISSING
from bbj_assets.store.documents import StoredItem

NAMES = ["a.md", "b.md", "c.md", "part/d.md", "part/e.md"]
PARTIALS = ["_one.md", "_two.md"]
BYTES = st.sampled_from([b"", b"old", b"new"])


@dataclass
class State:
    """A tree, and what an earlier run has stored of it."""

    files: dict[str, bytes]
    partials: dict[str, bytes]
    unreadable: set[str]
    stored: dict[str, StoredItem]


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


stored_items = st.builds(
    StoredItem,
    partition_key=st.sampled_from(["_root", "part"]),
    content_sha256=BYTES.map(sha256),
    code_version=st.sampled_from(["this", "another"]),
    dependencies=st.dictionaries(st.sampled_from(PARTIALS), st.none() | BYTES, max_size=2).map(
        lambda read: {path: MISSING if content is None else sha256(content).hex() for path, content in read.items()}
    ),
    documents=st.just(1),
)
states = st.builds(
    State,
    files=st.dictionaries(st.sampled_from(NAMES), BYTES),
    partials=st.dictionaries(st.sampled_from(PARTIALS), BYTES),
    unreadable=st.sets(st.sampled_from(NAMES), max_size=1),
    stored=st.dictionaries(st.sampled_from([f"x://{name}" for name in NAMES]), stored_items),
)


@settings(max_examples=150, deadline=None)
@given(states)
def test_a_listed_item_is_parsed_or_unchanged_and_a_stored_item_that_is_not_listed_is_deleted(state: State) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "part").mkdir()
        for path, content in {**state.files, **state.partials}.items():
            if path in state.unreadable:
                (root / path).mkdir()
            else:
                (root / path).write_bytes(content)
        items = [
            Item(f"x://{path}", "part" if path.startswith("part/") else "_root", root, path)
            for path in sorted(state.files)
        ]

        changes = find_changes(iter(items), state.stored, "this")

    def is_unchanged(item: Item) -> bool:
        known = state.stored.get(item.key)
        return (
            known is not None
            and item.path not in state.unreadable
            and known.content_sha256 == sha256(state.files[item.path])
            and (known.code_version, known.partition_key) == ("this", item.partition)
            and all(
                digest == (sha256(state.partials[path]).hex() if path in state.partials else MISSING)
                for path, digest in known.dependencies.items()
            )
        )

    assert changes.unchanged == [item for item in items if is_unchanged(item)]
    assert changes.parse == [item for item in items if not is_unchanged(item)]
    listed = {item.key for item in items}
    assert changes.deleted == {key: known for key, known in state.stored.items() if key not in listed}


def test_the_given_stored_items_are_not_modified(tmp_path: Path) -> None:
    stored = {"x://a.md": StoredItem("_root", sha256(b""), "this", {}, 1)}
    given_items = dict(stored)

    find_changes([Item("x://a.md", "_root", tmp_path, "a.md")], stored, "this")

    assert stored == given_items


@pytest.mark.parametrize("inside", [True, False])
def test_a_dependency_counts_as_a_parse_would_see_it(tmp_path: Path, *, inside: bool) -> None:
    root = tmp_path / "docs"
    root.mkdir()
    (root / "a.md").write_bytes(b"page")
    (tmp_path / "note.md").write_bytes(b"note")
    (root / "note.md").write_bytes(b"note")
    (root / "link.md").symlink_to((root if inside else tmp_path) / "note.md")
    recorded = sha256(b"note").hex() if inside else MISSING
    stored = {"x://a.md": StoredItem("_root", sha256(b"page"), "this", {"link.md": recorded}, 1)}

    changes = find_changes([Item("x://a.md", "_root", root, "a.md")], stored, "this")

    assert [item.key for item in changes.unchanged] == ["x://a.md"]
