"""Everything that is configured: the environment (`Settings`) and the table of sources (`load_sources`).

Nothing is read at import. Whatever is wrong is reported together, before anything starts, as one
`ConfigurationError` whose problems name the file, the source, the key and the remedy.
"""

import os
import tomllib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bbj_assets.errors import ConfigurationError
from bbj_assets.source import ChunkSettings, Source
from bbj_assets.source_table import SourceEntry, read_entry, source_of
from bbj_assets.sources.registry import PARSERS

WEB_SCHEMES = ("https://", "http://")
EmbedderName = Literal["embedded", "ollama", "openai"]


class Settings(BaseSettings):
    """The environment: `BBJ_ASSETS_...`, and `DATA_DIR`, `OLLAMA_HOST`, `OLLAMA_API_KEY` with their usual meanings."""

    model_config = SettingsConfigDict(
        env_prefix="BBJ_ASSETS_", frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    home: Path = Field(default=Path(".bbj_assets"), description="Dagster's state, the embedded database, fetched pages")
    config: Path = Field(default=Path("sources.toml"), description="the table of sources")
    data_dir: Path | None = Field(
        default=None,
        validation_alias=AliasChoices("DATA_DIR", "data_dir"),
        description="what the sources' paths are relative to; overrides data_dir of the table",
    )
    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL with pgvector 0.8+; without it an embedded one is used"
    )
    embedder: EmbedderName = "embedded"
    embedding_model: str | None = Field(default=None, description="the default is the embedder's own")
    ollama_host: str = Field(
        default="http://127.0.0.1:11434", validation_alias=AliasChoices("OLLAMA_HOST", "ollama_host")
    )
    ollama_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("OLLAMA_API_KEY", "BBJ_ASSETS_OLLAMA_API_KEY", "ollama_api_key"),
        description="for an Ollama behind a proxy that asks for a key",
    )
    openai_base_url: str | None = None
    openai_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("BBJ_ASSETS_OPENAI_API_KEY", "OPENAI_API_KEY", "openai_api_key"),
    )
    embedding_workers: int = Field(default=4, ge=1, le=64, description="batches in flight at once")
    embedding_batch_size: int = Field(default=64, ge=1, le=2048, description="texts a batch")
    embedding_retry_seconds: float = Field(
        default=1.0,
        gt=0,
        le=60,
        description="before a failed batch is tried again, doubled each time; a failed run waits ten times as long",
    )
    parse_workers: int | None = Field(default=None, ge=1, le=64, description="parser processes; one a core")
    chunk_tokens: int = Field(default=400, ge=16)
    chunk_overlap: int = Field(default=50, ge=0)
    backfill_partitions_per_run: int | None = Field(
        default=None, ge=1, description="split a backfill into runs of so many partitions; default one run"
    )
    sensor_seconds: int = Field(default=30, ge=1, description="between two looks at the sources' files")
    quiet_seconds: float = Field(
        default=10, ge=0, description="a source whose files change is left alone until they have not for so long"
    )
    visit_schedule: str = Field(default="0 4 * * *", description="when web sources are visited, as cron, in UTC")
    visit_fresh_hours: float = Field(
        default=48, ge=1, description="a web source that was last visited longer ago is shown as overdue"
    )
    alert_webhook: SecretStr | None = Field(
        default=None, description="where a failed run is told of: an URL that takes JSON with `text`, as Slack's does"
    )
    orphan_grace_days: float = Field(
        default=7, ge=0, description="how long vectors of vanished text are kept, so that a revert is free"
    )

    @field_validator("alert_webhook")
    @classmethod
    def _is_web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(WEB_SCHEMES):
            raise ValueError(f"it must begin with {' or '.join(WEB_SCHEMES)}")
        return value

    @property
    def chunks(self) -> ChunkSettings:
        """The chunk lengths as one value."""
        return ChunkSettings(target_tokens=self.chunk_tokens, overlap_tokens=self.chunk_overlap)


_SECRETS = {"database_url", "ollama_api_key", "openai_api_key", "alert_webhook"}
"""Their values are in no message."""


def load_settings(**overrides: object) -> Settings:
    """The settings of the environment, with explicit values on top.

    Raises:
        ConfigurationError: every variable that does not fit, by its name.
    """
    settings, wrong = read_settings(**overrides)
    if wrong:
        raise ConfigurationError(list(wrong.values()))
    return settings


def read_settings(**overrides: object) -> tuple[Settings, dict[str, str]]:
    """As `load_settings`, for those who have more to check: what does not fit has its default, and is said by field."""
    given = {name: value for name, value in overrides.items() if value is not None}
    wrong: dict[str, str] = {}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # pydantic validates
    except ValidationError as error:
        for e in error.errors():
            variable = _variable(e["loc"])
            field = variable.lower().removeprefix("bbj_assets_")
            given_value = "" if field in _SECRETS else f" (it is {e['input']!r})"
            wrong[field] = f"Environment: {variable}: {e['msg']}{given_value}."
        defaults = {field: Settings.model_fields[field].default for field in wrong}
        settings = Settings(**given | defaults)  # type: ignore[arg-type]
    wrong = _misspelt() | wrong
    lengths_fit = wrong.keys().isdisjoint({"chunk_tokens", "chunk_overlap"})
    if lengths_fit and settings.chunk_overlap * 2 > settings.chunk_tokens:
        wrong["chunk_overlap"] = (
            "Environment: BBJ_ASSETS_CHUNK_OVERLAP must be at most half of BBJ_ASSETS_CHUNK_TOKENS."
        )
    return settings, wrong


