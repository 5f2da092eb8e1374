"""From raw items to chunks, as a pure function of the files that are read. The worker processes run it."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bbj_assets.chunking import chunk_document
from bbj_assets.documents import Item
from bbj_assets.enrichment import enrich
from bbj_assets.errors import ParseError
from bbj_assets.outcomes import Failure, ItemContent, Outcome
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.sources.files import MAX_FILE_BYTES, MISSING, SourceFiles
from bbj_assets.sources.registry import PARSERS

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class ParseTask:
    """Some items of one source, with everything that is needed to parse them."""

    source: Source
    items: Sequence[Item]
    chunks: ChunkSettings
    code_version: str


def run_task(task: ParseTask) -> list[Outcome]:
    """Parse and chunk the items, in order. A bad item is a `Failure`, never an exception."""
    return [_parse_item(task, item) for item in task.items]


def item_failure(task: ParseTask, item: Item, error: Exception, input: bytes | None = None) -> Failure:  # noqa: A002
    """Return the failure of one item of the task.

    Args:
        input: its `input_of` if it killed or hung its parser.
    """
    return Failure.of_item(
        key=item.key, source=task.source.name, partition_key=item.partition, error=error, input=input
    )


def input_of(item: Item, code_version: str) -> bytes:
    """Return a hash of an item's bytes and code version: all that its parse depends on except other files. 32 bytes."""
    return hashlib.sha256(f"{digest(item.file)} {code_version}".encode()).digest()


def digest(file: Path) -> str:
    """Return the SHA-256 of a file in hex; `MISSING` if it cannot be read."""
    sha256 = hashlib.sha256()
    try:
        with file.open("rb", buffering=0) as stream:
            while block := stream.read(_BLOCK):
                sha256.update(block)
    except (OSError, ValueError):
        return MISSING
    return sha256.hexdigest()


def _parse_item(task: ParseTask, item: Item) -> Outcome:
    files = SourceFiles(item.root)
    try:
        _require_utf8(item, item.path)
        raw = _read(item)
        documents = PARSERS[task.source.parser].load().parse(task.source, item, raw, files)
        with_chunks = []
        for document in (enrich(parsed, task.source) for parsed in documents):
            _require_utf8(item, document.source_url, document.title, *document.section_path, document.content)
            chunks = chunk_document(document, task.chunks)
            with_chunks.append((replace(document, content=""), chunks))  # the chunks hold the content
    except Exception as error:  # noqa: BLE001 - a bug of a parser fails this one item, and is recorded with its type
        return item_failure(task, item, error)
    return ItemContent(
        key=item.key,
        source=task.source.name,
        partition_key=item.partition,
        content_sha256=hashlib.sha256(raw).digest(),
        code_version=task.code_version,
        dependencies=files.dependencies,
        documents=with_chunks,
        etag=item.etag,
        last_modified=item.last_modified,
    )


def _require_utf8(item: Item, *texts: str) -> None:
    """Refuse half surrogate pairs, which file names and escapes in JSON can bring in, and PostgreSQL cannot store."""
    try:
        "\n".join(texts).encode()
    except UnicodeEncodeError as error:
        where = "its name" if error.object == item.path else f"the character {error.object[error.start]!r} in its text"
        raise ParseError(f"{item.path!r}: {where} is not UTF-8. Rename or correct the file.") from None


def _read(item: Item) -> bytes:
    try:
        with item.file.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_FILE_BYTES:
                raise ParseError(
                    f"{item.path}: {size / 2**20:.0f} MB, and the limit is {MAX_FILE_BYTES // 2**20} MB. Split the "
                    "file, or leave it out with `exclude` in sources.toml."
                )
            return file.read()
    except OSError as error:
        raise ParseError(f"{item.path}: cannot be read: {error.strerror}.") from error
