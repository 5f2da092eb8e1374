"""Rendered blocks, and the blocks built from other blocks: lists, definitions and quotes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

BlockKind: TypeAlias = Literal["text", "term", "heading", "code", "list", "quote", "table", "rule"]


@dataclass(frozen=True, slots=True)
class Block:
    """One block of Markdown.

    Attributes:
        kind: what the block is.
        text: its Markdown; for a heading, the text without the `#`.
        level: 1 to 6 for a heading, otherwise 0.
        flat: the form for a table cell, which cannot hold the block itself: the bare lines of code, the rows of a
            table.
    """

    kind: BlockKind
    text: str
    level: int = 0
    flat: str = ""


def list_block(items: Sequence[Sequence[Block]], *, start: int | None = None) -> Block | None:
    """Return the items as a list, numbered from `start` or bulleted; None if they are all empty."""
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


def adopt_strays(items: list[list[Block]], strays: list[Block]) -> None:
    """Move blocks that are in a list but outside its items (mostly a list directly in a list) to the last item."""
    if strays and items:
        items[-1].extend(strays)
    elif strays:
        items.append(list(strays))
    strays.clear()


def add_term(items: list[list[Block]], blocks: Sequence[Block]) -> None:
    """Begin the item of a definition list with its term."""
    items.append([Block("term", block.text) for block in blocks])


def add_definition(items: list[list[Block]], blocks: list[Block]) -> None:
    """Add a definition to its term: on the same line, or below the definitions that the term already has."""
    if items and items[-1] and items[-1][-1].kind == "term" and blocks and blocks[0].kind == "text":
        term, definition = items[-1].pop(), blocks.pop(0)
        separator = " " if term.text.rstrip("*").endswith(":") else ": "
        items[-1].append(Block("text", term.text + separator + definition.text))
    adopt_strays(items, blocks)


def quote_blocks(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks as a block quote; a quote around code alone only indents it, so the quote is dropped."""
    if all(block.kind == "code" for block in blocks):
        return list(blocks)
    text = "\n".join(f"> {line}" if line else ">" for line in join(blocks).split("\n"))
    return [Block("quote", text)]


def join(blocks: Sequence[Block], separator: str = "\n\n") -> str:
    """Return the Markdown of the blocks in order."""
    return separator.join("#" * block.level + " " + block.text if block.level else block.text for block in blocks)


def _is_tight(item: Sequence[Block]) -> bool:
    """Return whether CommonMark reads the item the same without blank lines: one line, then lists."""
    if any(block.kind != "list" or not block.text.startswith(("- ", "1. ")) for block in item[1:]):
        return False
    return not item or item[0].kind in {"text", "term", "list"}