def _misspelt() -> dict[str, str]:
    """Variables that are nearly settings, by the field that is meant: it would have its default, and nobody know why.

    What is like no setting is somebody else's, and left alone.
    """
    variables = {field: _variable_of(field) for field in Settings.model_fields}
    problems: dict[str, str] = {}
    for name, value in os.environ.items():
        rest = name.lower().removeprefix("bbj_assets_")
        if not value or rest == name.lower() or rest in variables:
            continue
        words = set(rest.split("_"))
        meant = [field for field in variables if words <= set(field.split("_"))]
        meant = meant or get_close_matches(rest, variables, 1)
        if meant:
            proposed = " or ".join(variables[field] for field in meant)
            problems[meant[0]] = f"Environment: {name} is no setting. Did you mean {proposed}? Correct or unset it."
    return problems


def _variable_of(field: str) -> str:
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"BBJ_ASSETS_{field.upper()}"


@dataclass(frozen=True, slots=True)
class SourcesConfig:
    """What sources.toml says: the enabled sources in its order, and the names of all."""

    file: Path
    data_dir: Path
    sources: tuple[Source, ...]
    disabled: tuple[str, ...]

    def select(self, names: tuple[str, ...]) -> tuple[Source, ...]:
        """The named sources (all enabled ones for no name), in the file's order.

        Raises:
            ConfigurationError: a name that is not there, or is disabled.
        """
        if not names:
            return self.sources
        problems = _not_to_be_had(self.file, names, {source.name for source in self.sources}, self.disabled)
        if problems:
            raise ConfigurationError(problems)
        return tuple(source for source in self.sources if source.name in names)


def load_sources(settings: Settings, *, check_paths: bool = True, wanted: tuple[str, ...] = ()) -> SourcesConfig:
    """Read the table of sources and resolve its paths against the data folder.

    The data folder is `settings.data_dir`, else the table's own `data_dir` (relative to the table).
    `${NAME}` and `${NAME:-default}` in paths and URLs are taken from the environment.

    Args:
        check_paths: whether a path that is missing is a problem.
        wanted: the names of sources that are to be there; only their paths are checked then.

    Raises:
        ConfigurationError: every problem.
    """
    file = settings.config
    table = _read_toml(file)
    problems = [
        f"{file}: unknown key {key!r}. Known keys: data_dir, sources." for key in table.keys() - {"data_dir", "sources"}
    ]
    data_dir = _data_dir(settings, table, problems)
    entries: list[SourceEntry] = []
    raw_sources = table.get("sources", [])
    if not isinstance(raw_sources, list) or not raw_sources:
        problems.append(f"{file}: no sources. Add a [[sources]] table for each.")
        raw_sources = []
    for position, raw in enumerate(raw_sources, start=1):
        entry = read_entry(file, position, raw, problems)
        if entry is not None:
            entries.append(entry)
    for name, count in Counter(entry.name for entry in entries).items():
        if count > 1:
            problems.append(f"{file}: source {name!r}: `name` is used {count} times. Give each source its own name.")
    enabled = [entry for entry in entries if entry.enabled]
    _require_one_source(file, enabled, problems)
    sources = [
        source_of(
            file,
            entry,
            data_dir,
            problems,
            home=settings.home,
            check_paths=check_paths and (not wanted or entry.name in wanted),
        )
        for entry in enabled
    ]
    disabled = tuple(entry.name for entry in entries if not entry.enabled)
    named = {raw["name"] for raw in raw_sources if isinstance(raw, dict) and isinstance(raw.get("name"), str)}
    if named:  # also those in whose tables something is wrong
        problems += _not_to_be_had(file, wanted, named.difference(disabled), disabled)
    if problems:
        raise ConfigurationError(problems)
    return SourcesConfig(
        file=file,
        data_dir=data_dir,
        sources=tuple(source for source in sources if source is not None),
        disabled=disabled,
    )


def _not_to_be_had(file: Path, names: Sequence[str], enabled: Collection[str], disabled: Collection[str]) -> list[str]:
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
        raise ConfigurationError(
            [f"{file}: not found. Run in the project's folder, or name the file with --config or BBJ_ASSETS_CONFIG."]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{file}: cannot be read: {error}."]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"{file}: not valid TOML: {error}."]) from None


def _data_dir(settings: Settings, table: Mapping[str, object], problems: list[str]) -> Path:
    if settings.data_dir is not None:
        folder, origin = settings.data_dir.expanduser(), "DATA_DIR or --data-dir"
    else:
        written = table.get("data_dir", ".")
        if not isinstance(written, str):
            problems.append(f"{settings.config}: `data_dir` must be a text, not {written!r}.")
            written = "."
        folder, origin = (
            settings.config.parent / Path(written).expanduser(),
            f"`data_dir` in {settings.config}",
        )
    folder = folder.absolute()
    if not folder.is_dir():
        problems.append(f"The data folder {folder} does not exist. Correct {origin}.")
    return folder


def _require_one_source(file: Path, entries: Sequence[SourceEntry], problems: list[str]) -> None:
    for parser, count in Counter(entry.parser for entry in entries).items():
        if count > 1 and parser in PARSERS and PARSERS[parser].one_source:
            problems.append(
                f"{file}: `parser` {parser!r} is used by {count} enabled sources, and their pages would get the same "
                "URLs. Make them one source with several `paths`."
            )


def _variable(loc: tuple[int | str, ...]) -> str:
    name = str(loc[0]) if loc else "?"
    return name if name.isupper() else f"BBJ_ASSETS_{name.upper()}"
