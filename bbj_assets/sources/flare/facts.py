"""The facts that a topic takes from its project, recorded as derived dependencies.

    flare://toc/Content/a.htm          the place of the topic in the tables of contents
    flare://title/Content/a.htm        the title of a topic that is linked to
    flare://variable/Set.Name          the value of a variable

So a topic is parsed again when one of these changes, and not when another line of a table of contents or of a
variable set does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bbj_assets.errors import ParseError
from bbj_assets.sources.files import MISSING, SourceFiles
from bbj_assets.sources.flare.conditions import Selection
from bbj_assets.sources.flare.definitions import Definitions, Stamp, definitions_of, digest, is_settled, stamp
from bbj_assets.sources.flare.markup import plain, read_markup
from bbj_assets.sources.flare.references import bare_name, replace_references, variable_value
from bbj_assets.sources.flare.titles import title_of, title_of_file
from bbj_assets.sources.flare.toc import Entry

_PREFIX = "flare://"
_MAX_TITLES = 20_000

_titles: dict[tuple[Path, str], tuple[Stamp, Definitions, str]] = {}
"""Titles of linked topics, with the stamp and the definitions that they were read from.

All topics of a book need the title of the book, so it is cached.
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a project for one topic. Every fact that is read becomes a dependency of the topic.

    Attributes:
        files: records the dependencies.
        definitions: the definitions of the project.
    """

    files: SourceFiles
    definitions: Definitions

    @classmethod
    def of(cls, files: SourceFiles) -> "Facts":
        """Return the facts of the project that the files belong to."""
        return cls(files, definitions_of(files))

    def variable(self, name: str, *, title: str) -> str | None:
        """Return the value of a variable in a topic with this title; None if nothing defines it."""
        self._record("variable", name)
        return variable_value(name, self.definitions.variables, title=title)

    def title(self, path: str) -> str:
        """Return the title of another topic; empty when there is no such topic."""
        self._record("title", path)
        return _linked_title(self.files, self.definitions, path)

    def books(self, topic: str, selection: Selection) -> list[str] | None:
        """Return the titles of the books around a topic, outermost first; None if it is in no table of contents."""
        self._record("toc", topic)
        for entry in self.definitions.entries.get(topic.casefold(), ()):
            if selection.keeps(entry.conditions):
                return _books(self.files, self.definitions, entry)
        return None

    def _record(self, kind: str, name: str) -> None:
        key = f"{_PREFIX}{kind}/{name}"
        if key not in self.files.dependencies:
            self.files.dependencies[key] = derive(self.files, key)


def derive(files: SourceFiles, key: str) -> str:
    """Return the hash that a parse would record for a derived dependency now; MISSING for an unknown key."""
    definitions = definitions_of(files)
    kind, _, name = key.removeprefix(_PREFIX).partition("/")
    match kind:
        case "toc":
            entries = definitions.entries.get(name.casefold(), ())
            return digest([[_books(files, definitions, entry), list(entry.conditions)] for entry in entries])
        case "title":
            return digest(_linked_title(files, definitions, name))
        case "variable":
            value = variable_value(name, definitions.variables, title="")
            return MISSING if value is None else digest(["is", value])
        case _:
            return MISSING


def _books(files: SourceFiles, definitions: Definitions, entry: Entry) -> list[str]:
    found = []
    for level in entry.levels:
        if level.title.strip() and "[%=" not in level.title:
            found.append(plain(level.title))
            continue
        linked = _linked_title(files, definitions, level.link) if level.link else ""
        written = level.title if level.title.strip() else "[%=System.LinkedTitle%]"
        found.append(plain(_resolve(written, definitions, title=linked)))
    return [title for title in found if title]


def _linked_title(files: SourceFiles, definitions: Definitions, path: str) -> str:
    key, now = (files.root, path), stamp(files.root, path)
    known = _titles.get(key)
    if known is not None and known[0] == now and known[1] is definitions:
        return known[2]
    title = _read_title(files, definitions, path)
    if is_settled(now):
        if len(_titles) >= _MAX_TITLES:
            _titles.clear()
        _titles[key] = (now, definitions, title)
    return title


def _read_title(files: SourceFiles, definitions: Definitions, path: str) -> str:
    if not path.lower().endswith((".htm", ".html")) or (raw := files.peek(path)) is None:
        return ""
    try:
        root = read_markup(path, raw).root
    except ParseError:
        return ""
    return title_of(root, lambda name: _resolve(f"[%={name}%]", definitions, title=""), Selection()) or title_of_file(
        path
    )


def _resolve(text: str, definitions: Definitions, *, title: str) -> str:
    """Return the text with its variables replaced, for a topic with this title."""

    def value(name: str) -> str:
        found = variable_value(name, definitions.variables, title=title)
        return bare_name(name) if found is None else found

    return replace_references(text, value)


def known_problems(definitions: Definitions, *, suffix: str) -> Sequence[str]:
    """Return the problems of the definition files with this suffix."""
    return [problem for problem in definitions.problems if problem.partition(":")[0].lower().endswith(suffix)]
