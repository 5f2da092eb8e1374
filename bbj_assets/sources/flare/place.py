"""Where the walk over a topic is: the file that an element is written in, and the conditions that apply there."""

from dataclasses import dataclass

from lxml.etree import _Element as Element

from bbj_assets.sources.flare.conditions import Selection, condition_names
from bbj_assets.sources.flare.markup import Markup, conditions_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in a topic or in one of its snippets.

    Attributes:
        path: the file that the element is written in; its links are relative to this file.
        selection: the conditions that apply there.
        well_formed: whether the file is well-formed XML.
        has_references: whether the file has any `[%=Set.Name%]`.
        has_conditions: whether the file has any conditions.
        expression: the conditions for snippets that name none themselves.
        chain: the snippets around the element, outermost first.
    """

    path: str
    selection: Selection
    well_formed: bool
    has_references: bool
    has_conditions: bool
    expression: str
    chain: tuple[str, ...] = ()

    @classmethod
    def top_of(
        cls, path: str, markup: Markup, selection: Selection, *, expression: str, chain: tuple[str, ...] = ()
    ) -> "Place":
        """Return the place at the top of a file."""
        return cls(
            path=path,
            selection=selection,
            well_formed=markup.well_formed,
            has_references=markup.has_references,
            has_conditions=markup.has_conditions,
            expression=expression,
            chain=chain,
        )

    def leaves_out(self, element: Element) -> bool:
        """Return whether the conditions of an element leave it out."""
        names = condition_names(conditions_of(element))
        return bool(names) and not self.selection.keeps(names)
