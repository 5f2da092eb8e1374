"""Documents into chunks: how each format is cut, and what is embedded with each chunk.

Belongs here: the splitters (`prose` for Markdown, `code` for BBj programs), the context header and the estimate of
tokens. Does not belong here: reading files or converting formats (`sources`, `convert`), and calling an embedder
(`embedding`).

    Document ──prose or code──▶ Pieces ──context header──▶ Chunks
"""

from bbj_assets.chunking._header import context_header, header_limit
from bbj_assets.chunking.pieces import Piece
from bbj_assets.chunking.tokens import estimate_tokens
from bbj_assets.documents import Chunk, Document, embedded_text
from bbj_assets.source import ChunkSettings

__all__ = ["VERSION", "chunk_document", "estimate_tokens"]

VERSION: int = 3
"""Part of a document's code_version. Increase it when the same text would yield other chunks."""


def chunk_document(document: Document, settings: ChunkSettings) -> list[Chunk]:
    """Cut a document into chunks, numbered from 0.

    The embedded text of a chunk, context header included, is near `settings.target_tokens`. A document without
    content becomes one chunk that holds its title, so that search finds every document.
    """
    limit = header_limit(settings)
    headers: dict[tuple[str, ...], str] = {}
    chunks: list[Chunk] = []
    pieces = _pieces(document, settings) or [Piece((), document.title)]
    for ordinal, piece in enumerate(pieces):
        header = headers.get(piece.headings)
        if header is None:
            header = context_header(document.section_path, document.title, piece.headings, limit=limit)
            headers[piece.headings] = header
        content = piece.content
        tokens = estimate_tokens(embedded_text(header, content))
        chunks.append(Chunk(ordinal, content=content, context_header=header, token_count=tokens))
    return chunks


def _pieces(document: Document, settings: ChunkSettings) -> list[Piece]:
    match document.format:
        case "bbj":
            from bbj_assets.chunking.code import split_bbj

            return split_bbj(document.content, settings)
        case "markdown":
            from bbj_assets.chunking.prose import split_markdown

            header = context_header(document.section_path, document.title, (), limit=header_limit(settings))
            return split_markdown(document.content, settings, reserved_tokens=estimate_tokens(header))
