"""One `[[sources]]` table of sources.toml: what may be written in it, and the source that it means."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bbj_assets.enrichment.generations import GenerationTag
from bbj_assets.errors import ConfigurationError, ListingError
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


def read_entry(file: Path, position: int, raw: object, problems: list[str]) -> SourceEntry | None:
    """The table as it is written; without what is wrong in it, so that everything else is checked all the same.

    What is wrong is added to `problems`; None if nothing more can be said of the table.
    """
    if not isinstance(raw, dict):
        problems.append(f"{file}: source 'number {position}': {raw!r} is no table. Write [[sources]] and its keys.")
        return None
    name = raw.get("name", f"number {position}")
    try:
        return SourceEntry.model_validate(raw)
    except ValidationError as error:
        for e in error.errors():
            key = ".".join(str(part) for part in e["loc"])
            if e["type"] == "extra_forbidden":
                reason = f"unknown key. Known keys: {', '.join(_keys_for(raw.get('parser')))}."
            elif e["type"] == "missing":
                reason = "is missing."
            elif key == "display_url":
                reason = f"{e['input']!r} must be an address that begins with https:// or http://."
            elif key == "name":
                reason = f"{e['input']!r} must be lower-case words joined by `-`."
            else:
                reason = f"{e['msg']} (it is {e['input']!r})."
            problems.append(f"{file}: source {name!r}: `{key}` {reason}")
        wrong = {e["loc"][0] for e in error.errors()}
        if not wrong.isdisjoint({"parser", "paths"}):  # nothing more can be said of it
            return None
        right = {key: value for key, value in raw.items() if key not in wrong}
        return SourceEntry.model_construct(**{"name": str(name), **right})


def _keys_for(parser: object) -> list[str]:
    known = PARSERS[parser].keys if isinstance(parser, str) and parser in PARSERS else SourceEntry.model_fields.keys()
    return [key for key in SourceEntry.model_fields if key in known]


def source_of(
    file: Path, entry: SourceEntry, data_dir: Path, problems: list[str], *, home: Path, check_paths: bool
) -> Source | None:
    """The source that a table means, its paths resolved against the data folder; what is wrong goes to `problems`."""
    where = f"{file}: source {entry.name!r}"
    if entry.parser not in PARSERS:
        problems.append(f"{where}: unknown `parser` {entry.parser!r}. Known parsers: {', '.join(sorted(PARSERS))}.")
        return None
    problems += [
        f"{where}: `{key}` means nothing to parser {entry.parser!r}. Take it out, or correct `parser`: it is for "
        f"{', '.join(sorted(name for name, parser in PARSERS.items() if key in parser.keys))}."
        for key in SourceEntry.model_fields
        if key in entry.model_fields_set - PARSERS[entry.parser].keys
    ]
    is_web = PARSERS[entry.parser].reads == "web"
    already = len(problems)
    if is_web and not entry.url:
        problems.append(f"{where}: `url` is missing. Parser {entry.parser!r} reads from the web.")
    if not is_web and not entry.paths:
        problems.append(f"{where}: `paths` is missing. List folders or files, relative to data_dir.")
    source = Source(
        name=entry.name,
        parser=entry.parser,
        roots=tuple(_root(where, path, data_dir, problems, check=check_paths) for path in entry.paths if not is_web),
        url=_expand(where, entry.url, problems) if is_web and entry.url else None,
        generation_tag=entry.generation_tag,
        description=entry.description,
        display_url=entry.display_url.rstrip("/") if entry.display_url else None,
        exclude=tuple(entry.exclude),
        exclude_conditions=tuple(entry.exclude_conditions),
        mirror=(home / "web" / entry.name).absolute() if is_web else None,
        requests_per_second=entry.requests_per_second,
        concurrency=entry.concurrency,
        post_types=tuple(entry.post_types),
    )
    if len(problems) == already:
        if is_web:
            _check_site(file, source, problems)
        else:
            _check_paths(where, entry.paths, source, problems)
    return source


def _check_site(file: Path, source: Source, problems: list[str]) -> None:
    from bbj_assets.web.site import site_of  # nobody else needs what comes with it

    try:
        site_of(source)
    except ConfigurationError as error:
        problems += [f"{file}: {problem}" for problem in error.problems]


def _check_paths(where: str, written: Sequence[str], source: Source, problems: list[str]) -> None:
    """Two paths that are one would make every page a failure; one that lies in another, two pages of one."""
    roots = [(path, root.resolve()) for path, root in zip(written, source.roots, strict=True) if root.exists()]
    for (one, root), (other, other_root) in combinations(roots, 2):
        if root == other_root:
            problems.append(f"{where}: `paths`: {one!r} and {other!r} are the same. Take one of them out.")
    for (outer, root), (inner, inner_root) in permutations(roots, 2):
        if root in inner_root.parents:
            twice = _files(source, root) & _files(source, inner_root)
            if twice:
                problems.append(
                    f"{where}: `paths`: {inner!r} lies in {outer!r}, and files such as "
                    f"{min(twice).relative_to(root).as_posix()} would be read twice. Take one of the two paths out, or "
                    "keep the outer one from those files with `exclude`."
                )


def _files(source: Source, root: Path) -> set[Path]:
    """What the source reads below one of its paths: a parser does not enter every folder."""
    try:
        return {item.file for item in PARSERS[source.parser].load().discover(replace(source, roots=(root,)))}
    except ListingError:  # its run says so
        return set()


def _root(where: str, written: str, data_dir: Path, problems: list[str], *, check: bool) -> Path:
    already = len(problems)
    root = (data_dir / Path(_expand(where, written, problems)).expanduser()).absolute()
    if check and len(problems) == already and data_dir.is_dir() and not root.exists():
        problems.append(
            f"{where}: `paths`: {root} does not exist. Correct the path, point DATA_DIR (--data-dir) at the "
            "folder that holds it, or set `enabled = false`."
        )
    return root


def _expand(where: str, text: str, problems: list[str]) -> str:
    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        found = os.environ.get(name) or default
        if found is None:
            problems.append(f"{where}: the environment variable {name} is not set, and `{text}` needs it.")
        return found or ""

    return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}", value, text)
