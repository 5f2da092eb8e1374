"""Where the blocks of Markdown begin: ours and markdown-it-py on the same generated text.

pip install -e . markdown-it-py
python -m benchmarks.decisions.markdown_blocks
"""

import tempfile
import time
from pathlib import Path

from markdown_it import MarkdownIt

from bbj_assets.chunking import chunk_document
from bbj_assets.convert.markdown_blocks import scan
from bbj_assets.documents import Document
from bbj_assets.source import ChunkSettings
from benchmarks.corpus import generate

_FILES, _BYTES = 2_000, 16_000_000


def main() -> None:
    """Print the seconds of each way over the same text, on one core."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch), _FILES, _BYTES)
        texts = [file.read_text("utf-8") for file in sorted(Path(scratch).rglob("*.md"))]
    print(f"{len(texts)} pages, {sum(map(len, texts)) / 1e6:.1f} MB")
    reader = MarkdownIt("commonmark").enable("table")
    blocks_only = MarkdownIt("commonmark").enable("table").disable("inline")

    started = time.perf_counter()
    blocks = sum(len(list(scan(text))) for text in texts)
    print(f"ours {time.perf_counter() - started:.2f} s, {blocks} blocks")

    started = time.perf_counter()
    tokens = sum(token.map is not None and token.level == 0 for text in texts for token in blocks_only.parse(text))
    print(f"markdown-it-py, blocks only {time.perf_counter() - started:.2f} s, {tokens} tokens with a map")

    started = time.perf_counter()
    for text in texts:
        reader.parse(text)
    print(f"markdown-it-py, with inline {time.perf_counter() - started:.2f} s")

    started = time.perf_counter()
    chunks = 0
    for number, text in enumerate(texts):
        document = Document(source_url=f"bench://{number}", title="Page", content=text)
        chunks += len(chunk_document(document, ChunkSettings()))
    print(f"ours, chunking in all {time.perf_counter() - started:.2f} s, {chunks} chunks")


if __name__ == "__main__":
    main()
