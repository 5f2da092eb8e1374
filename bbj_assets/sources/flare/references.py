"""Variables: `[%=Set.Name%]` in titles and attributes, `<MadCap:variable name="Set.Name" />` in text."""

import re
from collections.abc import Callable, Mapping

_REFERENCE = re.compile(r"\[%=((?:(?!%\]|\[%=)[^\n]){0,200})%\]")
_TITLES = frozenset({"system.title", "system.linkedtitle", "system.linkedheader", "system.linkedfile"})
_KNOWN_TO_BUILDS = ("system.", "heading.")
"""Page numbers, dates, running headings: nobody knows them before a build, and no reader searches for them."""

_MAX_DEPTH = 16
_MAX_VALUE = 10_000
"""Characters. Variables that are made of each other ten times over would fill any memory."""


def replace_references(text: str, value: Callable[[str], str]) -> str:
    """The text with every `[%=Set.Name%]` in it replaced by its value."""
    return _REFERENCE.sub(lambda found: value(found[1].strip()), text) if "[%=" in text else text


def variable_value(name: str, variables: Mapping[str, str], title: str) -> str | None:
    """The value of a variable, and of those that it is made of; None if there is no such variable.

    Args:
        name: `Set.Name`, in any case.
        variables: the definitions of the project, by `Set.Name` in lower case.
        title: of the topic, for the system variables that mean it.
    """
    return _value(name, variables, title, ())


def bare_name(name: str) -> str:
    """What stands for a variable that is not defined: its name without its set, so that a sentence stays readable."""
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
