"""The table of sources, sources.toml: which sources there are, and which of them are enabled.

What is wrong with it is reported together, as one `ConfigurationError` whose problems name the file, the source, the
key and the remedy. One entry of the table is the subject of `source_entry`.
"""

import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bbj_assets.errors import ConfigurationError
from bbj_assets.problems import Problems
from bbj_assets.settings import Settings
from bbj_assets.source import Source
from bbj_assets.source_entry import SourceEntry, SourceReader, read_entry
from bbj_assets.sources.registry import PARSERS


@dataclass(frozen=True, slots=True)
class SourceTable:
    """What sources.toml says: the enabled sources in its order, and the names of the disabled ones."""

    file: Path
    data_dir: Path
    sources: tuple[Source, ...]
    disabled: tuple[str, ...]

    def select(self, names: tuple[str, ...]) -> tuple[Source, ...]:
        """Return the named sources in the file's order; all enabled ones for no name.

        Raises:
            ConfigurationError: a source does not exist, or is disabled.
        """
        if not names:
            return self.sources
        problems = Problems()
        problems.extend(_unavailable(self.file, names, {source.name for source in self.sources}, self.disabled))
        problems.raise_if_any()
        return tuple(source for source in self.sources if source.name in names)


def load_sources(settings: Settings, *, check_paths: bool = True, wanted: tuple[str, ...] = ()) -> SourceTable:
    """Read the table of sources and resolve its paths against the data folder.

    The data folder is `settings.data_dir`, or the table's own `data_dir`, which is relative to the table. `${NAME}` and
    `${NAME:-default}` in paths and URLs are taken from the environment.

    Args:
        check_paths: whether a missing path is a problem.
        wanted: the names of sources that must be available; if there are any, only their paths are checked.

    Raises:
        ConfigurationError: every problem that was found.
    """
    file = settings.config
    table = _read_toml(file)
    problems = Problems()
    in_file = problems.at(str(file))
    in_file.extend(
        f"unknown key {key!r}. Known keys: data_dir, sources." for key in table.keys() - {"data_dir", "sources"}
    )
    data_dir = _data_dir(settings, table, problems)
    tables = table.get("sources", [])
    if not isinstance(tables, list) or not tables:
        in_file.add("no sources. Add a [[sources]] table for each.")
        tables = []
    entries = list(_entries(tables, in_file))
    enabled = [entry for entry in entries if entry.enabled]
    disabled = tuple(entry.name for entry in entries if not entry.enabled)
    _check_single_source_parsers(enabled, in_file)
    reader = SourceReader(data_dir=data_dir, home=settings.home, problems=in_file)
    sources = [
        reader.source(entry, check_paths=check_paths and (not wanted or entry.name in wanted)) for entry in enabled
    ]
    named = {raw["name"] for raw in tables if isinstance(raw, dict) and isinstance(raw.get("name"), str)}
    if named:  # including those whose tables have problems
        problems.extend(_unavailable(file, wanted, named.difference(disabled), disabled))
    problems.raise_if_any()
    return SourceTable(file, data_dir, tuple(source for source in sources if source is not None), disabled)


def _entries(tables: Sequence[object], problems: Problems) -> Iterator[SourceEntry]:
    names: Counter[str] = Counter()
    for position, table in enumerate(tables, start=1):
        entry = read_entry(table, position, problems)
        if entry is not None:
            names[entry.name] += 1
            yield entry
    for name, count in names.items():
        if count > 1:
            problems.at(f"source {name!r}").add(f"`name` is used {count} times. Give each source its own name.")


def _unavailable(file: Path, names: Sequence[str], enabled: Collection[str], disabled: Collection[str]) -> list[str]:
    return [
        f"Source {name!r} is disabled in {file}: set `enabled = true` in its table."
        if name in disabled
        else f"There is no source {name!r} in {file}. Its sources: {', '.join(sorted(enabled))}."
        for name in dict.fromkeys(names)
        if name not in enabled
    ]


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        problem = "not found. Run in the project's folder, or name the file with --config or BBJ_ASSETS_CONFIG."
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot be read: {error}."
    except tomllib.TOMLDecodeError as error:
        problem = f"not valid TOML: {error}."
    raise ConfigurationError([f"{file}: {problem}"])


def _data_dir(settings: Settings, table: Mapping[str, object], problems: Problems) -> Path:
    if settings.data_dir is not None:
        folder, origin = settings.data_dir.expanduser(), "DATA_DIR or --data-dir"
    else:
        written = table.get("data_dir", ".")
        if not isinstance(written, str):
            problems.at(str(settings.config)).add(f"`data_dir` must be a text, not {written!r}.")
            written = "."
        folder, origin = settings.config.parent / Path(written).expanduser(), f"`data_dir` in {settings.config}"
    folder = folder.absolute()
    if not folder.is_dir():
        problems.add(f"The data folder {folder} does not exist. Correct {origin}.")
    return folder


def _check_single_source_parsers(entries: Sequence[SourceEntry], problems: Problems) -> None:
    for parser, count in Counter(entry.parser for entry in entries).items():
        if count > 1 and parser in PARSERS and PARSERS[parser].one_source:
            problems.add(
                f"`parser` {parser!r} is used by {count} enabled sources, and their pages would get the same URLs. "
                "Make them one source with several `paths`."
            )
