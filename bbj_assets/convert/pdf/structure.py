"""The structure that a PDF declares: its outline and its title and author, read with pypdf.

pypdf resolves references, object streams, encryption and text encodings. It does not read the text of the pages:
`reading` says why. Two of pypdf's own shortcuts are not used here:

- `PdfReader.outline` raises at its limit and so loses every entry, copies the set of visited nodes for each entry that
  has children, and follows shared branches again and again. The walk below visits a node once and keeps what it has.
- `PdfReader.named_destinations` ignores one of the two places for names when a file uses both, and replaces a
  destination of an unknown kind by the first page.
"""

import io
import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NullObject

from bbj_assets.convert.pdf.geometry import clean

MAX_OUTLINE_ENTRIES = 50_000
MAX_OUTLINE_DEPTH = 32

MAX_NAMES = 200_000
"""Named destinations, and nodes of the tree that holds them."""

MAX_CHARACTERS = 10_000
"""A longer title or property is damage, and is left out."""

_LANGUAGE_CODE = re.compile("\x1b[^\x1b]{0,12}\x1b")
"""A language that a text names within itself (ISO 32000-1, 7.9.2.2)."""

_CONTROL = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """A bookmark.

    Attributes:
        title: the text that a viewer shows.
        level: depth in the outline, from 0.
        page: index of the target page, from 0; None without a target in this file.
        x: left edge of the target, in points in the coordinates of the file; None if not given.
        y: top edge of the target, likewise.
    """

    title: str
    level: int
    page: int | None
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The declared structure of a file.

    Attributes:
        title: from the document properties; empty without one.
        author: likewise.
        outline: the bookmarks, each before its children.
        warnings: sentences on what could not be read.
    """

    title: str = ""
    author: str = ""
    outline: tuple[OutlineEntry, ...] = ()
    warnings: tuple[str, ...] = ()


def read_structure(raw: bytes, *, page_count: int) -> Structure:
    """Read the structure of a file; damage becomes a warning, never an error.

    Args:
        raw: the file; an encrypted one is opened with the empty password.
        page_count: the number of pages; targets beyond it are dropped.
    """
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it logs each repair, and has no other switch
    warnings: list[str] = []
    properties = {"Title": "", "Author": ""}
    entries: list[OutlineEntry] = []
    with _damage_as_warning("the outline and the properties", warnings):
        reader = PdfReader(io.BytesIO(raw))
        with _damage_as_warning("the properties", warnings):
            information = _dictionary(_value(reader.trailer, "/Info"))
            for key in properties:
                properties[key] = _text(_value(information, f"/{key}"))
        with _damage_as_warning("the outline", warnings):
            outline = _Outline(reader, page_count)
            entries.extend(outline.entries())
            if outline.breaks:
                warnings.append(
                    f"Damaged file: the outline breaks off in {outline.breaks} places; entries are missing."
                )
            if outline.unknown_targets:
                warnings.append(
                    f"Damaged file: {outline.unknown_targets} entries of the outline lead to a name or a page that "
                    "the file lacks."
                )
    return Structure(
        title=properties["Title"], author=properties["Author"], outline=tuple(entries), warnings=tuple(warnings)
    )


@contextmanager
def _damage_as_warning(part: str, warnings: list[str]) -> Iterator[None]:
    """Turn an error of pypdf into a warning that `part` cannot be read.

    The warning has the type of the error and not its message, in which pypdf puts memory addresses.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - on damaged objects pypdf raises errors of any type
        warnings.append(f"Damaged file: cannot read {part} (pypdf: {type(error).__name__}).")


