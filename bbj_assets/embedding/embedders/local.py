"""The embedder that needs no server: all-MiniLM-L6-v2 on ONNX Runtime, in this process.

It is the default, so that a fresh machine builds and searches an index with nothing to set up. Its vectors are those
of sentence-transformers for texts of up to 256 tokens. Beyond that sentence-transformers cuts, and this does not:
the model has positions for 512 tokens, and a longer text is read in windows of equal length, each with its own [CLS]
and [SEP]. Its vector is the mean over the tokens of all of them.

Measured on two cores of an AMD EPYC without AVX-512, 160 texts of about 250 tokens. A text needs 5.9 GFLOP, and a core
of this machine multiplies large matrices at 70 GFLOP/s, so that 84 ms of one core would be perfect:

    threads                        tokens at once   texts/s   CPU a text
    one a core, batches each                  512        22        92 ms
    one a core, batches each                4,096        16       117 ms
    two that share each batch                 512        20       100 ms
    two that share each batch               4,096        16       117 ms
    two that share each batch              16,384        10       180 ms

So batches are cut into micro-batches that stay in the cache of a core, and no core waits for another. Sorted by length
they hold next to no padding, and the memory of a run does not depend on how many texts come in.
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

from bbj_assets.embedding.embedders.embedder import Vectors, checked, refuse_unencodable
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
    """What the model reads at once: some tokens of one text, [CLS] and [SEP] included."""

    row: int
    ids: Sequence[int]


def windows_of(row: int, tokens: Sequence[int]) -> list[Window]:
    """The windows of one text: as few as possible, of equal length, without overlap.

    Equal, because the four tokens that would be left over from a text of 514 mean little to the model on their own.
    """
    count = max(1, ceil(len(tokens) / WINDOW_TOKENS))
    cuts = [len(tokens) * part // count for part in range(count + 1)]
    return [Window(row, [_CLS, *tokens[start:end], _SEP]) for start, end in pairwise(cuts)]


def micro_batches(windows: Sequence[Window], budget: int = _MICRO_BATCH_TOKENS) -> Iterator[list[Window]]:
    """The windows sorted by length, the longest first, in groups of at most `budget` tokens, padding included."""
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
        """One at a time: tokenizing is under 1 % of the work, and its own threads would disturb the rest."""
        return [
            window
            for row, text in enumerate(texts)
            for window in windows_of(row, self.tokenizer.encode(text, add_special_tokens=False).ids)
        ]

    def sums(self, batch: Sequence[Window]) -> Vectors:
        """The hidden states of each window added up: shape (windows, 384)."""
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

    The model is loaded in the background from the moment that the object is there.
    """

    default_model = MODEL
    max_concurrency = 2
    """The second call keeps the cores busy while the first one finishes its last micro-batches."""

    def __init__(self, package: Path, home: Path) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(max_workers=cores, thread_name_prefix="embedded")
        # Hashing the cache and importing ONNX Runtime are a tenth of a second each, and can be done at once.
        graph = self._threads.submit(cached_graph, package, home)
        self._model: Future[_Model] = self._threads.submit(_load, package, graph)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As configured.

        Raises:
            EmbedderMisconfigured: another model is asked for, or the weights are not installed.
        """
        if settings.embedding_model not in (None, MODEL):
            raise EmbedderMisconfigured(
                f"The embedded model is {MODEL}, and BBJ_ASSETS_EMBEDDING_MODEL asks for "
                f"{settings.embedding_model!r}. Unset it, or set BBJ_ASSETS_EMBEDDER to ollama or openai."
            )
        return cls(model_folder(), settings.home)

    @property
    def model(self) -> str:
        """The name under which its vectors are stored."""
        return MODEL

    async def embed(
        self,
        texts: Sequence[str],
        on_answer: Callable[[], None] = lambda: None,  # noqa: ARG002 - no server answers
    ) -> Vectors:
        """One vector a text, in order, of length 1: shape (texts, 384).

        Raises:
            TextRejected: a text is not valid Unicode.
            EmbedderMisconfigured: the weights are missing or not the right ones, or cannot be cached.
        """
        refuse_unencodable(texts)
        # Shielded, because who gives up waiting for the model must not take it from the others.
        model = await asyncio.shield(asyncio.wrap_future(self._model))
        loop = asyncio.get_running_loop()
        windows = await loop.run_in_executor(self._threads, model.windows, texts)
        batches = list(micro_batches(windows))
        sums = await asyncio.gather(*(loop.run_in_executor(self._threads, model.sums, batch) for batch in batches))
        vectors: Vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for batch, rows in zip(batches, sums, strict=True):
            np.add.at(vectors, [window.row for window in batch], rows)
        # A mean is the sum divided by the count, and what it is divided by is lost in the normalisation.
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return checked(vectors, texts, DIMENSIONS)

    async def aclose(self) -> None:
        """End the threads, after what they are at."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)


def _load(package: Path, graph: Future[Path]) -> _Model:
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(verified(package / "tokenizer.json", TOKENIZER_SHA256).decode())
    # The file says to cut at 128 tokens and to fill up to 128. That is what its author trained with.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_mem_pattern = False  # a plan kept for every shape, where hardly two shapes are equal
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(graph.result()), options, providers=["CPUExecutionProvider"])
    return _Model(tokenizer, session)
