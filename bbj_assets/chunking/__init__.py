"""Documents into chunks: the one place that knows how each format is cut and what is embedded with it."""

from bbj_assets.chunking._header import context_header, header_limit
from bbj_assets.chunking.pieces import Piece
from bbj_assets.chunking.tokens import estimate_tokens
from bbj_assets.documents import Chunk, Document, embedded_text
from bbj_assets.source import ChunkSettings

__all__ = ["VERSION", "chunk_document", "estimate_tokens"]

VERSION: int = 3
"""Part of a document's code_version. Raised whenever the same text would give other chunks."""


def chunk_document(document: Document, settings: ChunkSettings) -> list[Chunk]:
    """Cut a document into chunks, numbered from 0; there is always one, so that every document is found.

    The embedded text of a chunk, its context header included, is near `settings.target_tokens`. A document
    without content gives one chunk that holds its title.
    """
    limit = header_limit(settings)
    headers: dict[tuple[str, ...], str] = {}
    chunks: list[Chunk] = []
    pieces = _pieces(document, settings) or [Piece((), document.title)]
    for ordinal, piece in enumerate(pieces):
        header = headers.get(piece.headings)
        if header is None:
            header = context_header(document.section_path, document.title, piece.headings, limit)
            headers[piece.headings] = header
        content = piece.content
        chunks.append(Chunk(ordinal, content, header, estimate_tokens(embedded_text(header, content))))
    return chunks


def _pieces(document: Document, settings: ChunkSettings) -> list[Piece]:
    match document.format:
        case "bbj":
            from bbj_assets.chunking.code import split_bbj

            return split_bbj(document.content, settings)
        case "markdown":
            from bbj_assets.chunking.prose import split_markdown

            header = context_header(document.section_path, document.title, (), header_limit(settings))
            return split_markdown(document.content, settings, reserved_tokens=estimate_tokens(header))
