"""From MDX to Markdown, in one pass over the text.

Everything that needs no change is found by one regular expression and copied in long pieces. What is
left are the places where MDX differs from Markdown: tags, expressions, admonitions, imports, fences.
A place that turns out to be nothing of the kind (`List<String>`, `a < b`, `{name}`) is text.
"""

import html
import re
import textwrap
from collections.abc import Callable
from dataclasses import replace

from bbj_assets.convert.html.block import Block, join
from bbj_assets.sources.mdx import elements, fences, places
from bbj_assets.sources.mdx.containers import container_blocks, markdown_blocks
from bbj_assets.sources.mdx.jsx import Reader, Tag, attribute_text, expression_text, is_script
from bbj_assets.sources.mdx.layout import Layout
from bbj_assets.sources.mdx.nesting import CONTAINERS, Nesting
from bbj_assets.sources.mdx.output import Output
from bbj_assets.sources.mdx.page import Page, Scope
from bbj_assets.sources.mdx.partials import EXPORT, IMPORT
from bbj_assets.sources.mdx.preformatted import read_preformatted
from bbj_assets.sources.mdx.titles import plain_text

_OWN_FENCE = re.compile(r"^[ \t>]*(?:```|~~~)", re.MULTILINE)
_QUOTE_MARKS = re.compile(r"\n(?:[ \t]*>)+ ?")
_UNDERLINE = re.compile(r"\n[ \t]*(?:-+|=+)[ \t]*(?=\n|\Z)")
_TAG_LIKE = re.compile(r"<(?=[A-Za-z/!])")
_ELEMENT_INSIDE = re.compile(r"<[A-Za-z>]")
_SPECIAL = re.compile(r"[<{&`!\\]")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_DATA_LINK = re.compile(r"\[([^\[\]\n]*)\]\([ \t]*data:[^()\s]*\)")
_DATA = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=]{32,}")

_ESCAPED_ENTITIES = frozenset("<>{}`*_[]|\\#")
_MAX_DEPTH = 8
_MAX_CONTAINERS = 6


def render(text: str, scope: Scope, page: Page, depth: int = 0) -> str:
    """Markdown for the MDX in `text`; finished code blocks are hidden in `page`."""
    rendered = _Rendering(text, scope, page, depth).run()
    rendered = _BLANK_LINES.sub("\n\n", rendered)
    if ";base64," in rendered:
        rendered = _DATA.sub("", _DATA_LINK.sub(r"\1", rendered))
    return rendered.strip("\n")


