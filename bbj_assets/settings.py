"""The settings of an installation: the environment.

Nothing is read at import. Everything that is wrong is reported together, before work starts, as one
`ConfigurationError` whose problems name the variable and the remedy.
"""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bbj_assets.errors import ConfigurationError
from bbj_assets.source import ChunkSettings

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
    embedding_batch_size: int = Field(default=64, ge=1, le=2048, description="texts per batch")
    embedding_retry_seconds: float = Field(
        default=1.0,
        gt=0,
        le=60,
        description="before a failed batch is retried, doubled each time; a failed run waits ten times as long",
    )
    parse_workers: int | None = Field(
        default=None, ge=1, le=64, description="parser processes; one per core by default"
    )
    chunk_tokens: int = Field(default=400, ge=16)
    chunk_overlap: int = Field(default=50, ge=0)
    backfill_partitions_per_run: int | None = Field(
        default=None, ge=1, description="split a backfill into runs of this many partitions; one run by default"
    )
    sensor_seconds: int = Field(
        default=30, ge=1, description="between two ticks of the sensors, which look at the sources' files"
    )
    quiet_seconds: float = Field(
        default=10, ge=0, description="files must be unchanged for this long before their source is read"
    )
    visit_schedule: str = Field(default="0 4 * * *", description="when web sources are crawled, as cron, in UTC")
    visit_fresh_hours: float = Field(
        default=48, ge=1, description="a web source that was last crawled longer ago is shown as overdue"
    )
    alert_webhook: SecretStr | None = Field(
        default=None, description="where failed runs are posted: a URL that takes JSON with `text`, such as Slack's"
    )
    orphan_grace_days: float = Field(
        default=7, ge=0, description="how long vectors of deleted text are kept, so that a revert is free"
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
"""Their values never appear in a message."""


def load_settings(**overrides: object) -> Settings:
    """Return the settings of the environment, with explicit values on top.

    Raises:
        ConfigurationError: every variable with a wrong value, by its name.
    """
    settings, wrong = read_settings(**overrides)
    if wrong:
        raise ConfigurationError(list(wrong.values()))
    return settings


def read_settings(**overrides: object) -> tuple[Settings, dict[str, str]]:
    """Return the settings, with defaults in place of wrong values, and the problems by field.

    For callers that have more to check before they raise.
    """
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
    """Return the problems of variables that are nearly settings, by the field that is meant.

    Without this, the setting would silently keep its default. A variable that resembles no setting is not ours.
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


def _variable(loc: tuple[int | str, ...]) -> str:
    name = str(loc[0]) if loc else "?"
    return name if name.isupper() else f"BBJ_ASSETS_{name.upper()}"
