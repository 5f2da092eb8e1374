"""Literal text as Markdown: a character is escaped only where it would have a meaning.

Usually every character that may be special is escaped, and then a search for `BBJ_HOME` no longer finds the word.
Here `BBJ_HOME`, `a * b` and `x < y` stay as they are written.
"""

import re

_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f\u00ad\u200b\u2060\ufeff]")
_MAY_MEAN_SOMETHING = re.compile(r"[\\`*_~<&\]]")
"""The characters that `_ESCAPED` begins with. Most lines have none, and this pattern scans them ten times as fast."""
_ESCAPED = re.compile(
    r"""\\(?=[!-/:-@\[-`{-~]|$)    # a backslash that would escape something
      | `
      | (?<!\s)\*|\*(?!\s)         # an asterisk that touches a word
      | _+
      | ~~+|^~|~$                  # also one that may touch a mark
      | <(?=[A-Za-z/!?])           # a tag
      | &(?=\#?\w+;)               # an entity
      | \](?=\()                   # a link""",
    re.VERBOSE,
)
_LINE_START = re.compile(
    r"""(?P<number>\d{1,9})(?=[.)](?:\s|$))                       # an ordered list
      | (?:\#{1,6}|[-+*])(?=\s|$) | > | (?:=+|-+)(?=\s*$)         # heading, list, quote, underline
      | ~~~ | \[(?:\\.|[^\[\]\\])*\]:                             # fence, link definition""",
    re.VERBOSE,
)
_LINK_UNSAFE = re.compile(r"[\s()\\]")


def escape(text: str) -> str:
    r"""Return literal text as Markdown within a line.

    >>> print(escape("set BBJ_HOME, *not* <init>"))
    set BBJ_HOME, \*not\* \<init>
    """
    return _ESCAPED.sub(_escaped, text) if _MAY_MEAN_SOMETHING.search(text) else text


def code_span(text: str) -> str:
    """Return literal text between as many backticks as it needs.

    >>> code_span("a`b")
    '``a`b``'
    """
    ticks = "`" * (_longest_run(text) + 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{padding}{text}{padding}{ticks}"


def link(label: str, target: str) -> str:
    """Return a Markdown link to an absolute or relative URL; only the URL if it is its own label."""
    if label.replace("\\", "") == target:
        return target
    url = _LINK_UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}" if found[0].isascii() else "", target)
    return f"[{label}]({url})"


def fence(text: str, language: str = "") -> str:
    """Return literal lines as a fenced code block, its fence longer than any fence inside."""
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def visible(text: str) -> str:
    """Return the text without control characters, soft hyphens and zero-width characters."""
    return _INVISIBLE.sub("", text)


def escape_line_start(line: str) -> str:
    """Return a line of Markdown, escaped so that it does not start a list, a heading or another block."""
    found = _LINE_START.match(line)
    if not found:
        return line
    at = found.end("number") if found["number"] else 0
    return f"{line[:at]}\\{line[at:]}"


def _escaped(match: re.Match[str]) -> str:
    found, text, start, end = match[0], match.string, match.start(), match.end()
    if found[0] == "_" and start > 0 and text[start - 1].isalnum() and text[end : end + 1].isalnum():
        return found
    return "".join(f"\\{character}" for character in found)


def balance_brackets(text: str) -> str:
    """Escape the brackets in a part of a link's label, unless they are in pairs."""
    depth = 0
    for bracket in re.findall(r"\\.|[\[\]]", text):
        depth += {"[": 1, "]": -1}.get(bracket, 0)
        if depth < 0:
            break
    return text if depth == 0 else re.sub(r"(\\.)|([\[\]])", lambda m: m[1] or f"\\{m[2]}", text)


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0) if "`" in text else 0
