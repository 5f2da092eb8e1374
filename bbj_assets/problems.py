"""A collector of configuration problems, so that all of them are reported at once."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bbj_assets.errors import ConfigurationError


class Problems:
    """Problems that were found so far, each a sentence with its remedy.

    `at` returns a view of the same collection whose problems begin with a place.

    >>> problems = Problems()
    >>> problems.at("sources.toml").at("source 'guide'").add("`url` is missing.")
    >>> list(problems)
    ["sources.toml: source 'guide': `url` is missing."]
    """

    def __init__(self, found: list[str] | None = None, place: str = "") -> None:
        self._found = [] if found is None else found
        self._place = place

    def at(self, place: str) -> "Problems":
        """Return a collector of the same problems for a place within the present one."""
        return Problems(self._found, f"{self._place}{place}: ")

    def add(self, problem: str) -> None:
        """Add a problem at this place."""
        self._found.append(f"{self._place}{problem}")

    def extend(self, problems: Iterable[str]) -> None:
        """Add several problems at this place."""
        for problem in problems:
            self.add(problem)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Add the problems of a `ConfigurationError` instead of raising it."""
        try:
            yield
        except ConfigurationError as error:
            self.extend(error.problems)

    def raise_if_any(self) -> None:
        """Raise all problems together.

        Raises:
            ConfigurationError: there is at least one problem.
        """
        if self._found:
            raise ConfigurationError(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)