class _Rendering:
    """One pass over one text; `_copied` is how far it is in the output, the search may be ahead of it."""

    def __init__(self, text: str, scope: Scope, page: Page, depth: int) -> None:
        self._text = "\n" + text  # so that every line begins with a newline
        self._scope, self._page, self._depth = scope, page, depth
        self._reader, self._layout = Reader(self._text), Layout(self._text)
        self._nesting = Nesting(Reader(self._text), self._layout)
        self._output = Output()
        self._copied = 0
        self._comments_end = True

    def run(self) -> str:
        """The whole text, rendered."""
        text, search = self._text, places.PLACE.search
        actions: dict[str, Callable[[int, int], int]] = {
            "ticks": self._ticks,
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
        self._copy(len(text))
        return "".join(self._output.pieces)

    # What is found: each takes the bounds of the place, and returns where to go on.

    def _ticks(self, start: int, end: int) -> int:
        """A code span over lines or with several backticks: nothing in it is read."""
        return self._layout.code_span_end(start, end)

    def _fence(self, start: int, _end: int) -> int:
        block, after = fences.read_fence(self._text, start + 1, self._output.shift)
        return self._write(start, after, "\n" + self._page.hide(block))

    def _admonition(self, start: int, end: int) -> int:
        found = places.ADMONITION.match(self._text, start + 1)
        if found is None:
            return end
        prefix = fences.unshifted(found["prefix"], self._output.shift)
        quote, rest = prefix.rstrip(), found["rest"].strip()
        if not found["type"]:  # the end of one, or text that nobody can name
            return self._write(start, found.end(), f"\n{prefix}{rest}" if rest else f"\n{quote}")
        title = places.AFTER_TITLE.sub("", rest).strip()
        heading = elements.admonition_heading(found["type"], self._inner(elements.unbracketed(title)))
        return self._write(start, found.end(), f"\n{quote}\n{prefix}{heading}\n{quote}")

    def _module(self, start: int, end: int) -> int:
        statement = IMPORT.match(self._text, start + 1)
        after = statement.end() if statement else -1
        if after < 0 and EXPORT.match(self._text, start + 1):
            after = self._reader.statement(start + 1)
        return self._write(start, after, "") if after > 0 else end

    def _image(self, start: int, end: int) -> int:
        image = places.IMAGE.match(self._text, start)
        return self._write(start, image.end(), elements.one_line(image["alt"])) if image else end

    def _entity(self, start: int, end: int) -> int:
        character = html.unescape(self._text[start:end]).replace("\xa0", " ").replace("\0", "")
        return self._write(start, end, "\\" + character if character in _ESCAPED_ENTITIES else character)

    def _braces(self, start: int, _end: int) -> int:
        heading_id = places.HEADING_ID.match(self._text, start)
        if heading_id and (self._layout.in_line(start) or self._layout.rest_of_line(heading_id.end()) >= 0):
            self._copy(start, trim=True)
            self._copied = max(heading_id.end(), self._layout.rest_of_line(heading_id.end()))
            return self._copied
        end = self._reader.braces(start)
        if end < 0:
            return start + 1
        value = self._expression(self._text[start + 1 : end - 1])
        if value is None or (not value and self._text[start - 1] == "$"):  # `${name}` is for other tools
            self._reader.in_vain(start, end)
            return start + 1
        return self._write(start, end, value) if value else self._remove(start, end)

    def _tag(self, start: int, _end: int) -> int:
        text = self._text
        if text.startswith("<!--", start):
            end = text.find("-->", start + 4) if self._comments_end else -1
            self._comments_end = end > 0
            return self._remove(start, end + 3) if end > 0 else start + 4
        tag = self._reader.tag(start)
        if tag is None:
            return start + 1
        name = elements.html_name(tag.name)
        if tag.closes:
            return self._close(name, start, tag.end)
        if not self._is_element(name, tag, start):
            return start + 1
        if tag.name in self._scope.imports.files:
            after = self._partial(tag, start)
        elif tag.self_closing:
            after = -1
        elif name in elements.INVISIBLE:
            closer = self._layout.closer(tag.name, tag.end)
            return self._remove(start, text.find(">", closer) + 1 if closer > 0 else tag.end)
        elif name in elements.PREFORMATTED:
            after = self._preformatted(tag, start)
        elif name in CONTAINERS:
            after = self._container(name, tag, start)
        else:
            after = -1
        return after if after > 0 else self._element(name, tag, start)

    # Elements. A method that returns -1 has left everything as it was.

    def _is_element(self, name: str, tag: Tag, start: int) -> bool:
        """Whether the tag is one: it closes, says something only a tag says, or is known."""
        if tag.self_closing or any(tag.attributes.values()) or name in elements.NEVER_CLOSED:
            return True
        return tag.name in self._scope.imports.names or self._layout.closer(tag.name, start) > 0

    def _element(self, name: str, tag: Tag, start: int) -> int:
        output, in_line, alone = self._output, self._layout.in_line(start), self._alone(start, tag.end)
        is_block = name in elements.BLOCKS or (alone and name not in elements.INLINE)
        title, texts = self._shown(name, tag) if is_block or tag.self_closing else ("", [])
        if tag.self_closing or name in elements.VOID:
            return self._void(name, tag, start, [elements.bold(title) if texts else title, *texts])
        self._copy(start, trim=is_block)
        if is_block and name != "li":
            output.paragraph(in_line=in_line)
        elif name not in elements.INLINE and self._text[start - 1] == ">":
            output.space()
        if name == "li":
            output.item(in_line=in_line)
        for text in filter(None, (title if in_line else elements.bold_line(title), *texts)):
            output.write(f"{text} " if in_line else f"{text}\n\n")
        finish = elements.WRAPPED.get(name)
        if name in {"a", "Link"}:
            finish = elements.link_to(self._attribute(tag, "href") or self._attribute(tag, "to"))
        elif name == "JavadocLink" and "code" in tag.attributes:
            finish = elements.inline_code
        elif in_line and is_block:
            finish = None
        labels = elements.tab_labels(tag.attributes.get("values", "")) if name == "Tabs" else {}
        if output.open(name, is_block=is_block, finish=finish, labels=labels) and alone and not in_line:
            output.shift += self._layout.indentation_within(start, tag.end)
        self._copied = self._layout.past_space(tag.end) if name == "li" else tag.end
        return self._copied

    def _close(self, name: str, start: int, end: int) -> int:
        output = self._output
        if all(element.name != name for element in output.elements):
            known = name in elements.BLOCKS or name in elements.INLINE or name[:1].isupper() or not name
            return self._remove(start, end) if known else start + 2
        self._copy(start)
        element = output.close(name)
        if element is not None:
            if not (element.finish is elements.inline_code and self._text.startswith("`", end)):
                output.finish(element)  # two code spans side by side would be read as one
            in_item = any(outer.name == "li" for outer in output.elements)
            if element.is_block and name != "li" and not (in_item and name in {"ul", "ol"}):
                output.paragraph(in_line=self._layout.in_line(start))
        self._copied = end
        return end

    def _void(self, name: str, tag: Tag, start: int, shown: list[str]) -> int:
        output, in_line = self._output, self._layout.in_line(start)
        if name in {"br", "hr"}:
            self._copy(start, trim=True)
            self._copied = tag.end
            if name == "hr":
                output.paragraph(in_line=in_line)
            elif in_line:
                output.space()
            elif self._layout.rest_of_line(tag.end) < 0:
                output.line_break()
                self._copied = self._layout.past_space(tag.end)
            return self._copied
        shown = [text for text in shown if text]
        text = self._attribute(tag, "alt") if name == "img" else (" " if in_line else "\n\n").join(shown)
        if not text:
            return self._remove(start, tag.end)
        self._copy(start)
        if len(shown) > 1 and not in_line:
            output.block(text)
            text = ""
        elif self._text[start - 1] == ">":
            output.space()
        return self._write(start, tag.end, f"\x01{text}\x02" if in_line and name == "DocChip" else text)

    def _shown(self, name: str, tag: Tag) -> tuple[str, list[str]]:
        """What a component's attributes put on the page: a title, and other texts."""
        is_html = name in elements.INLINE or name in elements.BLOCKS
        if name in elements.SILENT or (is_html and name not in elements.TITLED):
            return "", []
        if elements.SHOWN.isdisjoint(tag.attributes) and name != "Admonition":
            return "", []
        if name == "DocChip":
            return elements.chip_text({key: self._attribute(tag, key) for key in ("chip", "label")}), []
        if name == "TabItem":
            value = self._attribute(tag, "value")
            return self._attribute(tag, "label") or self._output.tab_label(value), []
        title = next(filter(None, (self._attribute(tag, key) for key in elements.TITLES)), "")
        if name == "Admonition":
            return elements.admonition_heading(self._attribute(tag, "type") or "note", title).strip("*"), []
        texts = dict.fromkeys(filter(None, (self._attribute(tag, key) for key in elements.TEXTS)))
        return title, [text for text in texts if text != title]

    def _partial(self, tag: Tag, start: int) -> int:
        """Inline what the tag imports, without a heading that repeats the one above it."""
        props = {key: self._attribute(tag, key) for key in tag.attributes}
        opened = self._page.open_partial(self._scope, tag.name, props)
        if opened is None:
            return -1
        before = len(self._page.code)
        inlined = render(*opened, self._page, self._depth)
        in_line = self._layout.in_line(start) or not ("\n" in inlined or self._alone(start, tag.end))
        self._copy(start, trim=not in_line)
        heading, _, rest = inlined.partition("\n")
        said = self._output.last_heading()
        said = self._scope.values.get("frontMatter.title") if said == "" else said
        if heading.startswith("#") and plain_text(heading.lstrip("#")) == said:
            inlined = rest.lstrip("\n")
        if in_line:
            self._output.write(elements.one_line(inlined))
        elif inlined:
            indentation = self._output.block(inlined)
            self._page.indent(before, indentation)
        self._copied = tag.end
        if not tag.self_closing:
            self._output.open(tag.name)
        return tag.end

    def _preformatted(self, tag: Tag, start: int) -> int:
        """`<pre>` or `<CodeBlock>` as a fence, unless Markdown's own fences are in it."""
        closer = self._layout.closer(tag.name, tag.end)
        source = self._text[tag.end : closer]
        if closer < 0 or (_OWN_FENCE.search(source) and source.lstrip()[:1] != "{"):
            return -1
        language, code = read_preformatted(tag, source, self._scope, self._page)
        title = self._attribute(tag, "title")
        self._copy(start, trim=True)
        if self._layout.in_line(start):
            self._output.write(elements.inline_code(code))
        else:
            if title:
                self._output.block(elements.bold(title))
            if code:
                before = len(self._page.code)
                indentation = self._output.block(self._page.hide(fences.fenced(code, language)))
                self._page.indent(before, indentation)
        self._copied = self._text.find(">", closer) + 1
        return self._copied

    def _container(self, name: str, tag: Tag, start: int) -> int:
        """A table, list or quote of HTML, unless it is in a row or a heading, or too deep in others."""
        if self._depth >= _MAX_CONTAINERS or self._layout.in_line(start):
            return -1
        closer = self._nesting.closer(start)
        if closer < 0:
            return -1
        end = self._text.find(">", closer) + 1
        source = self._text[tag.end : closer]
        if self._layout.in_quote(start):
            source = _QUOTE_MARKS.sub("\n", source)
        blocks = container_blocks(name, tag, source, self._blocks)
        if not blocks:
            return self._remove(start, end)
        self._copy(start, trim=True)
        self._output.blank_line()
        before = len(self._page.code)
        indentation = self._output.block(self._page.hide(join(blocks), blocks))
        self._page.indent(before, indentation)
        self._copied = self._layout.past_blanks(end)
        return self._copied

    def _blocks(self, source: str) -> list[Block]:
        """The blocks of a part of a container: its lines are indented for the eye."""
        first, newline, rest = source.partition("\n")
        source = f"{first}{newline}{textwrap.dedent(rest)}".strip()
        if newline or _SPECIAL.search(source):
            source = render(source, self._scope, self._page, self._depth + 1)
        return markdown_blocks(source, self._page)

    # What texts stand for

    def _inner(self, source: str, *, in_script: bool = False) -> str:
        """Markdown for a piece of the page that stands by itself: a cell, a title, JSX in an expression."""
        if not _SPECIAL.search(source):
            return source.strip()
        if self._depth >= _MAX_DEPTH:
            return elements.attribute_markup_removed(source)
        scope = replace(self._scope, in_script=True) if in_script else self._scope
        return render(source.strip(), scope, self._page, self._depth + 1)

    def _expression(self, code: str) -> str | None:
        """What an expression puts on the page; None when it is none, but words in braces."""
        value = expression_text(code, self._scope.values)
        if value is not None:
            return _TAG_LIKE.sub(r"\\<", value)
        element = _ELEMENT_INSIDE.search(code)
        end = code.rfind(">") + 1
        if element and end > element.start():
            return self._inner(code[element.start() : end], in_script=True)
        return "" if is_script(code, self._scope.knows) else None

    def _attribute(self, tag: Tag, name: str) -> str:
        """The text of an attribute, as one line; empty when it is a switch or a script."""
        value = tag.attributes.get(name, "")
        text = attribute_text(value, self._scope.values)
        if not text and value.startswith("{") and _ELEMENT_INSIDE.search(value):
            text = self._expression(value[1:-1]) or ""
        return "" if text in {"", "true", "false"} else elements.attribute_markup_removed(text)

    # Writing

    def _alone(self, start: int, end: int) -> bool:
        """Whether nothing but other tags is on the lines of a tag."""
        newline = self._text.rfind("\n", self._copied, start)
        before = self._text[max(newline + 1, self._copied) : start]
        if newline < 0:
            before = self._output.line + before
        return not before.strip() and (self._layout.rest_of_line(end) >= 0 or self._text[end] == "<")

    def _copy(self, end: int, *, trim: bool = False) -> None:
        """Copy the source as it is, up to `end`; `trim` drops the spaces between words and what follows."""
        chunk = self._text[self._copied : end]
        if self._output.shift:
            chunk = fences.shift_left(chunk, self._output.shift)
        if trim:
            chunk = self._output.trimmed(chunk)
        self._output.write(chunk)
        self._copied = end

    def _write(self, start: int, end: int, text: str) -> int:
        """Put `text` in place of the source from `start` to `end`."""
        self._copy(max(start, self._copied))
        self._output.write(text)
        self._copied = end
        return end

    def _remove(self, start: int, end: int) -> int:
        """Leave out the source from `start` to `end`, and its line when nothing else is on it."""
        rest = self._layout.rest_of_line(end)
        before = start
        while before > self._copied and self._text[before - 1] in " \t":
            before -= 1
        if rest >= 0 and before > self._copied and self._text[before - 1] == "\n":
            # `---` below text would make a heading of it
            return self._write(before - 1, rest, "\n" if _UNDERLINE.match(self._text, rest) else "")
        return self._write(start, end, "")
