"""From MDX to Markdown, in one pass over the text.

Everything that needs no change is found by one regular expression and copied in long pieces. The rest are the places
where MDX differs from Markdown: tags, expressions, admonitions, imports, fences. A place that turns out to be
something else (`List<String>`, `a < b`, `{name}`) is text and is copied too.
"""

import html
import re
from collections.abc import Callable

from bbj_assets.sources.mdx import elements, fences, places
from bbj_assets.sources.mdx.jsx import Reader
from bbj_assets.sources.mdx.nesting import Nesting
from bbj_assets.sources.mdx.page import Page, Scope
from bbj_assets.sources.mdx.partials import EXPORT, IMPORT
from bbj_assets.sources.mdx.tags import Tags
from bbj_assets.sources.mdx.texts import Texts
from bbj_assets.sources.mdx.writer import Writer

_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_DATA_LINK = re.compile(r"\[([^\[\]\n]*)\]\([ \t]*data:[^()\s]*\)")
_DATA = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=]{32,}")

_ESCAPED_ENTITIES = frozenset("<>{}`*_[]|\\#")


def render(text: str, scope: Scope, page: Page, *, depth: int = 0) -> str:
    """Return Markdown for the MDX in `text`. Finished blocks are hidden in `page` (see `marks`)."""
    rendered = _Rendering(text, Texts(scope=scope, page=page, depth=depth, render=render)).run()
    rendered = _BLANK_LINES.sub("\n\n", rendered)
    if ";base64," in rendered:
        rendered = _DATA.sub("", _DATA_LINK.sub(r"\1", rendered))
    return rendered.strip("\n")


class _Rendering:
    """One pass over one text."""

    def __init__(self, text: str, texts: Texts) -> None:
        self._text = "\n" + text  # so that every line begins with a newline
        self._texts = texts
        self._writer = Writer(self._text)
        self._layout = self._writer.layout
        self._reader = Reader(self._text)
        # A reader of its own, so that this pass and the search for containers each have their own budget.
        nesting = Nesting(Reader(self._text), self._layout)
        self._tags = Tags(writer=self._writer, texts=texts, reader=self._reader, nesting=nesting)
        self._may_have_comments = True

    def run(self) -> str:
        """Render the whole text."""
        text, search = self._text, places.PLACE.search
        actions: dict[str, Callable[[int, int], int]] = {
            "ticks": self._layout.code_span_end,  # a span over several lines, or in several backticks: copied as it is
            "tag": self._tag,
            "braces": self._braces,
            "image": self._image,
            "entity": self._entity,
            "fence": self._fence,
            "colons": self._admonition,
            "module": self._module,
        }
        position = 0
        while (place := search(text, position)) is not None:
            kind = place.lastgroup
            position = place.end() if kind is None else actions[kind](place.start(), place.end())
        self._writer.copy(len(text))
        return "".join(self._writer.output.pieces)

    # Each of these takes the bounds of a place, and returns the position to go on from.

    def _fence(self, start: int, _end: int) -> int:
        fence = fences.read_fence(self._text, start + 1, shift=self._writer.output.shift)
        return self._writer.replace(start, fence.end, "\n" + self._texts.page.hide(fence.markdown))

    def _admonition(self, start: int, end: int) -> int:
        found = places.ADMONITION.match(self._text, start + 1)
        if found is None:
            return end
        prefix = fences.shift_line_left(found["prefix"], self._writer.output.shift)
        quote, rest = prefix.rstrip(), found["rest"].strip()
        if not found["type"]:  # the end of an admonition, or an unknown form of one
            return self._writer.replace(start, found.end(), f"\n{prefix}{rest}" if rest else f"\n{quote}")
        title = places.AFTER_TITLE.sub("", rest).strip()
        title = self._texts.inner(elements.strip_brackets(title))
        heading = elements.admonition_heading(found["type"], title=title)
        return self._writer.replace(start, found.end(), f"\n{quote}\n{prefix}{heading}\n{quote}")

    def _module(self, start: int, end: int) -> int:
        after: int | None = None
        if statement := IMPORT.match(self._text, start + 1):
            after = statement.end()
        elif EXPORT.match(self._text, start + 1):
            after = self._reader.statement(start + 1)
        return end if after is None else self._writer.replace(start, after, "")

    def _image(self, start: int, end: int) -> int:
        image = places.IMAGE.match(self._text, start)
        return self._writer.replace(start, image.end(), elements.one_line(image["alt"])) if image else end

    def _entity(self, start: int, end: int) -> int:
        character = html.unescape(self._text[start:end]).replace("\xa0", " ").replace("\0", "")
        escaped = "\\" + character if character in _ESCAPED_ENTITIES else character
        return self._writer.replace(start, end, escaped)

    def _braces(self, start: int, _end: int) -> int:
        if heading_id := places.HEADING_ID.match(self._text, start):
            end_of_line = self._layout.end_of_blank_rest(heading_id.end())
            if end_of_line is not None or self._layout.in_line(start):
                self._writer.copy(start, trim=True)
                return self._writer.skip(heading_id.end() if end_of_line is None else end_of_line)
        end = self._reader.braces(start)
        if end is None:
            return start + 1
        value = self._texts.expression(self._text[start + 1 : end - 1])
        if value is None or (not value and self._text[start - 1] == "$"):  # `${name}` is a variable of another tool
            self._reader.spend(start, end)
            return start + 1
        return self._writer.replace(start, end, value) if value else self._writer.remove(start, end)

    def _tag(self, start: int, _end: int) -> int:
        if not self._text.startswith("<!--", start):
            return self._tags.render(start)
        end = self._text.find("-->", start + 4) if self._may_have_comments else -1
        self._may_have_comments = end > 0  # without this, a page of `<!--` would be searched to its end for each one
        return self._writer.remove(start, end + 3) if end > 0 else start + 4