class _Outline:
    """The outline of one file; numbers the pages and collects the named destinations when an entry needs them.

    Attributes:
        breaks: places where a branch ended before the last of its entries.
        unknown_targets: entries that lead to a name, or to a page object, which the file does not have.
    """

    def __init__(self, reader: PdfReader, page_count: int) -> None:
        self._reader = reader
        self._page_count = page_count
        self._page_of_object: dict[int, int] | None = None
        self._names: dict[str, object] | None = None
        self.breaks = 0
        self.unknown_targets = 0

    def entries(self) -> Iterator[OutlineEntry]:
        """Yield the bookmarks, each before its children. A node that was visited already ends its branch."""
        seen: set[int] = set()
        root = _dictionary(self._linked(self._reader.root_object, "/Outlines"))
        stack = [(self._linked(root, "/First"), _value(root, "/Last"))]
        while stack and len(seen) < MAX_OUTLINE_ENTRIES:
            node, last_sibling = stack.pop()
            if not isinstance(node, DictionaryObject) or id(node) in seen:  # pypdf keeps each object once
                continue
            seen.add(id(node))
            yield self._entry(node, len(stack))
            following = self._linked(node, "/Next")
            if following is None and isinstance(last_sibling, DictionaryObject) and last_sibling is not node:
                self.breaks += 1  # pypdf keeps what stands before the damage in an object, without its /Next
            stack.append((following, last_sibling))
            if len(stack) <= MAX_OUTLINE_DEPTH:
                stack.append((self._linked(node, "/First"), _value(node, "/Last")))

    def _entry(self, node: DictionaryObject, level: int) -> OutlineEntry:
        title = _text(_value(node, "/Title"))
        destination = self._destination(node)
        page = self._page(destination)
        if destination is None or page is None:
            return OutlineEntry(title, level, None)
        x, y = _position([item.get_object() for item in destination[1:]])
        return OutlineEntry(title, level, page, x, y)

    def _linked(self, node: DictionaryObject, key: str) -> object:
        """Return the object behind a key; count a break when its reference leads to no dictionary."""
        value = _value(node, key)
        if not isinstance(value, DictionaryObject) and isinstance(node.get(key), IndirectObject):
            self.breaks += 1
        return value

    def _destination(self, node: DictionaryObject) -> ArrayObject | None:
        """Return where a bookmark leads in this file, as the array of ISO 32000-1, 12.3.2.2."""
        found = _value(node, "/Dest")
        if found is None:
            action = _dictionary(_value(node, "/A"))
            if _value(action, "/S") == "/GoTo":
                found = _value(action, "/D")
        if isinstance(found, str | bytes):
            if self._names is None:
                self._names = _named_destinations(self._reader)
            found = self._names.get(str(found))
            self.unknown_targets += found is None
        if isinstance(found, DictionaryObject):
            found = _value(found, "/D")
        return found if isinstance(found, ArrayObject) and found else None

    def _page(self, destination: ArrayObject | None) -> int | None:
        """Return the index of the page of a destination, which names it by its object or by its index."""
        if destination is None:
            return None
        named = destination[0]
        if isinstance(named, IndirectObject):
            target = named.get_object()
            page = target if isinstance(target, int) else self._pages().get(named.idnum)
            self.unknown_targets += page is None
        else:
            page = named if isinstance(named, int) else None
        return int(page) if page is not None and 0 <= page < self._page_count else None

    def _pages(self) -> dict[int, int]:
        """Return the index of each page by the number of its object."""
        if self._page_of_object is None:
            self._page_of_object = {}
            for index, page in enumerate(self._reader.pages):
                if page.indirect_reference is not None:
                    self._page_of_object.setdefault(page.indirect_reference.idnum, index)
        return self._page_of_object


def _named_destinations(reader: PdfReader) -> dict[str, object]:
    """Return the destinations by name: those of the name tree, then those of the older dictionary /Dests."""
    named: dict[str, object] = {}
    seen: set[int] = set()
    nodes = [_value(_dictionary(_value(reader.root_object, "/Names")), "/Dests")]
    while nodes and len(seen) < MAX_NAMES:
        node = nodes.pop()
        if not isinstance(node, DictionaryObject) or id(node) in seen:
            continue
        seen.add(id(node))
        nodes += [kid.get_object() for kid in reversed(_array(_value(node, "/Kids")))]
        pairs = _array(_value(node, "/Names"))
        for key, value in zip(pairs[::2], pairs[1::2], strict=False):
            if len(named) < MAX_NAMES:
                named.setdefault(str(key.get_object()), value.get_object())
    for key in list(older := _dictionary(_value(reader.root_object, "/Dests")))[:MAX_NAMES]:
        named.setdefault(str(key), older[key])
    return named


def _position(view: list[object]) -> tuple[float | None, float | None]:
    """Return x and y of a destination from the part of its array after the page (ISO 32000-1, table 151)."""
    values = [_number(number) for number in view[1:5]]
    values += [None] * (4 - len(values))
    match view[:1]:
        case ["/XYZ"]:
            return values[0], values[1]
        case ["/FitH" | "/FitBH"]:
            return None, values[0]
        case ["/FitV" | "/FitBV"]:
            return values[0], None
        case ["/FitR"]:
            return (values[0], values[3]) if values[3] is not None else (None, None)
    return None, None


def _number(value: object) -> float | None:
    """Return a number of the file, whose digits pypdf limits; None for anything else."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _text(value: object) -> str:
    """Return a text of the file on one line; empty for anything else."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str) or len(value) > MAX_CHARACTERS:
        return ""
    return " ".join(clean(_CONTROL.sub(" ", _LANGUAGE_CODE.sub("", value))).split())


def _value(dictionary: DictionaryObject, key: str) -> object:
    """Return the object behind a key, and not the reference to it; None without one, or for the null of PDF."""
    value = dictionary[key] if key in dictionary else None  # noqa: SIM401 - `get` would return the reference
    return None if isinstance(value, NullObject) else value


def _dictionary(value: object) -> DictionaryObject:
    return value if isinstance(value, DictionaryObject) else DictionaryObject()


def _array(value: object) -> ArrayObject:
    return value if isinstance(value, ArrayObject) else ArrayObject()
