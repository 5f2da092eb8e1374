"""Tables of contents: the places of a topic in the books of a project.

A topic can be in several tables and in several places of one table. Its breadcrumb is the longest path to it, which
holds the most words. Drafts do not count: projects keep copies of tables (`Copy of Main.fltoc`) that are not published.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from lxml.etree import _Element as Element

from bbj_assets.sources.flare.conditions import condition_names
from bbj_assets.sources.flare.markup import conditions_of, tag_of

_DRAFT = re.compile(r"copy\b.*\bof\b|copy$|test(?:[_\d]|$)|draft(?:[_ \d]|$)", re.IGNORECASE)
_UP = re.compile(r"\A(?:\.{0,2}/)+")
_MAX_DEPTH = 40
_MAX_STEPS = 100_000
"""Entries of all tables. Tables that link to each other would have entries without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A book of a table of contents.

    Attributes:
        title: as it is written.
        link: the path of the topic that it links to; empty for none.
    """

    title: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A place of a topic in a table of contents.

    Attributes:
        levels: the books around it, outermost first.
        conditions: the condition tags of the entry and of its books.
        is_part: whether it leads to a heading of the topic, not to the topic itself.
    """

    levels: Sequence[Level]
    conditions: Sequence[str]
    is_part: bool


def read_tables(tables: Mapping[str, Element]) -> dict[str, Sequence[Entry]]:
    """Return the places of every topic in the tables, the best first, by its path in lower case.

    Paths are in lower case because a project is written on Windows, where case does not matter, and read on servers,
    where it does. The places of a topic end with the first one without conditions, since no later one can be chosen.

    Args:
        tables: the trees of all tables of contents of a project by their paths.
    """
    found: dict[str, list[Entry]] = {}
    steps = iter(range(_MAX_STEPS))
    for path, tree in tables.items():
        if not is_draft(path):
            for topic, entry in _entries(path, tree, tables, steps):
                found.setdefault(topic.casefold(), []).append(entry)
    return {topic: _choices(entries) for topic, entries in found.items()}


def is_draft(path: str) -> bool:
    """Return whether the name of a table of contents says that it is a copy or a trial."""
    return _DRAFT.match(path.rpartition("/")[2].rpartition(".")[0].strip()) is not None


def _choices(entries: list[Entry]) -> Sequence[Entry]:
    best_first = sorted(entries, key=lambda entry: (entry.is_part, -len(entry.levels)))
    for at, entry in enumerate(best_first):
        if not entry.conditions:
            return tuple(best_first[: at + 1])
    return tuple(best_first)


def _entries(
    path: str, tree: Element, tables: Mapping[str, Element], steps: Iterator[int]
) -> Iterator[tuple[str, Entry]]:
    """Yield every topic of a table with its place, in order. A linked table is read where it is linked.

    Args:
        path: the path of the table.
        tree: its tree.
        tables: the trees of all tables by their paths.
        steps: the remaining budget of entries, shared by all tables.
    """
    by_path = {table.casefold(): table for table in tables}
    pending: list[tuple[Element, tuple[Level, ...], tuple[str, ...], tuple[str, ...]]] = [(tree, (), (), (path,))]
    while pending and next(steps, None) is not None:
        element, levels, conditions, chain = pending.pop()
        if tag_of(element) == "tocentry":
            title = element.get("Title") or ""
            link, fragment = _link(element)
            conditions = (*conditions, *condition_names(element.get("conditions") or conditions_of(element)))
            if table := by_path.get(link.casefold()):
                if table in chain or len(chain) > _MAX_DEPTH:
                    continue
                if not title.strip().startswith("[%="):
                    levels = (*levels, Level(title=title, link=""))
                pending += [(c, levels, conditions, (*chain, table)) for c in tables[table].iterchildren(reversed=True)]
            else:
                if link:
                    yield link, Entry(levels=levels, conditions=conditions, is_part=bool(fragment))
                levels = (*levels, Level(title=title, link=link))
        if len(levels) <= _MAX_DEPTH:
            pending += [(child, levels, conditions, chain) for child in element.iterchildren(reversed=True)]


def _link(element: Element) -> tuple[str, str]:
    """Return the path that an entry links to, and its fragment."""
    written = (element.get("Link") or "").strip().replace("\\", "/")
    path, _, fragment = written.partition("#")
    return _UP.sub("", unquote(path).strip()), fragment
