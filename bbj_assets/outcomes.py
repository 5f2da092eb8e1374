"""What comes of an item: its content, or its failure. Plain records, because worker processes send them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bbj_assets.documents import Chunk, Document

FailureStage = Literal["parse", "embed"]

LEFT_ALONE = "It is left alone until it changes; `bbj-ingest-all --retry-failed` tries it anyway."
"""Ends the error of an item or text that has done harm too often."""

_MAX_ERROR = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemContent:
    """The content of a parsed item. It replaces everything that is stored of the item.

    Attributes:
        content_sha256: the SHA-256 of the raw bytes that were parsed.
        dependencies: the other files that were read, `{path: sha256}`.
        documents: each document with its chunks; empty for an item without a page of its own.
        etag: as in `Item`.
        last_modified: as in `Item`.
    """

    key: str
    source: str
    partition_key: str
    content_sha256: bytes
    code_version: str
    dependencies: Mapping[str, str]
    documents: Sequence[tuple[Document, Sequence[Chunk]]]
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An item that could not be parsed, or a text that could not be embedded.

    Attributes:
        item: the item's key if the stage is `parse`, the chunk's content hash in hex if it is `embed`.
        input: a hash of the item as it was when it killed or hung its parser; None for other failures.
        source_url: a page to show to a reader. For `parse` the item's key, which is a page's URL where the item is
            one page; for `embed` one of the pages with the text, None if no page has it any more.
        model: the model that has no vector for the text; None if the stage is `parse`.
    """

    stage: FailureStage
    item: str
    source: str
    partition_key: str
    error_type: str
    error: str
    attempts: int = 1
    input: bytes | None = None
    source_url: str | None = None
    model: str | None = None

    @classmethod
    def of_item(
        cls,
        *,
        key: str,
        source: str,
        partition_key: str,
        error: Exception,
        input: bytes | None = None,  # noqa: A002
    ) -> "Failure":
        """Return the failure of an item that could not be parsed or stored."""
        return cls(
            stage="parse",
            item=key,
            source=source,
            partition_key=partition_key,
            error_type=type(error).__name__,
            error=_message(error),
            input=input,
            source_url=key,
        )

    @classmethod
    def of_text(
        cls, *, content_hash: bytes, source: str, partition_key: str, error: Exception, model: str, source_url: str
    ) -> "Failure":
        """Return the failure of a text that could not be embedded."""
        return cls(
            stage="embed",
            item=content_hash.hex(),
            source=source,
            partition_key=partition_key,
            error_type=type(error).__name__,
            error=_message(error),
            source_url=source_url,
            model=model,
        )


Outcome = ItemContent | Failure


def _message(error: Exception) -> str:
    """Return an error's message in a form that PostgreSQL can hold, or its type if it has none."""
    text = str(error).replace("\0", "\\0").encode(errors="backslashreplace").decode()[:_MAX_ERROR]
    return text or type(error).__name__
