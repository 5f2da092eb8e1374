"""Control characters that the renderer writes into Markdown and that `parse` takes out again.

Two marks exist, and both need a second look at text that is already rendered:

- A finished block (a fence, a table, a list) is hidden: its text is kept in `Page`, and `BLOCK` + its number +
  `BLOCK` stands in its place. So nothing inside it is read as MDX again. `Page.restore` puts it back.
- An aside is what a component adds to a heading, such as a version chip: `ASIDE_START` + its text + `ASIDE_END`.
  `titles.pick_title` leaves it out of the title; `show_asides` then keeps the text and drops the marks.

`page.decode` removes these characters from every file that is read, so a mark always comes from the renderer.
"""

import re

BLOCK = "\0"
ASIDE_START = "\x01"
ASIDE_END = "\x02"

ALL = BLOCK + ASIDE_START + ASIDE_END
"""Every mark; also the content of a character class in a pattern."""

HIDDEN_BLOCK = re.compile(rf"{BLOCK}(\d+){BLOCK}")
ASIDE = re.compile(f"{ASIDE_START}([^{ASIDE_END}]*){ASIDE_END}")


def hidden_block(number: int) -> str:
    """Return the mark of the hidden block with this number."""
    return f"{BLOCK}{number}{BLOCK}"


def aside(text: str) -> str:
    """Return text that is shown in a heading and is not part of the title."""
    return f"{ASIDE_START}{text}{ASIDE_END}"


def show_asides(text: str) -> str:
    """Return the text with the asides as plain text."""
    return ASIDE.sub(r"\1", text) if ASIDE_START in text else text
