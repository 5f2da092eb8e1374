"""Rendered blocks, and the blocks that are made of blocks: lists and quotes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

BlockKind: TypeAlias = Literal["text", "term", "heading", "code", "list", "quote", "table", "rule"]


@dataclass(frozen=True, slots=True)
class Block:
    """One block of Markdown.

    Attributes:
        text: its Markdown; of a heading, the text without the `#`.
        level: of a heading, 1 to 6.
        flat: what a table cell needs that cannot hold the block: the bare lines of code, the rows of a table.
    """

    kind: BlockKind
    text: str
    level: int = 0
    flat: str = ""


def list_block(items: Sequence[Sequence[Block]], *, start: int | None = None) -> Block | None:
    """The items as a list, ordered from `start` or bulleted; None if there is nothing in them."""
    tight = all(_is_tight(item) for item in items)
    lines = []
    for number, item in enumerate(items, 0 if start is None else start):
        marker = "- " if start is None else f"{number}. "
        content = join(item, "\n" if tight else "\n\n")
        if content:
            lines.append(marker + content.replace("\n", "\n" + " " * len(marker)))
    if not lines:
        return None
    text = ("\n" if tight else "\n\n").join(lines)
    return Block("list", "\n".join(line.rstrip() if line.isspace() else line for line in text.split("\n")))


def quote_block(blocks: Sequence[Block]) -> Block:
    """The blocks as a block quote."""
    text = "\n".join(f"> {line}" if line else ">" for line in join(blocks).split("\n"))
    return Block("quote", text)


def join(blocks: Sequence[Block], separator: str = "\n\n") -> str:
    """The blocks as Markdown, one after the other."""
    return separator.join("#" * block.level + " " + block.text if block.level else block.text for block in blocks)


def _is_tight(item: Sequence[Block]) -> bool:
    """Whether CommonMark reads the item the same without blank lines: one line, then lists."""
    if any(block.kind != "list" or not block.text.startswith(("- ", "1. ")) for block in item[1:]):
        return False
    return not item or item[0].kind in {"text", "term", "list"}
