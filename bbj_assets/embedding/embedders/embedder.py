"""The protocol of an embedder, and the checks of its input and of the vectors before they are stored."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from bbj_assets.documents import Vectors
from bbj_assets.errors import EmbedderMisconfigured, EmbedderUnavailable, TextRejected


class Embedder(Protocol):
    """Turns texts into vectors. Implementations: `local`, `ollama`, `openai`."""

    @property
    def model(self) -> str:
        """The name under which its vectors are stored, for example `nomic-embed-text`."""
        ...

    @property
    def max_concurrency(self) -> int | None:
        """The number of concurrent calls beyond which more do not help. None: the server decides."""
        ...

    async def embed(self, texts: Sequence[str], on_answer: Callable[[], None] = lambda: None) -> Vectors:
        """Return one vector for each text, in order. Text is never cut silently.

        Args:
            texts: what to embed.
            on_answer: called when a server starts to answer with vectors: it is then free for the next batch while
                this answer is read. An embedder that computes the vectors itself never calls it.

        Raises:
            TransientEmbeddingError: the same call may succeed later.
            TextRejected: one of the texts cannot be embedded.
            EmbedderMisconfigured: no text can be embedded until the configuration is corrected.
        """
        ...

    async def aclose(self) -> None:
        """Close connections and end threads."""
        ...


def checked(vectors: Vectors, texts: Sequence[str], dimensions: int | None) -> Vectors:
    """Return the same vectors if they may be stored.

    Args:
        vectors: the answer of an embedder, of shape (texts, dimensions).
        texts: the texts that it was asked to embed.
        dimensions: the dimensions of the vectors that are stored already. None: there are none yet.

    Raises:
        EmbedderUnavailable: there is not one vector for each text, so it is unclear which belongs to which.
        EmbedderMisconfigured: the dimensions are not those of the stored vectors.
        TextRejected: a vector contains NaN or infinity, or is all zeros, so that it has no cosine distance.
    """
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise EmbedderUnavailable(f"The embedder returned {len(vectors)} vectors for {len(texts)} texts.")
    if texts and vectors.shape[1] == 0:
        raise EmbedderUnavailable(f"The embedder returned {len(texts)} vectors without any number in them.")
    if texts and dimensions is not None and vectors.shape[1] != dimensions:
        raise EmbedderMisconfigured(
            f"The embedder returned vectors of {vectors.shape[1]} dimensions, but those stored under the name of "
            f"its model have {dimensions}. Another model has this name: set BBJ_ASSETS_EMBEDDING_MODEL to a name "
            "that is unique."
        )
    # The float32 sum of squares may overflow although each number is finite. Such a vector is useless, too.
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
    """Return the rows of numbers of a server's answer as one array of shape (rows, dimensions).

    Raises:
        EmbedderUnavailable: the rows differ in length, or contain something other than numbers.
    """
    if not rows:
        return np.empty((0, 0), dtype=np.float32)
    try:
        return np.array(rows, dtype=np.float32)
    except (ValueError, TypeError):
        lengths = sorted({len(row) for row in rows})
        raise EmbedderUnavailable(
            f"The embedder returned {len(rows)} vectors that do not form a matrix of numbers (row lengths: {lengths})."
        ) from None


def refuse_unencodable(texts: Sequence[str]) -> None:
    """Check that each text can be encoded: half of a surrogate pair has no UTF-8, which tokenizers and servers need.

    Raises:
        TextRejected: a text contains half of a surrogate pair.
    """
    for position, text in enumerate(texts):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise TextRejected(
                f"Text {position + 1} of {len(texts)} contains half of a surrogate pair ({text[error.start]!r} at "
                f"character {error.start}), which is not valid Unicode."
            ) from None
