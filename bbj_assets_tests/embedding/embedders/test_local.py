import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import BertWordPieceTokenizer

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders.local import WINDOW_TOKENS, LocalEmbedder, Window, micro_batches, windows_of
from bbj_assets.errors import TextRejected
from bbj_assets_tests.embedding.embedders.numpy_bert import NumpyBert

EmbedOnce = Callable[[LocalEmbedder, Sequence[str]], Vectors]

REFERENCE = json.loads(Path(__file__).with_name("minilm_reference.json").read_text(encoding="utf-8"))["texts"]
TEXTS = [entry["text"] for entry in REFERENCE]
SENTENCE = "the window opens and a button in it closes the file that was read before"
WORDS = SENTENCE.split()


def cosines(some: Vectors, others: Vectors) -> NDArray[np.float64]:
    """Return the cosine of each pair of rows."""
    products: NDArray[np.float64] = np.einsum("ij,ij->i", some.astype(np.float64), others.astype(np.float64))
    return products


@pytest.fixture
def embedder(weights: Path, shared_home: Path) -> LocalEmbedder:
    return LocalEmbedder(weights=weights, home=shared_home)


def test_vectors_agree_with_pytorch(embedder: LocalEmbedder, embed_once: EmbedOnce) -> None:
    expected = np.array([np.frombuffer(base64.b64decode(entry["vector"]), dtype="<f4") for entry in REFERENCE])
    vectors = embed_once(embedder, TEXTS)
    assert vectors.dtype == np.float32
    assert np.abs(vectors - expected).max() < 1e-5
    assert cosines(vectors, expected).min() > 0.999999


def test_a_long_text_is_the_mean_over_the_tokens_of_its_windows(
    embedder: LocalEmbedder, embed_once: EmbedOnce, weights: Path
) -> None:
    text = " ".join(WORDS * 35)  # 525 words, which are 525 tokens: windows of 262 and 263
    [vector] = embed_once(embedder, [text])

    tokens = BertWordPieceTokenizer(str(weights / "vocab.txt")).encode(text, add_special_tokens=False).ids
    assert len(tokens) == 525
    bert = NumpyBert(weights / "model.safetensors")
    states = np.vstack([bert.hidden_states([101, *part, 102]) for part in (tokens[:262], tokens[262:])])
    mean = states.mean(axis=0)
    assert np.abs(vector - mean / np.linalg.norm(mean)).max() < 1e-5


@pytest.mark.parametrize("tokens", [300, 520, 1100])
def test_the_end_of_a_long_text_counts(embedder: LocalEmbedder, embed_once: EmbedOnce, tokens: int) -> None:
    start = (WORDS * tokens)[: tokens - 4]
    one, other = embed_once(
        embedder, [" ".join([*start, *end.split()]) for end in ("sales tax report", "blue whale song")]
    )
    assert cosines(one[None], other[None])[0] < 0.9999


def test_a_vector_depends_on_neither_batch_nor_order(
    embedder: LocalEmbedder, weights: Path, shared_home: Path, embed_once: EmbedOnce
) -> None:
    texts = [*TEXTS, *(" ".join(WORDS[: 1 + n % 13] * n) for n in (1, 2, 3, 5, 8, 13, 21, 40))]
    order = np.random.default_rng(7).permutation(len(texts))
    together = embed_once(embedder, texts)
    shuffled = embed_once(LocalEmbedder(weights=weights, home=shared_home), [texts[i] for i in order])

    async def one_by_one() -> Vectors:
        single = LocalEmbedder(weights=weights, home=shared_home)
        vectors = await asyncio.gather(*(single.embed([text]) for text in texts))
        await single.aclose()
        return np.vstack(vectors)

    assert cosines(together[order], shuffled).min() > 0.999999
    assert cosines(together, asyncio.run(one_by_one())).min() > 0.999999
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


def test_without_texts_there_are_no_vectors(embedder: LocalEmbedder, embed_once: EmbedOnce) -> None:
    assert embed_once(embedder, []).shape == (0, 384)


def test_invalid_unicode_is_refused(embedder: LocalEmbedder, embed_once: EmbedOnce) -> None:
    with pytest.raises(TextRejected, match="Text 2 of 2"):
        embed_once(embedder, ["fine", "half \ud83c"])


def test_the_event_loop_stays_free(embedder: LocalEmbedder) -> None:
    async def ticks_meanwhile() -> int:
        await embedder.embed(["load the model"])
        work = asyncio.create_task(embedder.embed([" ".join(WORDS * 30)] * 8))
        ticks = 0
        while not work.done():
            await asyncio.sleep(0.001)
            ticks += 1
        await embedder.aclose()
        return ticks

    assert asyncio.run(ticks_meanwhile()) > 20


def test_cancelling_a_call_while_the_model_loads_does_not_cancel_the_loading(embedder: LocalEmbedder) -> None:
    async def embed_after_a_cancelled_call() -> Vectors:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(embedder.embed(["x"]), 0)
        try:
            return await embedder.embed(["x"])
        finally:
            await embedder.aclose()

    assert asyncio.run(embed_after_a_cancelled_call()).shape == (1, 384)


@given(st.integers(0, 5000))
def test_windows_are_few_equal_and_complete(count: int) -> None:
    tokens = list(range(1000, 1000 + count))
    windows = windows_of(3, tokens)
    lengths = [len(window.ids) - 2 for window in windows]
    assert [token for window in windows for token in window.ids[1:-1]] == tokens
    assert all((window.row, window.ids[0], window.ids[-1]) == (3, 101, 102) for window in windows)
    assert max(lengths) <= WINDOW_TOKENS
    assert max(lengths) - min(lengths) <= 1
    assert len(windows) == max(1, -(-count // WINDOW_TOKENS))


@given(st.lists(st.integers(2, 512), max_size=80), st.integers(512, 2048))
def test_micro_batches_contain_each_window_once_within_the_budget(lengths: list[int], budget: int) -> None:
    windows = [Window(row, [0] * length) for row, length in enumerate(lengths)]
    batches = list(micro_batches(windows, budget))
    assert sorted(window.row for batch in batches for window in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(len(window.ids) for window in batch) <= budget for batch in batches)
    flat = [len(window.ids) for batch in batches for window in batch]
    assert all(longer >= shorter for longer, shorter in pairwise(flat))
