"""Page numbers in running headers and footers, arabic and roman."""

import re

_NUMBER = re.compile(r"(?<!\w)\d+(?!\w)")
"""Digits that are not part of a name such as `STRING2`."""

_ROMAN = re.compile(r"(?<![a-z])(?=[ivxlc])(?:c{0,3})(?:x[cl]|l?x{0,3})(?:i[xv]|v?i{0,3})(?![a-z])", re.IGNORECASE)
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


def page_numbers(text: str) -> set[tuple[str, int]]:
    """Return the candidates for the number of the page: the first and the last number of a row, arabic or roman."""
    found: set[tuple[str, int]] = set()
    arabic = _NUMBER.findall(text)
    for digits in {*arabic[:1], *arabic[-1:]}:
        if len(digits) <= 5:
            found.add(("arabic", int(digits)))
    words = text.split()
    for word in {*words[:1], *words[-1:]}:
        numeral = word.strip("-\u2013\u2014.|[]() ").lower()
        if numeral and _ROMAN.fullmatch(numeral):
            found.add(("roman", _roman(numeral)))
    return found


def _roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    return sum(
        -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
    )


def without_numbers(text: str) -> str:
    """Return the text with its numbers replaced, so that it is equal on all pages."""
    words = _NUMBER.sub("#", text).split()
    ends = {0, len(words) - 1}
    return " ".join("#" if at in ends and _ROMAN.fullmatch(word) else word for at, word in enumerate(words)).lower()
