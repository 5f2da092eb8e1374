"""Front matter: the YAML between two `---` lines at the top of a page.

Authors write titles such as `title: Masks: dates` or `title: @Route`, which are not YAML. Such a page is kept: its
plain `key: value` lines are read one by one, and its metadata has a warning.
"""

import re
from collections.abc import Iterator
from datetime import date
from itertools import count

import yaml

from bbj_assets.documents import Json

_BLOCK = re.compile(r"\s*?---[ \t]*\n(?P<yaml>(?>(?:(?!---[ \t]*(?:\n|\Z))[^\n]*+\n)*))---[ \t]*(?:\n|\Z)")
_PLAIN_LINE = re.compile(r"^(?P<key>[A-Za-z_][\w-]*):[ \t]+(?P<value>\S.*?)[ \t]*$", re.MULTILINE)
_CONTROLS = re.compile("[\0-\x08]")  # YAML can spell them; PostgreSQL refuses the first
_STACKED = re.compile(r"(?:[-?:][ \t]+){40}")

_MAX_CHARS = 64 * 1024
_MAX_NODES = 5_000
_MAX_DEPTH = 20
_MAX_BRACKETS = 1_000


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml is ten times faster
    """A safe loader that does not merge: `<<` over aliases multiplies while it loads."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave `<<` as it is, so that it is rejected as an unknown tag."""


def split_front_matter(text: str) -> tuple[str, str]:
    r"""Return the YAML of the front matter (empty without one) and the rest of the page.

    >>> split_front_matter("---\ntitle: A\n---\nText")
    ('title: A\n', 'Text')
    """
    block = _BLOCK.match(text) if text.lstrip()[:3] == "---" else None
    return (block["yaml"], text[block.end() :]) if block else ("", text)


def read_front_matter(source: str) -> tuple[dict[str, Json], list[str]]:
    """Return the front matter as plain JSON, and warnings about it."""
    if not source.strip():
        return {}, []
    try:
        loaded = _load(source)
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        # Beyond YAMLError: errors from the constructors of scalars, for example of a date from `2024-13-45`.
        return _plain_lines(source), [f"Front matter is not valid YAML: {_reason(error)}"]
    if not isinstance(loaded, dict):
        return {}, ["Front matter is not a table of keys and values."]
    if not isinstance(loaded.get("title", ""), str):
        loaded["title"] = _plain_lines(source).get("title", loaded["title"])  # 25.10 is not 25.1
    return loaded, []


def _load(source: str) -> Json:
    if len(source) > _MAX_CHARS:
        raise ValueError(f"it is longer than {_MAX_CHARS} characters")
    if _STACKED.search(source) or source.count("[") + source.count("{") > _MAX_BRACKETS:
        raise ValueError("it is nested too deeply")
    return _plain(yaml.load(source, _Loader), count(), 0)  # noqa: S506 - a safe loader


def _plain(value: object, nodes: Iterator[int], depth: int) -> Json:
    """Return the value as JSON. An alias becomes a copy of what it stands for, so all copies are counted.

    Raises:
        ValueError: there are too many values, or they are nested too deeply, as in an alias that contains itself.
    """
    if next(nodes) > _MAX_NODES or depth > _MAX_DEPTH:
        raise ValueError("it is nested too deeply, or its aliases multiply")
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value if value.isprintable() else _CONTROLS.sub("", value)
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)  # JSON knows no infinity and no NaN
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(_plain(key, nodes, depth + 1)): _plain(v, nodes, depth + 1) for key, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(v, nodes, depth + 1) for v in value]
    return _CONTROLS.sub("", str(value))


def _plain_lines(source: str) -> dict[str, Json]:
    return {
        line["key"]: _CONTROLS.sub("", line["value"].strip("'\""))
        for line in _PLAIN_LINE.finditer(source[:_MAX_CHARS])
        if line["value"][0] not in "[{&*|>"
    }


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    # The block starts below the first `---`, and YAML counts from 0.
    return f"line {mark.line + 2}: {problem}." if mark is not None else f"{problem}."
