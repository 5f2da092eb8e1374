"""The local embedder, which needs no server: all-MiniLM-L6-v2 on ONNX Runtime, in this process.

It is the default, so a fresh machine builds and searches an index without any setup. For texts of up to 256 tokens its
vectors equal those of sentence-transformers. Longer texts are cut there, but not here: the model has positions for 512
tokens, and a longer text is read in windows of equal length, each with its own [CLS] and [SEP]. Its vector is the mean
over the tokens of all windows.

Measured on two cores of an AMD EPYC without AVX-512, with 160 texts of about 250 tokens. A text needs 5.9 GFLOP, and a
core of this machine multiplies large matrices at 70 GFLOP/s, so 84 ms of one core is the lower bound:

    threads                        tokens at once   texts/s   CPU a text
    one per core, own batches                 512        22        92 ms
    one per core, own batches               4,096        16       117 ms
    two, sharing each batch                   512        20       100 ms
    two, sharing each batch                 4,096        16       117 ms
    two, sharing each batch                16,384        10       180 ms

So batches are cut into micro-batches that stay in the cache of a core, and no core waits for another. They are sorted
by length, so they contain hardly any padding. The memory of a run does not depend on the number of texts.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders.embedder import checked, refuse_unencodable
from bbj_assets.embedding.embedders.minilm_cache import cached_graph
from bbj_assets.embedding.embedders.minilm_graph import DIMENSIONS
from bbj_assets.embedding.embedders.minilm_weights import TOKENIZER_SHA256, model_folder, verified
from bbj_assets.errors import EmbedderMisconfigured
from bbj_assets.settings import Settings

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

MODEL = "all-MiniLM-L6-v2"
WINDOW_TOKENS = 510
"""The positions of the model, without those of [CLS] and [SEP]."""

_CLS, _SEP = 101, 102
_MICRO_BATCH_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Window:
    """The input of one pass of the model: consecutive tokens of one text, between [CLS] and [SEP].

    Attributes:
        row: the position of the text in its batch.
        ids: the tokens, including [CLS] and [SEP].
    """

    row: int
    ids: Sequence[int]


def windows_of(row: int, tokens: Sequence[int]) -> list[Window]:
    """Return the windows of one text: as few as possible, of equal length, without overlap.

    Equal, because otherwise a text of 514 tokens would leave a window of four, and four tokens alone mean little to the
    model.
    """
    count = max(1, ceil(len(tokens) / WINDOW_TOKENS))
    cuts = [len(tokens) * part // count for part in range(count + 1)]
    return [Window(row, [_CLS, *tokens[start:end], _SEP]) for start, end in pairwise(cuts)]


def micro_batches(windows: Sequence[Window], budget: int = _MICRO_BATCH_TOKENS) -> Iterator[list[Window]]:
    """Yield the windows, longest first, in groups of at most `budget` tokens including padding."""
    batch: list[Window] = []
    for window in sorted(windows, key=lambda window: len(window.ids), reverse=True):
        if batch and len(batch[0].ids) * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Model:
    tokenizer: "Tokenizer"
    session: "InferenceSession"

    def windows(self, texts: Sequence[str]) -> list[Window]:
        """Return the windows of all texts.

        One text at a time: tokenizing is under 1 % of the work, and its own threads would slow the rest down.
        """
        return [
            window
            for row, text in enumerate(texts)
            for window in windows_of(row, self.tokenizer.encode(text, add_special_tokens=False).ids)
        ]

    def sums(self, batch: Sequence[Window]) -> Vectors:
        """Return the sum of the hidden states of each window: shape (windows, 384)."""
        longest = len(batch[0].ids)
        ids: NDArray[np.int32] = np.zeros((len(batch), longest), dtype=np.int32)
        mask: NDArray[np.int32] = np.zeros_like(ids)
        for line, window in enumerate(batch):
            ids[line, : len(window.ids)] = window.ids
            mask[line, : len(window.ids)] = 1
        [sums] = self.session.run(["sums"], {"ids": ids, "mask": mask})
        return np.asarray(sums, dtype=np.float32)


class LocalEmbedder:
    """all-MiniLM-L6-v2 in this process, in threads of its own, so that the event loop stays free.

    Creating the embedder starts to load the model in the background.

    Args:
        weights: the folder that contains `model.safetensors` and `tokenizer.json`.
        home: BBJ_ASSETS_HOME, where the graph is cached.
    """

    default_model = MODEL
    max_concurrency = 2
    """The second call keeps the cores busy while the first one finishes its last micro-batches."""

    def __init__(self, *, weights: Path, home: Path) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(max_workers=cores, thread_name_prefix="local-embedder")
        # Hashing the cache and importing ONNX Runtime take a tenth of a second each, and run in parallel.
        graph = self._threads.submit(cached_graph, weights=weights, home=home)
        self._model: Future[_Model] = self._threads.submit(_load, weights, graph)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the embedder that is configured.

        Raises:
            EmbedderMisconfigured: another model is configured, or the weights are not installed.
        """
        if settings.embedding_model not in (None, MODEL):
            raise EmbedderMisconfigured(
                f"The model of the local embedder is {MODEL}, and BBJ_ASSETS_EMBEDDING_MODEL asks for "
                f"{settings.embedding_model!r}. Unset it, or set BBJ_ASSETS_EMBEDDER to ollama or openai."
            )
        return cls(weights=model_folder(), home=settings.home)

    @property
    def model(self) -> str:
        """The name under which its vectors are stored."""
        return MODEL

    async def embed(
        self,
        texts: Sequence[str],
        on_answer: Callable[[], None] = lambda: None,  # noqa: ARG002 - there is no server
    ) -> Vectors:
        """Return one vector of length 1 for each text, in order: shape (texts, 384).

        Raises:
            TextRejected: a text is not valid Unicode.
            EmbedderMisconfigured: the weights are missing or not the right ones, or cannot be cached.
        """
        refuse_unencodable(texts)
        # Shielded: a call that is cancelled while the model loads must not cancel the loading for the others.
        model = await asyncio.shield(asyncio.wrap_future(self._model))
        loop = asyncio.get_running_loop()
        windows = await loop.run_in_executor(self._threads, model.windows, texts)
        batches = list(micro_batches(windows))
        sums = await asyncio.gather(*(loop.run_in_executor(self._threads, model.sums, batch) for batch in batches))
        vectors: Vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for batch, rows in zip(batches, sums, strict=True):
            np.add.at(vectors, [window.row for window in batch], rows)
        # The mean is the sum divided by the count, and a positive factor is lost in the normalisation.
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return checked(vectors, texts, DIMENSIONS)

    async def aclose(self) -> None:
        """End the threads when their current work is done."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)


def _load(weights: Path, graph: Future[Path]) -> _Model:
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(verified(weights / "tokenizer.json", TOKENIZER_SHA256).decode())
    # The file cuts and pads to 128 tokens, the length that its author trained with.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_mem_pattern = False  # it keeps a plan for every shape, and hardly any shape occurs twice
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(graph.result()), options, providers=["CPUExecutionProvider"])
    return _Model(tokenizer, session)
