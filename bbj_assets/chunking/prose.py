r"""Markdown into pieces along its headings.

A section (the text under one heading) stays whole if it fits, and small neighbours share a piece. Only a section
that is too long is cut; the next piece then repeats a little of the text before the cut.

Guarantees, in estimated tokens, with the room for the context header subtracted from the target:

- The bodies are the text, up to white space. Only `before` and `after` repeat anything.
- A piece fits the target, unless it holds one thing that may not be cut (a fenced code block, a table row, a
  list item) and that is larger on its own. Such a piece is within the hard limit, not counting repeated text and
  the headings or table header above that thing. Those take at most half a target. A longer run of headings, as in
  an outline, is a piece of its own, and a heading of more than a quarter of the target is treated as text.
- A heading is followed by some of its content; a heading without content is packed with its neighbours.
- A fenced code block within the hard limit is in one piece. A longer one is cut at lines, and every piece opens
  and closes the fence. A table is cut at rows, and every piece has its header, unless that takes half a piece.
- Overlap is whole sentences, lines of prose or list items that directly precede the body in the same section.
"""

from collections.abc import Iterator

from bbj_assets.chunking._header import heading_text
from bbj_assets.chunking._packing import Packer, Section, longest_heading
from bbj_assets.chunking.pieces import Piece
from bbj_assets.chunking.tokens import estimate_tokens, most_characters
from bbj_assets.convert.markdown_blocks import Block, scan
from bbj_assets.source import ChunkSettings


def split_markdown(text: str, settings: ChunkSettings, *, reserved_tokens: int = 0) -> list[Piece]:
    r"""Cut Markdown into pieces near `settings.target_tokens`; a blank text has no pieces.

    Args:
        text: with any line ends; the pieces have `\n`.
        settings: the lengths.
        reserved_tokens: tokens that the context header takes of every piece, besides the piece's own headings.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    blocks = scan(text)
    if not blocks:
        return []
    packer = Packer(text, settings, reserved=reserved_tokens, last=blocks[-1])
    for section in _sections(text, blocks, settings.target_tokens):
        packer.add(section)
    return packer.finish()


def _sections(text: str, blocks: list[Block], target: int) -> Iterator[Section]:
    """Yield the sections of a text; a run of headings over half the target is a section of its own."""
    path: list[tuple[int, str]] = []
    held: list[Block] = []
    longest = longest_heading(target)
    surely_short = most_characters(longest)
    heading_tokens = 0
    has_content = False

    def section() -> Section:
        start, end = held[0].start, held[-1].end
        names = tuple(name for _, name in path if name)
        return Section(
            path=names,
            blocks=held,
            start=start,
            end=end,
            tokens=estimate_tokens(text[start:end]),
            has_content=has_content,
        )

    for block in blocks:
        if block.kind == "heading":
            source = text[block.start : block.end]
            # Most headings are short and follow content, so usually nothing needs to be counted.
            is_text = len(source) > surely_short and estimate_tokens(source) > longest
            if held and not has_content and not is_text:
                heading_tokens += estimate_tokens(text[held[-1].start : held[-1].end])
                if heading_tokens + estimate_tokens(source) > target // 2:
                    yield section()
                    held, heading_tokens = [], 0
            elif held and has_content:
                yield section()
                held, heading_tokens = [], 0
            has_content = is_text
            while path and path[-1][0] >= block.level:
                path.pop()
            path.append((block.level, heading_text(source)))
        else:
            has_content = True
        held.append(block)
    yield section()
