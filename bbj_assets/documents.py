"""The records that travel from a source to the index: Item, Document, Chunk, and the vectors of chunks.

    Item ──parse──▶ Document ──chunk──▶ Chunk

They are frozen and hold plain data, because worker processes send them to each other.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:  # every command imports this module, and NumPy alone takes a tenth of a second
    import numpy as np
    from numpy.typing import NDArray

Vectors: TypeAlias = "NDArray[np.float32]"
"""One row for each text: shape (texts, dimensions), float32."""

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


@dataclass(frozen=True, slots=True)
class Item:
    """One raw thing that a source lists; most items become one document, a Javadoc package becomes many.

    Attributes:
        key: unique over all sources and stable, in the form of a source_url (`mdx-dwc://intro/setup.md`).
        partition: the section of the source that it belongs to, as a Dagster partition key.
        root: the absolute folder that the source is read from.
        path: where it is below `root`, with `/` on every platform.
        problem: why its newest state could not be had (a page that answers 500); what is stored of it stays.
        etag: of a page of the web, as its server gave it.
        last_modified: likewise.
    """

    key: str
    partition: str
    root: Path
    path: str
    problem: str | None = None
    etag: str | None = None
    last_modified: str | None = None

    @property
    def file(self) -> Path:
        """The absolute path of the item."""
        return self.root / self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One page as a reader knows it, in Markdown (or as BBj program text).

    A parser fills what it knows; `enrichment.enrich` fills an empty `doc_type`, `generations` and
    `display_url` from the tables.

    Attributes:
        source_url: the natural key (sources.toml explains the schemes).
        title: without markup; never empty. A leading level-one heading that says just this is not
            repeated in `content`.
        content: what is to be chunked. NUL never occurs in it.
        format: `markdown`, or `bbj` for program text that is chunked by its own structure.
        doc_type: `api-reference`, `tutorial`, ... or empty while unknown.
        generations: the BBj generations that it speaks of, or empty while unknown.
        section_path: the breadcrumb, outermost first, without the title itself.
        metadata: whatever else the parser knows and a reader may ask for.
    """

    source_url: str
    title: str
    content: str
    format: Literal["markdown", "bbj"] = "markdown"
    doc_type: str = ""
    generations: tuple[str, ...] = ()
    deprecated: bool = False
    display_url: str | None = None
    section_path: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document that is embedded and found as one.

    Attributes:
        ordinal: position in the document, from 0.
        content: Markdown, readable by itself (fences closed, table headers repeated).
        context_header: `section path > title > heading`, embedded together with the content.
        token_count: the estimate of `chunking.estimate_tokens` for `embedded_text`.
    """

    ordinal: int
    content: str
    context_header: str
    token_count: int

    @property
    def embedded_text(self) -> str:
        """The text that the embedder is given; a vector is a function of (model, this text)."""
        return embedded_text(self.context_header, self.content)

    @property
    def content_hash(self) -> bytes:
        """SHA-256 of `embedded_text` in UTF-8, 32 bytes: the key of its vector."""
        return hashlib.sha256(self.embedded_text.encode()).digest()


def embedded_text(context_header: str, content: str) -> str:
    """The one rule for what text of a chunk is embedded."""
    return f"{context_header}\n\n{content}"
