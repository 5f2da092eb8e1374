"""What is collected while one topic is expanded: warnings, index terms, values of variables, and the use of limits."""

from dataclasses import dataclass, field

from bbj_assets.errors import ParseError
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.flare.facts import Facts, known_problems
from bbj_assets.sources.flare.references import bare_name

_MAX_SNIPPETS = 1_000
_MAX_INCLUDED = 32 * 1024 * 1024
"""Bytes of snippets and of values of variables in one topic."""
_MAX_WARNINGS = 100


@dataclass(slots=True, kw_only=True)
class TopicBuild:
    """The expansion of one topic.

    Attributes:
        topic: its path.
        files: reads snippets and records them as dependencies.
        facts: reads definitions of the project and records them as dependencies.
        pages: the address of the published help with a trailing slash, or empty.
        title: the value of `System.Title`; empty until it is known.
        warnings: problems for the writer, each once, in order.
        keywords: the index terms that lead to the topic, each once, in order.
    """

    topic: str
    files: SourceFiles
    facts: Facts
    pages: str
    title: str = ""
    warnings: dict[str, None] = field(default_factory=dict)
    keywords: dict[str, None] = field(default_factory=dict)
    _snippets: int = 0
    _included: int = 0
    _values: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def warn(self, warning: str) -> None:
        """Add a warning unless the topic has it already, or has too many."""
        if len(self.warnings) < _MAX_WARNINGS:
            self.warnings[warning] = None

    def value(self, name: str, *, path: str) -> str:
        """Return the value of a variable that the file at `path` uses.

        A variable that nothing defines costs a warning. Its name stands in its place.

        Raises:
            ParseError: the values of all variables are too long.
        """
        key = (name, self.title)
        found = self._values[key] if key in self._values else self.facts.variable(name, title=self.title)
        self._values[key] = found
        self._count(name, size=len(found or ""))
        if found is None:
            problems = "".join(f" ({problem})" for problem in known_problems(self.facts.definitions, suffix=".flvar"))
            self.warn(f"{path}: no variable set defines {name}{problems}. Define it, or correct the name.")
            return bare_name(name)
        return found

    def count_snippet(self, path: str, *, size: int) -> None:
        """Count a snippet that is about to be included.

        Raises:
            ParseError: the topic includes too many snippets or too much text, as when snippets include each other
                many times over.
        """
        self._snippets += 1
        self._count(path, size=size)

    def _count(self, name: str, *, size: int) -> None:
        self._included += size
        if self._snippets > _MAX_SNIPPETS or self._included > _MAX_INCLUDED:
            raise ParseError(
                f"{self.topic}: includes more than {_MAX_SNIPPETS:,} snippets or {_MAX_INCLUDED >> 20} MB of them, "
                f"the last one is {name}. Look for snippets that include each other many times over."
            )
