"""What one page and everything that is inlined into it share while it is rendered."""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bbj_assets.convert.html.block import Block
from bbj_assets.errors import ParseError
from bbj_assets.sources.files import SourceFiles
from bbj_assets.sources.mdx.frontmatter import split_front_matter
from bbj_assets.sources.mdx.jsx import Values
from bbj_assets.sources.mdx.partials import Imports, is_partial, read_imports, read_reference

MAX_INLINED = 500
"""Partials on one page; ten that include ten others would otherwise multiply without end."""

MAX_INLINED_CHARS = 8 * 1024 * 1024

MAX_INCLUDE_DEPTH = 20

_NOT_TEXT = re.compile("[\0\x01\x02]")
_HIDDEN = re.compile("\0(\\d+)\0")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the names in one file mean.

    Attributes:
        path: the file, below the root.
        imports: what it imports.
        values: `props.x`, `frontMatter.title` and exported constants.
        trail: the files that are being inlined, the page first: a file in it is not inlined again.
        in_script: it is JSX within an expression, where every name is one of the script's.
    """

    path: str
    imports: Imports
    values: Values
    trail: tuple[str, ...]
    in_script: bool = False

    def knows(self, name: str) -> bool:
        """Whether the name is one that JavaScript would know here."""
        return self.in_script or name in self.imports.names or name in _GLOBALS


_GLOBALS = frozenset(
    {"props", "frontMatter", "metadata", "toc", "contentTitle", "assets", "children", "siteConfig", "React", "Math"}
)


@dataclass(slots=True)
class Page:
    """The state of one page: its hidden code, its warnings, and what it has read."""

    files: SourceFiles
    warnings: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    inlined: int = 0
    inlined_chars: int = 0
    _made_of: dict[str, Sequence[Block]] = field(default_factory=dict)

    def hide(self, block: str, made_of: Sequence[Block] = ()) -> str:
        """A mark for a finished block, which nothing is to be read in any more."""
        self.code.append(block)
        mark = f"\0{len(self.code) - 1}\0"
        if made_of:
            self._made_of[mark] = made_of
        return mark

    def made_of(self, mark: str) -> Sequence[Block]:
        """The blocks that a mark was made for; none for code, and for what is no mark."""
        return self._made_of.get(mark, ())

    def indent(self, first: int, indentation: str) -> None:
        """Indent the blocks that were hidden from `first` on, as the text around them was."""
        if indentation:
            for index in range(first, len(self.code)):
                self.code[index] = indented(self.code[index], indentation)

    def shown(self, text: str) -> str:
        """The text with the hidden blocks in their places."""
        return _HIDDEN.sub(lambda mark: self.code[int(mark[1])], text)

    def warn(self, message: str) -> None:
        """Add a warning, once."""
        if message not in self.warnings and len(self.warnings) < 50:
            self.warnings.append(message)

    def open_partial(self, scope: Scope, name: str, props: Mapping[str, str]) -> tuple[str, Scope] | None:
        """The text of an imported partial and its own scope; None, with a warning, when it cannot be inlined."""
        reference = scope.imports.files.get(name, "")
        if not is_partial(reference):
            return None
        found = read_reference(self.files, scope.path, reference)
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
            _, text = split_front_matter(decoded(raw))
        except ParseError as error:
            self.warn(f"{scope.path} imports {path}, which cannot be read: {error}")
            return None
        self.inlined_chars += len(text)
        given = {f"props.{key}": value for key, value in props.items()}
        outer = {key: value for key, value in scope.values.items() if key.startswith("frontMatter.")}
        return text, new_scope(path, text, {**outer, **given}, (*scope.trail, path))

    def raw_import(self, scope: Scope, name: str) -> str | None:
        """The text of a file that is imported to be shown as code."""
        reference = scope.imports.files.get(name, "")
        found = None if is_partial(reference) else read_reference(self.files, scope.path, reference)
        return decoded(found[1]).strip("\n") if found else None


def indented(text: str, indentation: str) -> str:
    """The text with every line but the first indented; a quote's mark is put before empty lines too."""
    return re.sub(r"\n" if ">" in indentation else r"\n(?!\n)", lambda _: "\n" + indentation, text)


def new_scope(path: str, text: str, values: Values, trail: tuple[str, ...]) -> Scope:
    """The scope of a file: what it imports, and what it is given."""
    imports = read_imports(text)
    return Scope(path, imports, {**values, **imports.constants}, trail)


def decoded(raw: bytes) -> str:
    r"""The text of a file, with `\n` at line ends and without NUL: UTF-8, with or without a mark, or cp1252.

    Raises:
        ParseError: it is neither; the message names the first byte that is wrong.
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
    return _NOT_TEXT.sub("", text) if any(mark in text for mark in "\0\x01\x02") else text
