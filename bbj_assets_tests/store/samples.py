"""Parsed items and failures, made of a few words."""

from collections.abc import Mapping

from bbj_assets.documents import Chunk, Document
from bbj_assets.errors import ParseError, TextRejected
from bbj_assets.outcomes import Failure, ItemContent


def document(url: str, **fields: object) -> Document:
    given = {"title": "A page", "doc_type": "tutorial", "generations": ("dwc",), **fields}
    return Document(source_url=url, content="", **given)  # type: ignore[arg-type]


def chunks(*texts: str) -> list[Chunk]:
    return [Chunk(ordinal, text, "A page", 4) for ordinal, text in enumerate(texts)]


def parse_failure(key: str, *, source: str = "docs", partition: str = "_root") -> Failure:
    return Failure.of_item(key=key, source=source, partition_key=partition, error=ParseError("bad"))


def text_failure(text: str, *, model: str, partition: str = "_root") -> Failure:
    """The failure of the chunk with this text."""
    (chunk,) = chunks(text)
    return Failure.of_text(
        content_hash=chunk.content_hash,
        source="docs",
        partition_key=partition,
        error=TextRejected("too long"),
        model=model,
        source_url="x://a",
    )


def item(
    key: str,
    *texts: str,
    source: str = "docs",
    partition: str = "_root",
    pages: Mapping[str, tuple[str, ...]] | None = None,
    **fields: object,
) -> ItemContent:
    """An item with one document of the same name, or with these `pages`."""
    return ItemContent(
        key=key,
        source=source,
        partition_key=partition,
        content_sha256=b"\1" * 32,
        code_version="code_version",
        dependencies={"_note.md": "ab"},
        documents=[(document(url, **fields), chunks(*of_page)) for url, of_page in (pages or {key: texts}).items()],
    )
