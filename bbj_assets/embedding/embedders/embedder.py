"""What an embedder is, and the check that every vector passes before it is stored."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bbj_assets.errors import EmbedderMisconfigured, EmbedderUnavailable, TextRejected

Vectors = NDArray[np.float32]
"""One row a text: shape (texts, dimensions), float32."""


class Embedder(Protocol):
    """Turns texts into vectors. Implementations: `embedded`, `ollama`, `openai`."""

    @property
    def model(self) -> str:
        """The name under which its vectors are stored, for example `nomic-embed-text`."""
        ...

    @property
    def max_concurrency(self) -> int | None:
        """How many calls at once help; None when the server decides."""
        ...

    async def embed(self, texts: Sequence[str], on_answer: Callable[[], None] = lambda: None) -> Vectors:
        """One vector a text, in order. Text is never cut silently.

        Args:
            on_answer: called when a server begins to answer with vectors, so that it is free for the next batch while
                this answer is read; never called by an embedder that computes them here.

        Raises:
            TransientEmbeddingError: worth trying again.
            TextRejected: one of the texts cannot be embedded.
            EmbedderMisconfigured: no text can.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections and threads."""
        ...


def checked(vectors: Vectors, texts: Sequence[str], dimensions: int | None) -> Vectors:
    """The same vectors, once they are known to be fit for storing.

    Args:
        vectors: what an embedder answered.
        texts: what it was asked.
        dimensions: of the vectors that are stored already; None while there are none.

    Raises:
        EmbedderUnavailable: there is not one vector for each text, so none can be trusted to be the right one.
        EmbedderMisconfigured: they have other dimensions than the stored ones.
        TextRejected: a vector has a NaN or an infinity, or is all zeros, which have no cosine distance.
    """
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise EmbedderUnavailable(f"The embedder answered {len(vectors)} vectors for {len(texts)} texts.")
    if texts and vectors.shape[1] == 0:
        raise EmbedderUnavailable(f"The embedder answered {len(texts)} vectors without any number in them.")
    if texts and dimensions is not None and vectors.shape[1] != dimensions:
        raise EmbedderMisconfigured(
            f"The embedder answered vectors of {vectors.shape[1]} dimensions, but those stored under the name of "
            f"its model have {dimensions}. Another model answers to this name: set BBJ_ASSETS_EMBEDDING_MODEL to a "
            "name that says which."
        )
    # A float32 sum of squares may overflow for finite numbers, and those are as useless as infinite ones.
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.einsum("ij,ij->i", vectors, vectors)
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0.0))
    if bad.size:
        first = int(bad[0])
        raise TextRejected(
            f"The embedder has no usable vector (NaN, infinite or zero) for {bad.size} of {len(texts)} texts; the "
            f"first one begins {texts[first][:60]!r}."
        )
    return vectors


def as_vectors(rows: Sequence[Sequence[float]]) -> Vectors:
    """Rows of numbers, as a server answers them, as one array.

    Raises:
        EmbedderUnavailable: they are not all of one length, or not all numbers.
    """
    if not rows:
        return np.empty((0, 0), dtype=np.float32)
    try:
        return np.array(rows, dtype=np.float32)
    except (ValueError, TypeError):
        lengths = sorted({len(row) for row in rows})
        raise EmbedderUnavailable(
            f"The embedder answered {len(rows)} vectors that are no matrix of numbers (row lengths: {lengths})."
        ) from None


def refuse_unencodable(texts: Sequence[str]) -> None:
    """Half of a surrogate pair is no character: it has no UTF-8, so neither a tokenizer nor a server takes it.

    Raises:
        TextRejected: a text holds one.
    """
    for position, text in enumerate(texts):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise TextRejected(
                f"Text {position + 1} of {len(texts)} holds half of a surrogate pair ({text[error.start]!r} at "
                f"character {error.start}), which is not valid Unicode."
            ) from None
