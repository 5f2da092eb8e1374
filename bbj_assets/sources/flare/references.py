"""Variables: `[%=Set.Name%]` in titles and attributes, `<MadCap:variable name="Set.Name" />` in text."""

import re
from collections.abc import Callable, Mapping

_REFERENCE = re.compile(r"\[%=((?:(?!%\]|\[%=)[^\n]){0,200})%\]")
_TITLES = frozenset({"system.title", "system.linkedtitle", "system.linkedheader", "system.linkedfile"})
_KNOWN_TO_BUILDS = ("system.", "heading.")
"""Page numbers, dates, running headings: they are unknown before a build, and no reader searches for them."""

_MAX_DEPTH = 16
_MAX_VALUE = 10_000
"""Characters. Variables that each use the next one ten times would fill any memory."""


def replace_references(text: str, value: Callable[[str], str]) -> str:
    """Return the text with every `[%=Set.Name%]` replaced by its value."""
    return _REFERENCE.sub(lambda found: value(found[1].strip()), text) if "[%=" in text else text


def variable_value(name: str, variables: Mapping[str, str], *, title: str) -> str | None:
    """Return the value of a variable, with the variables in it replaced; None if there is no such variable.

    Args:
        name: `Set.Name`, in any case.
        variables: the definitions of the project, by `Set.Name` in lower case.
        title: the title of the topic, for the system variables that stand for it.
    """
    return _value(name, variables, title, ())


def bare_name(name: str) -> str:
    """Return the name of a variable without its set, which keeps a sentence readable when nothing defines it."""
    return name.rpartition(".")[2].strip()


def _value(name: str, variables: Mapping[str, str], title: str, chain: tuple[str, ...]) -> str | None:
    key = name.strip().casefold()
    if key in _TITLES:
        return title
    written = variables.get(key)
    if written is None:
        return "" if key.startswith(_KNOWN_TO_BUILDS) else None
    if key in chain or len(chain) > _MAX_DEPTH:
        return bare_name(name)

    length = 0

    def inner(name: str) -> str:
        nonlocal length
        if length > _MAX_VALUE:
            return ""
        found = _value(name, variables, title, (*chain, key))
        length += 1 + len(found or "")
        return bare_name(name) if found is None else found

    return replace_references(written, inner)[:_MAX_VALUE]
