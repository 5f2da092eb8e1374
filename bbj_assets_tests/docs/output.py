"""Comparing what a page shows with what a command prints."""

import re

_SECONDS = re.compile(r"\d+\.\d+ s\b")
_SPACES = re.compile(r"[ ─━]+")


def shows(shown: str, printed: str) -> bool:
    """Return whether `shown` is `printed`, where `...` stands for anything: in a line, or as a line for any lines.

    Seconds, and the widths of columns, differ from run to run and are not compared.
    """
    wanted, actual = (_normalised(text) for text in (shown, printed))
    return re.fullmatch("".join(map(_pattern, wanted)), "".join(f"{line}\n" for line in actual)) is not None


def _normalised(text: str) -> list[str]:
    lines = [_SPACES.sub(" ", _SECONDS.sub("0.0 s", line)).strip() for line in text.strip().splitlines()]
    return [line for line in lines if line]


def _pattern(line: str) -> str:
    if line == "...":
        return r"(?:.*\n)*?"
    return ".*".join(map(re.escape, line.split("..."))) + r"\n"
