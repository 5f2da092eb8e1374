"""The context header of a chunk: `section path > title > heading`.

It is embedded with every chunk. Its length is bounded, because in a deep tree with long titles it would
otherwise outweigh the text of the chunk.
"""

import re
from collections.abc import Sequence

from bbj_assets.chunking.tokens import estimate_tokens, most_characters
from bbj_assets.source import ChunkSettings

_JOIN = " > "
_MARKUP = re.compile(
    r"(?=[!\[\\<`*~_])(?:"  # skip the alternatives where none of them can begin
    r"!?\[((?>(?:[^\[\]\n]|\[[^\[\]\n]*\])*))\](?:\([^()\n]*(?>(?:\([^()\n]*\)[^()\n]*)*)\)|\[[^\]\n]*\])"  # a link
    r"|\\([!-/:-@\[-`{-~])"  # an escaped character
    r"|</?[a-zA-Z][^<>\n]*>"  # a tag
    r"|`++|\*++|~~|(?<!\w)_++(?=\S)|(?<=\S)_++(?!\w))"  # code and emphasis
)
_MAYBE_MARKUP = re.compile(r"[\[\\<`*_~]")
_CLOSING_HASHES = re.compile(r"(?:(?<=[ \t])|^)#+$")
_UNDERLINE = re.compile(r"\n {0,3}(?:=+|-+)[ \t]*$")
_LONGEST_HEADING = 200


def header_limit(settings: ChunkSettings) -> int:
    """Return the most tokens that a context header may take of a chunk."""
    return max(settings.target_tokens // 4, 8)


def context_header(section_path: Sequence[str], title: str, headings: Sequence[str], *, limit: int) -> str:
    """Join the parts with ` > `, without a heading that only repeats the title.

    A header of more than `limit` tokens loses its outermost parts first. The title and the innermost heading are
    always kept; if they alone are too long, they are shortened.
    """
    outer = [" ".join(part.split()) for part in section_path]
    title = " ".join(title.split())
    inner = [heading for heading in headings if heading.casefold() != title.casefold()]
    header = _JOIN.join([*filter(None, outer), title, *inner])
    if estimate_tokens(header) <= limit:
        return header
    while outer and estimate_tokens(_JOIN.join([*outer, title, *inner])) > limit:
        outer.pop(0)
    while len(inner) > 1 and estimate_tokens(_JOIN.join([title, *inner])) > limit:
        inner.pop(0)
    kept = [*filter(None, outer), title, *inner]
    if estimate_tokens(_JOIN.join(kept)) > limit:
        kept = [shortened(part, max(1, (limit - 2) // len(kept))) for part in kept]
    return _JOIN.join(kept)


def heading_text(source: str) -> str:
    r"""Return a heading as plain text: `"## The [grid](grid.md) `x` ##"` becomes `The grid x`."""
    text = (_UNDERLINE.sub("", source) if "\n" in source else source).strip()
    if text.startswith("#"):
        text = text.lstrip("#")[:_LONGEST_HEADING].strip()
        if text.endswith("#"):
            text = _CLOSING_HASHES.sub("", text)
    if _MAYBE_MARKUP.search(text):
        text = _MARKUP.sub(_visible, text[:_LONGEST_HEADING])
    return " ".join(text.split())


def _visible(match: re.Match[str]) -> str:
    if match[1] is not None:
        return _MARKUP.sub(_visible, match[1])
    return match[2] or ""


def shortened(text: str, tokens: int) -> str:
    """Return the text, or its beginning with an ellipsis if it has more than `tokens` tokens."""
    if estimate_tokens(text) <= tokens:
        return text
    for characters in (4 * tokens, 3 * tokens, 2 * tokens, most_characters(tokens)):
        cut = text[:characters].rstrip()
        if estimate_tokens(cut) <= tokens:
            break
    return f"{cut}…"
