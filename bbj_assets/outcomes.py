"""What comes of an item: its content, or its failure. Plain records, because worker processes send them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bbj_assets.documents import Chunk, Document

Stage = Literal["parse", "embed"]

_MAX_ERROR = 2000


@dataclass(frozen=True, slots=True)
class ItemContent:
    """An item as it was parsed: what replaces whatever is stored of it.

    Attributes:
        content_sha256: of the raw bytes that were parsed.
        dependencies: the other files that were read, `{path: sha256}`.
        documents: each with its chunks; none for an item that is no page of its own.
        etag: as in `Item`, and `last_modified`.
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


@dataclass(frozen=True, slots=True)
class Failure:
    """One item that failed in this run.

    Attributes:
        item: for `parse` the item's key, for `embed` the chunk's content hash in hex.
        input: of an item that killed or hung its parser a hash of what it was then; None of other failures.
        source_url: where a reader finds it: of a text a page that it stands in, None if none has it any more;
            of an item its key, which is a page's URL where the item is one page.
        model: of a text the one that has no vector for it; '' of an item.
    """

    stage: Stage
    item: str
    source: str
    partition_key: str
    error_type: str
    error: str
    attempts: int = 1
    input: bytes | None = None
    source_url: str | None = None
    model: str = ""

    @classmethod
    def of(
        cls,
        stage: Stage,
        item: str,
        source: str,
        partition_key: str,
        error: Exception,
        *,
        parsed: bytes | None = None,
        source_url: str | None = None,
        model: str = "",
    ) -> "Failure":
        """The failure that an exception means; `parsed` is its `input`."""
        text = str(error).replace("\0", "\\0").encode(errors="backslashreplace").decode()[:_MAX_ERROR]
        name = type(error).__name__
        url = item if stage == "parse" else source_url
        return cls(stage, item, source, partition_key, name, text or name, input=parsed, source_url=url, model=model)


Outcome = ItemContent | Failure
