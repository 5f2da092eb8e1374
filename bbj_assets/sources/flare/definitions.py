"""The definitions of a project that all topics share: its tables of contents and its variables.

Every topic needs them, and hardly any change of them concerns a topic: 7,083 topics share four tables of contents, and
an entry that is moved concerns one topic. So the files are read once in a process. A topic does not depend on the
files, but on the facts that it took from them (its entries, its variables): see `digest` and `facts`.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from lxml import etree
from lxml.etree import _Element as Element

from bbj_assets.sources.files import MISSING, SourceFiles
from bbj_assets.sources.flare.markup import parse_xml, tag_of
from bbj_assets.sources.flare.toc import Entry, read_tables

_FOLDERS = tuple(f"{place}{folder}" for place in ("Project/", "") for folder in ("TOCs", "VariableSets"))
_SUFFIXES = (".fltoc", ".flvar")
_SETTLED_NS = 2_000_000_000
"""A file that was changed less than this ago may change again without a change of its time stamp."""

Stamp = tuple[int, int, int, int] | None
"""Modification time, status time (both in ns), size and inode of a file or folder; None for a missing one."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """The definitions of one project at the time when they were read.

    Attributes:
        entries: the places of each topic in tables of contents, the best first, by its path in lower case.
        variables: the definitions as they are written, by `Set.Name` in lower case.
        problems: a message for each file that could not be read.
    """

    entries: Mapping[str, Sequence[Entry]] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """Definitions, and the state of the folders and files at the time when they were read.

    Attributes:
        stamps: the stamps of all folders and files by their paths.
        settled: whether a later change of any of them shows in its stamp.
        contents: the SHA-256 of all files by their paths.
        definitions: the definitions in these files.
    """

    stamps: Mapping[str, Stamp]
    settled: bool
    contents: Mapping[str, str]
    definitions: Definitions


_readings: dict[Path, _Reading] = {}
_of_files: WeakKeyDictionary[SourceFiles, Definitions] = WeakKeyDictionary()


def definitions_of(files: SourceFiles) -> Definitions:
    """Return the definitions of the project. They stay the same for the life of `files`.

    They are read again when the stamp of a file or folder has changed, or while one of them is so new that its stamp
    may not show a change. Otherwise a call costs some 20 microseconds.
    """
    found = _of_files.get(files)
    if found is None:
        reading = _readings.get(files.root)
        if reading is None or not _is_current(reading, files.root):
            reading = _readings[files.root] = _read(files, reading)
        found = _of_files[files] = reading.definitions
    return found


def digest(value: object) -> str:
    """Return the SHA-256 that is recorded for a value from the definitions; MISSING for an empty value."""
    if not value:
        return MISSING
    return hashlib.sha256(json.dumps(value, ensure_ascii=True).encode()).hexdigest()


def _is_current(reading: _Reading, root: Path) -> bool:
    return reading.settled and all(stamp(root, path) == then for path, then in reading.stamps.items())


def _read(files: SourceFiles, before: _Reading | None) -> _Reading:
    now = time.time_ns()
    paths = sorted(_definition_files(files.root))
    folders = {*_FOLDERS, *(path.rpartition("/")[0] for path in paths)}
    stamps = {path: stamp(files.root, path) for path in (*sorted(folders), *paths)}
    raw = {path: files.peek(path) or b"" for path in paths}
    contents = {path: hashlib.sha256(content).hexdigest() for path, content in raw.items()}
    settled = all(found is None or is_settled(found, now) for found in stamps.values())
    unchanged = before is not None and before.contents == contents
    definitions = before.definitions if before is not None and unchanged else _parsed(raw)
    return _Reading(stamps=stamps, settled=settled, contents=contents, definitions=definitions)


def stamp(root: Path, path: str) -> Stamp:
    """Return the values that show whether a file or folder has changed; None for a missing one."""
    try:
        status = os.stat(f"{root}/{path}")  # noqa: PTH116 - `Path.stat` is slower, and a topic needs a dozen of these
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def is_settled(found: Stamp, now: int | None = None) -> bool:
    """Return whether a later change would show in the stamp. It may not while the file is only a moment old."""
    now = time.time_ns() if now is None else now
    return found is not None and max(found[:2]) < now - _SETTLED_NS


def _definition_files(root: Path) -> Iterator[str]:
    for top in _FOLDERS:
        for folder, _, names in os.walk(root / top):
            below = Path(folder).relative_to(root).as_posix()
            yield from (f"{below}/{name}" for name in names if name.lower().endswith(_SUFFIXES))


def _parsed(raw: Mapping[str, bytes]) -> Definitions:
    trees: dict[str, Element] = {}
    problems: list[str] = []
    for path, content in raw.items():
        tree, problem = _tree(path, content)
        if tree is not None:
            trees[path] = tree
        if problem:
            problems.append(problem)
    variables: dict[str, str] = {}
    for path, tree in trees.items():
        name = path.rpartition("/")[2].rpartition(".")[0]
        for element in tree.iter():
            own, tag = element.get("Name"), tag_of(element)
            if own and tag == "variable":
                variables.setdefault(f"{name}.{own}".casefold(), _definition(element))
    tables = {path: tree for path, tree in trees.items() if path.lower().endswith(".fltoc")}
    return Definitions(read_tables(tables), variables, problems)


def _definition(variable: Element) -> str:
    """Return the definition of a variable, the first of several. A date has a format, so its last value is returned."""
    written = "".join(map(str, next(variable.iterchildren(), variable).itertext())).strip()
    evaluated = variable.get("EvaluatedDefinition") or ""
    return evaluated if (variable.get("Type") or "").lower() == "datetime" or not written else written


def _tree(path: str, content: bytes) -> tuple[Element | None, str]:
    """Return as much of the tree of a definition file as can be read, and the problem with it; empty for none."""
    text = content.decode("utf-8-sig", "replace").strip()
    try:
        return parse_xml(text.encode()), ""
    except etree.XMLSyntaxError as error:
        problem = f"{path}: line {error.lineno}: {error.msg}"
    try:
        return parse_xml(text.encode(), recover=True), problem
    except etree.XMLSyntaxError:
        return None, problem
