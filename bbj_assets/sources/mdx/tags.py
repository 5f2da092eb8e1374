"""Tags of HTML and JSX as Markdown: elements, partials, preformatted code and containers."""

import re
import textwrap
from dataclasses import dataclass

from bbj_assets.convert.html.block import Block, join
from bbj_assets.sources.mdx import elements, fences
from bbj_assets.sources.mdx.containers import container_blocks, markdown_blocks
from bbj_assets.sources.mdx.jsx import Reader, Tag
from bbj_assets.sources.mdx.marks import aside
from bbj_assets.sources.mdx.nesting import CONTAINERS, Nesting
from bbj_assets.sources.mdx.preformatted import read_preformatted
from bbj_assets.sources.mdx.texts import MAY_BE_MARKUP, NO_CAPTION, Caption, Texts
from bbj_assets.sources.mdx.titles import plain_text
from bbj_assets.sources.mdx.writer import Writer

_OWN_FENCE = re.compile(r"^[ \t>]*(?:```|~~~)", re.MULTILINE)
_QUOTE_MARKS = re.compile(r"\n(?:[ \t]*>)+ ?")
_MAX_CONTAINERS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """Renders the tags of one text.

    Every method that renders returns the position to go on from. A method whose result may be None returns None
    for a tag of another kind. It has then written nothing, and the tag can be rendered in another way.
    """

    writer: Writer
    texts: Texts
    reader: Reader
    nesting: Nesting

    def render(self, start: int) -> int:
        """Render the tag at `start`; text that only looks like a tag is left to be copied."""
        tag = self.reader.tag(start)
        if tag is None:
            return start + 1
        name = elements.html_name(tag.name)
        if tag.closes:
            return self._close(name, start, tag.end)
        if not self._is_element(name, tag, start):
            return start + 1
        after: int | None = None
        if tag.name in self.texts.scope.imports.files:
            after = self._partial(tag, start)
        elif tag.self_closing:
            pass
        elif name in elements.INVISIBLE:
            closing_tag = self.writer.layout.closing_tag(tag.name, tag.end)
            return self.writer.remove(start, tag.end if closing_tag is None else self._tag_end(closing_tag))
        elif name in elements.PREFORMATTED:
            after = self._preformatted(tag, start)
        elif name in CONTAINERS:
            after = self._container(name, tag, start)
        return self._element(name, tag, start) if after is None else after

    def _is_element(self, name: str, tag: Tag, start: int) -> bool:
        """Return whether it certainly is a tag: it closes, has what only a tag has, or its name is known."""
        if tag.self_closing or any(tag.attributes.values()) or name in elements.NEVER_CLOSED:
            return True
        is_imported = tag.name in self.texts.scope.imports.names
        return is_imported or self.writer.layout.closing_tag(tag.name, start) is not None

    def _tag_end(self, start: int) -> int:
        return self.writer.text.find(">", start) + 1

    def _element(self, name: str, tag: Tag, start: int) -> int:
        writer, output, layout = self.writer, self.writer.output, self.writer.layout
        in_line, alone = layout.in_line(start), writer.is_alone(start, tag.end)
        is_block = name in elements.BLOCKS or (alone and name not in elements.INLINE)
        caption = self.texts.caption(name, tag, output) if is_block or tag.self_closing else NO_CAPTION
        if tag.self_closing or name in elements.VOID:
            return self._void(name, tag, start, caption)
        writer.copy(start, trim=is_block)
        if is_block and name != "li":
            output.paragraph(in_line=in_line)
        elif name not in elements.INLINE and writer.text[start - 1] == ">":
            output.space()
        if name == "li":
            output.item(in_line=in_line)
        title = caption.title if in_line else elements.bold_line(caption.title)
        for text in filter(None, (title, *caption.texts)):
            output.write(f"{text} " if in_line else f"{text}\n\n")
        finish = elements.WRAPPED.get(name)
        if name in {"a", "Link"}:
            finish = elements.link_to(self.texts.attribute(tag, "href") or self.texts.attribute(tag, "to"))
        elif name == "JavadocLink" and "code" in tag.attributes:
            finish = elements.inline_code
        elif in_line and is_block:
            finish = None
        labels = elements.tab_labels(tag.attributes.get("values", "")) if name == "Tabs" else {}
        if output.open(name, is_block=is_block, finish=finish, labels=labels) and alone and not in_line:
            output.shift += layout.indentation_within(start, tag.end)
        return writer.skip(layout.skip_white_space(tag.end) if name == "li" else tag.end)

    def _close(self, name: str, start: int, end: int) -> int:
        writer, output = self.writer, self.writer.output
        if all(element.name != name for element in output.elements):
            known = name in elements.BLOCKS or name in elements.INLINE or name[:1].isupper() or not name
            return writer.remove(start, end) if known else start + 2
        writer.copy(start)
        element = output.close(name)
        if element is not None:
            if not (element.finish is elements.inline_code and writer.text.startswith("`", end)):
                output.finish(element)  # two adjacent code spans would be read as one
            in_item = any(outer.name == "li" for outer in output.elements)
            if element.is_block and name != "li" and not (in_item and name in {"ul", "ol"}):
                output.paragraph(in_line=writer.layout.in_line(start))
        return writer.skip(end)

    def _void(self, name: str, tag: Tag, start: int, caption: Caption) -> int:
        writer, output = self.writer, self.writer.output
        in_line = writer.layout.in_line(start)
        if name in {"br", "hr"}:
            return self._break(name, tag, start, in_line=in_line)
        title = elements.bold(caption.title) if caption.texts else caption.title
        shown = [text for text in (title, *caption.texts) if text]
        text = self.texts.attribute(tag, "alt") if name == "img" else (" " if in_line else "\n\n").join(shown)
        if not text:
            return writer.remove(start, tag.end)
        writer.copy(start)
        if len(shown) > 1 and not in_line:
            output.block(text)
            text = ""
        elif writer.text[start - 1] == ">":
            output.space()
        return writer.replace(start, tag.end, aside(text) if in_line and name == "DocChip" else text)

    def _break(self, name: str, tag: Tag, start: int, *, in_line: bool) -> int:
        writer, output = self.writer, self.writer.output
        writer.copy(start, trim=True)
        if name == "hr":
            output.paragraph(in_line=in_line)
        elif in_line:
            output.space()
        elif writer.layout.end_of_blank_rest(tag.end) is None:
            output.line_break()
            return writer.skip(writer.layout.skip_white_space(tag.end))
        return writer.skip(tag.end)

    def _partial(self, tag: Tag, start: int) -> int | None:
        """Inline the partial that the tag imports, without a heading that repeats the one above it."""
        writer, output, texts = self.writer, self.writer.output, self.texts
        props = {key: texts.attribute(tag, key) for key in tag.attributes}
        opened = texts.page.open_partial(texts.scope, tag.name, props)
        if opened is None:
            return None
        text, scope = opened
        first_hidden = len(texts.page.hidden)
        inlined = texts.render(text, scope, texts.page, depth=texts.depth)
        in_line = writer.layout.in_line(start) or not ("\n" in inlined or writer.is_alone(start, tag.end))
        writer.copy(start, trim=not in_line)
        heading, _, rest = inlined.partition("\n")
        heading_above = output.last_heading(at_start=texts.scope.values.get("frontMatter.title"))
        if heading.startswith("#") and plain_text(heading.lstrip("#")) == heading_above:
            inlined = rest.lstrip("\n")
        if in_line:
            output.write(elements.one_line(inlined))
        elif inlined:
            texts.page.indent(first=first_hidden, indentation=output.block(inlined))
        writer.skip(tag.end)
        if not tag.self_closing:
            output.open(tag.name)
        return tag.end

    def _preformatted(self, tag: Tag, start: int) -> int | None:
        """Render `<pre>` or `<CodeBlock>` as a fence, unless it holds fences of Markdown."""
        writer, output, page = self.writer, self.writer.output, self.texts.page
        closing_tag = writer.layout.closing_tag(tag.name, tag.end)
        if closing_tag is None:
            return None
        source = writer.text[tag.end : closing_tag]
        if _OWN_FENCE.search(source) and source.lstrip()[:1] != "{":
            return None
        language, code = read_preformatted(tag, source, self.texts.scope, page)
        title = self.texts.attribute(tag, "title")
        writer.copy(start, trim=True)
        if writer.layout.in_line(start):
            output.write(elements.inline_code(code))
        else:
            if title:
                output.block(elements.bold(title))
            if code:
                self._write_hidden(fences.fenced(code, language=language))
        return writer.skip(self._tag_end(closing_tag))

    def _container(self, name: str, tag: Tag, start: int) -> int | None:
        """Render a table, list or quote of HTML, unless it is in a row or heading, or too deep in others."""
        writer, layout = self.writer, self.writer.layout
        if self.texts.depth >= _MAX_CONTAINERS or layout.in_line(start):
            return None
        closing_tag = self.nesting.closing_tag(start)
        if closing_tag is None:
            return None
        end = self._tag_end(closing_tag)
        source = writer.text[tag.end : closing_tag]
        if layout.in_quote(start):
            source = _QUOTE_MARKS.sub("\n", source)
        blocks = container_blocks(name, tag, source, self._part_blocks)
        if not blocks:
            return writer.remove(start, end)
        writer.copy(start, trim=True)
        writer.output.blank_line()
        self._write_hidden(join(blocks), blocks)
        return writer.skip(layout.skip_blanks(end))

    def _write_hidden(self, markdown: str, html_blocks: list[Block] | None = None) -> None:
        """Write a finished block, which is not read as MDX again."""
        page = self.texts.page
        first_hidden = len(page.hidden)
        indentation = self.writer.output.block(page.hide(markdown, html_blocks or ()))
        page.indent(first=first_hidden, indentation=indentation)

    def _part_blocks(self, source: str) -> list[Block]:
        """Return the blocks of a part of a container, whose lines are indented for the eye."""
        texts = self.texts
        first, newline, rest = source.partition("\n")
        source = f"{first}{newline}{textwrap.dedent(rest)}".strip()
        if newline or MAY_BE_MARKUP.search(source):
            source = texts.render(source, texts.scope, texts.page, depth=texts.depth + 1)
        return markdown_blocks(source, texts.page)
