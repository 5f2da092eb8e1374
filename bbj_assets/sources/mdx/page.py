"""The state that a page and all partials inlined into it share while the page is rendered."""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bbj_assets.convert.html.block import Block
from bbj_assets.errors import ParseError
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.mdx import marks
from bbj_assets.sources.mdx.frontmatter import split_front_matter
from bbj_assets.sources.mdx.jsx import Values
from bbj_assets.sources.mdx.partials import Imports, is_partial, read_imports, read_reference

MAX_INLINED = 500
"""Partials on one page. Ten that include ten others would otherwise multiply without end."""

MAX_INLINED_CHARS = 8 * 1024 * 1024

MAX_INCLUDE_DEPTH = 20

_MAX_WARNINGS = 50

_MARKS = re.compile(f"[{marks.ALL}]")


@dataclass(frozen=True, slots=True)
class Scope:
    """The meaning of names in one file.

    Attributes:
        path: the path of the file below the root.
        imports: the imports of the file.
        values: `props.x`, `frontMatter.title` and exported constants.
        trail: the files that are being inlined, the page first. A file in it is not inlined again.
        in_script: whether the text is JSX within an expression, where every name belongs to the script.
    """

    path: str
    imports: Imports
    values: Values
    trail: tuple[str, ...]
    in_script: bool = False

    def knows(self, name: str) -> bool:
        """Return whether JavaScript would know the name here."""
        return self.in_script or name in self.imports.names or name in _GLOBALS


_GLOBALS = frozenset(
    {"props", "frontMatter", "metadata", "toc", "contentTitle", "assets", "children", "siteConfig", "React", "Math"}
)


@dataclass(slots=True)
class Page:
    """The state of one page.

    Attributes:
        files: reads partials and records them as dependencies.
        warnings: problems for the author of the page.
        hidden: finished blocks by the numbers in their marks (see `marks`).
        inlined: the number of partials inlined so far.
        inlined_chars: their characters.
    """

    files: SourceFiles
    warnings: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    inlined: int = 0
    inlined_chars: int = 0
    _html_blocks: dict[str, Sequence[Block]] = field(default_factory=dict)

    def hide(self, block: str, html_blocks: Sequence[Block] = ()) -> str:
        """Keep a finished block and return its mark, so that nothing inside the block is read as MDX.

        Args:
            block: its Markdown.
            html_blocks: the blocks of HTML that the Markdown was made of, for a container around it.
        """
        mark = marks.hidden_block(len(self.hidden))
        self.hidden.append(block)
        if html_blocks:
            self._html_blocks[mark] = html_blocks
        return mark

    def html_blocks(self, mark: str) -> Sequence[Block]:
        """Return the blocks of HTML behind a mark; none for hidden code and for other text."""
        return self._html_blocks.get(mark, ())

    def indent(self, *, first: int, indentation: str) -> None:
        """Indent the hidden blocks from number `first` on like the text around them."""
        if indentation:
            for number in range(first, len(self.hidden)):
                self.hidden[number] = indent_lines(self.hidden[number], indentation)

    def restore(self, text: str) -> str:
        """Return the text with the hidden blocks in place of their marks."""
        return marks.HIDDEN_BLOCK.sub(lambda mark: self.hidden[int(mark[1])], text)

    def warn(self, message: str) -> None:
        """Add a warning unless the page has it already, or has too many."""
        if message not in self.warnings and len(self.warnings) < _MAX_WARNINGS:
            self.warnings.append(message)

    def open_partial(self, scope: Scope, name: str, props: Mapping[str, str]) -> tuple[str, Scope] | None:
        """Return the text of an imported partial and its scope; None, with a warning, when it cannot be inlined."""
        reference = scope.imports.files.get(name, "")
        if not is_partial(reference):
            return None
        found = read_reference(self.files, reference, importer=scope.path)
        if found is None:
            self.warn(f"{scope.path} imports {reference}, which does not exist below the source's folder.")
            return None
        path, raw = found
        if path in scope.trail:
            self.warn(f"{scope.path} imports {path}, which includes it in turn.")
            return None
        is_too_much = self.inlined >= MAX_INLINED or self.inlined_chars >= MAX_INLINED_CHARS
        if is_too_much or len(scope.trail) > MAX_INCLUDE_DEPTH:
            self.warn(f"{scope.path} imports {path}, one partial too many: they include each other.")
            return None
        self.inlined += 1
        try:
            _, text = split_front_matter(decode(raw))
        except ParseError as error:
            self.warn(f"{scope.path} imports {path}, which cannot be read: {error}")
            return None
        self.inlined_chars += len(text)
        given = {f"props.{key}": value for key, value in props.items()}
        outer = {key: value for key, value in scope.values.items() if key.startswith("frontMatter.")}
        return text, new_scope(path, text=text, values={**outer, **given}, trail=(*scope.trail, path))

    def read_raw_import(self, scope: Scope, name: str) -> str | None:
        """Return the text of a file that is imported to be shown as code; None when it is missing."""
        reference = scope.imports.files.get(name, "")
        found = None if is_partial(reference) else read_reference(self.files, reference, importer=scope.path)
        return decode(found[1]).strip("\n") if found else None


def indent_lines(text: str, indentation: str) -> str:
    """Indent every line except the first. The mark of a quote is put before empty lines too."""
    return re.sub(r"\n" if ">" in indentation else r"\n(?!\n)", lambda _: "\n" + indentation, text)


def new_scope(path: str, *, text: str, values: Values, trail: tuple[str, ...]) -> Scope:
    """Return the scope of a file: its imports, and the values passed to it."""
    imports = read_imports(text)
    return Scope(path, imports, {**values, **imports.constants}, trail)


def decode(raw: bytes) -> str:
    r"""Return the text of a file, with `\n` at line ends and without the characters that serve as marks.

    The encoding is UTF-8, with or without a byte order mark, UTF-16 with one, or cp1252.

    Raises:
        ParseError: the bytes are in none of these; the message names the first wrong byte.
    """
    encoding: Literal["utf-16", "utf-8-sig"] = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        try:
            text = raw.removeprefix(BOM_UTF8).decode("cp1252")
        except UnicodeDecodeError:
            line = raw.count(b"\n", 0, error.start) + 1
            raise ParseError(
                f"Not a text: byte {error.start} (line {line}) is neither {encoding.removesuffix('-sig')} nor "
                "cp1252. Save the file as UTF-8."
            ) from None
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _MARKS.sub("", text) if any(mark in text for mark in marks.ALL) else text
