"""Fusion by rank, as laws."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbj_assets.search.hybrid import ChunkKey, fuse

KEYS = st.tuples(st.sampled_from([f"doc://{letter}" for letter in "abcdefgh"]), st.integers(0, 3))
RANKED = st.lists(KEYS, unique=True, max_size=12)
LISTS = st.lists(RANKED, max_size=3)


def keys(*names: str) -> list[ChunkKey]:
    """`a2` is chunk 2 of document a."""
    return [(f"doc://{name[0]}", int(name[1:] or 0)) for name in names]


def order(lists: Sequence[Sequence[ChunkKey]]) -> list[ChunkKey]:
    return [key for key, _ in fuse(lists)]


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([], []),
        ([[], []], []),
        ([keys("a", "b", "c"), []], keys("a", "b", "c")),
        ([[], keys("a", "b", "c")], keys("a", "b", "c")),
        ([keys("a", "b"), keys("b", "c")], keys("b", "a", "c")),  # in both lists beats first in one
        ([keys("a", "b", "c"), keys("b", "a", "c")], keys("a", "b", "c")),  # a tie goes by the URL
        ([keys("b1", "b2", "b3", "a")], keys("b1", "a")),  # a document once, by its best chunk
        ([keys("b1", "b2", "b3", "a"), keys("c", "a")], keys("a", "b1", "c")),  # b's other chunks push a down nowhere
        ([keys("a1", "b"), keys("b", "a2")], keys("a1", "b")),
        ([keys("b", "a1"), keys("a2", "b")], keys("a2", "b")),  # the chunk that did most for its document
    ],
)
def test_fusion(lists: list[list[ChunkKey]], expected: list[ChunkKey]) -> None:
    assert order(lists) == expected


@given(LISTS)
def test_every_document_is_there_once_with_a_chunk_of_its_own(lists: list[list[ChunkKey]]) -> None:
    fused = order(lists)
    listed = [key for ranked in lists for key in ranked]

    assert sorted(url for url, _ in fused) == sorted({url for url, _ in listed})
    assert set(fused) <= set(listed)


@given(LISTS)
def test_scores_fall_and_are_positive(lists: list[list[ChunkKey]]) -> None:
    scores = [score for _, score in fuse(lists)]

    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)


@given(RANKED)
def test_one_list_keeps_its_order(ranked: list[ChunkKey]) -> None:
    assert [url for url, _ in order([ranked])] == list(dict.fromkeys(url for url, _ in ranked))


@given(RANKED, RANKED)
def test_no_list_counts_more_than_another(one: list[ChunkKey], other: list[ChunkKey]) -> None:
    assert [(url, score) for (url, _), score in fuse([one, other])] == [
        (url, score) for (url, _), score in fuse([other, one])
    ]


@given(LISTS, KEYS)
def test_a_document_in_one_more_list_never_loses_a_place(lists: list[list[ChunkKey]], key: ChunkKey) -> None:
    def place(where: Sequence[Sequence[ChunkKey]]) -> int:
        urls = [url for url, _ in order(where)]
        return urls.index(key[0]) if key[0] in urls else len(urls)

    assert place([*lists, [key]]) <= place(lists)


@given(RANKED, st.integers(0, 11))
def test_a_better_rank_is_never_worse(ranked: list[ChunkKey], position: int) -> None:
    if not ranked:
        return
    url = ranked[position % len(ranked)][0]
    ours = [key for key in ranked if key[0] == url]
    first = ours + [key for key in ranked if key[0] != url]

    assert dict_of(first)[url] >= dict_of(ranked)[url]


def dict_of(ranked: Sequence[ChunkKey]) -> dict[str, float]:
    return {url: score for (url, _), score in fuse([ranked])}
