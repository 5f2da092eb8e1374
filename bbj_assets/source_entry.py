"""One `[[sources]]` table of sources.toml: its keys, and the source that it describes."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bbj_assets.enrichment.generations import GenerationTag
from bbj_assets.errors import ListingError
from bbj_assets.problems import Problems
from bbj_assets.source import Source
from bbj_assets.sources.registry import PARSERS


class SourceEntry(BaseModel):
    """One `[[sources]]` table as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
    parser: str
    paths: list[str] = []
    url: str | None = None
    generation_tag: GenerationTag = "auto"
    enabled: bool = True
    description: str = ""
    display_url: Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]")] | None = None
    exclude: list[str] = []
    exclude_conditions: list[str] = []
    requests_per_second: Annotated[float, Field(gt=0, le=1000)] = 2.0
    concurrency: Annotated[int, Field(ge=1, le=32)] = 2
    post_types: list[str] = []


def read_entry(table: object, position: int, problems: Problems) -> SourceEntry | None:
    """Return the entry of a table, without the keys that have problems, so that the rest can be checked as well.

    Args:
        table: as it was read from TOML.
        position: of the table in the file, from 1.
        problems: takes what is wrong.

    Returns:
        None if nothing more can be checked.
    """
    if not isinstance(table, dict):
        problems.at(f"source 'number {position}'").add(f"{table!r} is no table. Write [[sources]] and its keys.")
        return None
    name = table.get("name", f"number {position}")
    try:
        return SourceEntry.model_validate(table)
    except ValidationError as error:
        in_source = problems.at(f"source {name!r}")
        for e in error.errors():
            key = ".".join(str(part) for part in e["loc"])
            if e["type"] == "extra_forbidden":
                reason = f"unknown key. Known keys: {', '.join(_keys_for(table.get('parser')))}."
            elif e["type"] == "missing":
                reason = "is missing."
            elif key == "display_url":
                reason = f"{e['input']!r} must be an address that begins with https:// or http://."
            elif key == "name":
                reason = f"{e['input']!r} must be lower-case words joined by `-`."
            else:
                reason = f"{e['msg']} (it is {e['input']!r})."
            in_source.add(f"`{key}` {reason}")
        wrong = {e["loc"][0] for e in error.errors()}
        if not wrong.isdisjoint({"parser", "paths"}):  # the other keys depend on these
            return None
        right = {key: value for key, value in table.items() if key not in wrong}
        return SourceEntry.model_construct(**{"name": str(name), **right})


def _keys_for(parser: object) -> list[str]:
    known = PARSERS[parser].keys if isinstance(parser, str) and parser in PARSERS else SourceEntry.model_fields.keys()
    return [key for key in SourceEntry.model_fields if key in known]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReader:
    """Turns entries into sources.

    Attributes:
        data_dir: the folder that paths are relative to.
        home: the folder of the installation's state, which holds the mirrors of web sources.
        problems: takes what is wrong with an entry.
    """

    data_dir: Path
    home: Path
    problems: Problems

    def source(self, entry: SourceEntry, *, check_paths: bool) -> Source | None:
        """Return the source of an entry, with its paths resolved; None if its parser is unknown."""
        problems = self.problems.at(f"source {entry.name!r}")
        if entry.parser not in PARSERS:
            problems.add(f"unknown `parser` {entry.parser!r}. Known parsers: {', '.join(sorted(PARSERS))}.")
            return None
        _check_keys(entry, problems)
        is_web = PARSERS[entry.parser].reads == "web"
        found_before = len(problems)
        if is_web and not entry.url:
            problems.add(f"`url` is missing. Parser {entry.parser!r} reads from the web.")
        if not is_web and not entry.paths:
            problems.add("`paths` is missing. List folders or files, relative to data_dir.")
        source = Source(
            name=entry.name,
            parser=entry.parser,
            roots=() if is_web else tuple(self._root(path, problems, check=check_paths) for path in entry.paths),
            url=_expand(entry.url, problems) if is_web and entry.url else None,
            generation_tag=entry.generation_tag,
            description=entry.description,
            display_url=entry.display_url.rstrip("/") if entry.display_url else None,
            exclude=tuple(entry.exclude),
            exclude_conditions=tuple(entry.exclude_conditions),
            mirror=(self.home / "web" / entry.name).absolute() if is_web else None,
            requests_per_second=entry.requests_per_second,
            concurrency=entry.concurrency,
            post_types=tuple(entry.post_types),
        )
        if len(problems) == found_before:
            if is_web:
                _check_site(source, self.problems)
            else:
                _check_overlaps(entry.paths, source, problems)
        return source

    def _root(self, written: str, problems: Problems, *, check: bool) -> Path:
        found_before = len(problems)
        root = (self.data_dir / Path(_expand(written, problems)).expanduser()).absolute()
        if check and len(problems) == found_before and self.data_dir.is_dir() and not root.exists():
            problems.add(
                f"`paths`: {root} does not exist. Correct the path, point DATA_DIR (--data-dir) at the folder that "
                "holds it, or set `enabled = false`."
            )
        return root


def _check_keys(entry: SourceEntry, problems: Problems) -> None:
    for key in SourceEntry.model_fields:
        if key in entry.model_fields_set - PARSERS[entry.parser].keys:
            parsers = ", ".join(sorted(name for name, parser in PARSERS.items() if key in parser.keys))
            problems.add(
                f"`{key}` means nothing to parser {entry.parser!r}. Take it out, or correct `parser`: it is for "
                f"{parsers}."
            )


def _check_site(source: Source, problems: Problems) -> None:
    from bbj_assets.web.site import site_of  # what comes with it is needed for web sources only

    with problems.collecting():
        site_of(source)


def _check_overlaps(written: Sequence[str], source: Source, problems: Problems) -> None:
    """Refuse two equal paths, which would make every page a failure, and files that two paths have in common."""
    roots = [(path, root.resolve()) for path, root in zip(written, source.roots, strict=True) if root.exists()]
    for (one, root), (other, other_root) in combinations(roots, 2):
        if root == other_root:
            problems.add(f"`paths`: {one!r} and {other!r} are the same. Take one of them out.")
    for (outer, root), (inner, inner_root) in permutations(roots, 2):
        if root in inner_root.parents:
            twice = _files(source, root) & _files(source, inner_root)
            if twice:
                problems.add(
                    f"`paths`: {inner!r} lies in {outer!r}, and files such as "
                    f"{min(twice).relative_to(root).as_posix()} would be read twice. Take one of the two paths out, or "
                    "keep the outer one from those files with `exclude`."
                )


def _files(source: Source, root: Path) -> set[Path]:
    """Return the files that the source reads below one of its paths: a parser does not enter every folder."""
    try:
        return {item.file for item in PARSERS[source.parser].load().discover(replace(source, roots=(root,)))}
    except ListingError:  # its run reports it
        return set()


def _expand(text: str, problems: Problems) -> str:
    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        found = os.environ.get(name) or default
        if found is None:
            problems.add(f"the environment variable {name} is not set, and `{text}` needs it.")
        return found or ""

    return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}", value, text)
