"""The records that travel from a source to the index: Item, Document, Chunk, and the vectors of chunks.

    Item ──parse──▶ Document ──chunk──▶ Chunk

They are frozen and hold plain data, because they are sent between processes.
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
    """A raw item that a source lists. Most items become one document; a Javadoc package becomes many.

    Attributes:
        key: stable and unique across all sources, in the form of a source_url (`mdx-dwc://intro/setup.md`).
        partition: the section of the source that it belongs to, as a Dagster partition key.
        root: the absolute folder that the source is read from.
        path: its path below `root`, with `/` on every platform.
        problem: why its current state could not be fetched (a page that answers 500); what is stored stays.
        etag: the ETag that the server sent for a web page.
        last_modified: the Last-Modified that the server sent for a web page.
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
        """Return the absolute path of the item."""
        return self.root / self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A page as a reader knows it, in Markdown or as BBj program text.

    A parser sets the fields that the format determines; `enrichment.enrich` fills an empty `doc_type`,
    `generations` and `display_url` from its tables.

    Attributes:
        source_url: the natural key (sources.toml explains the schemes).
        title: without markup; never empty. `content` does not repeat it as a leading level-one heading.
        content: the text to chunk. Never contains NUL.
        format: `markdown`, or `bbj` for program text, which is chunked by its own structure.
        doc_type: `api-reference`, `tutorial`, ...; empty while unknown.
        generations: the BBj generations that it applies to; empty while unknown.
        deprecated: whether its authors marked it as deprecated or superseded.
        display_url: the URL that a reader opens; None if it has no page.
        section_path: the breadcrumb, outermost first, without the title itself.
        metadata: further facts from the parser that a reader may need.
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
    """A part of a document that is embedded and found as a unit.

    Attributes:
        ordinal: position in the document, from 0.
        content: Markdown, readable on its own (fences closed, table headers repeated).
        context_header: `section path > title > heading`, embedded together with the content.
        token_count: the estimate by `chunking.estimate_tokens` for `embedded_text`.
    """

    ordinal: int
    content: str
    context_header: str
    token_count: int

    @property
    def embedded_text(self) -> str:
        """Return the text that is embedded; a vector is a function of (model, this text)."""
        return embedded_text(self.context_header, self.content)

    @property
    def content_hash(self) -> bytes:
        """Return the SHA-256 of `embedded_text` in UTF-8, 32 bytes: the key of its vector."""
        return hashlib.sha256(self.embedded_text.encode()).digest()


def embedded_text(context_header: str, content: str) -> str:
    """Return the text of a chunk that is embedded. This is the only place that defines it."""
    return f"{context_header}\n\n{content}"
