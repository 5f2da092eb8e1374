"""Settings from the environment, and the errors for values that cannot work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bbj_assets.errors import ConfigurationError
from bbj_assets.settings import Settings, load_settings, read_settings
from bbj_assets.source import ChunkSettings
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.environment import variables_of_settings


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("BBJ_ASSETS_HOME", "/var/bbj", "home", Path("/var/bbj")),
        ("BBJ_ASSETS_CONFIG", "other.toml", "config", Path("other.toml")),
        ("BBJ_ASSETS_EMBEDDER", "ollama", "embedder", "ollama"),
        ("BBJ_ASSETS_EMBEDDING_WORKERS", "7", "embedding_workers", 7),
        ("BBJ_ASSETS_EMBEDDING_WORKERS", "", "embedding_workers", 4),
        ("BBJ_ASSETS_CHUNK_TOKENS", "128", "chunks", ChunkSettings(target_tokens=128, overlap_tokens=50)),
        ("OLLAMA_HOST", "gpu:11434", "ollama_host", "gpu:11434"),
    ],
)
def test_settings_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str, expected: object
) -> None:
    monkeypatch.setenv(name, value)

    assert getattr(load_settings(), field) == expected


def test_explicit_settings_win_over_the_environment_and_none_means_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BBJ_ASSETS_EMBEDDING_WORKERS", "7")
    monkeypatch.setenv("OLLAMA_HOST", "of-environment")

    assert load_settings(embedding_workers=9, ollama_host="given").embedding_workers == 9
    assert load_settings(ollama_host="given").ollama_host == "given"
    assert load_settings(embedding_workers=None).embedding_workers == 7


def test_every_variable_that_does_not_fit_is_reported_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "BBJ_ASSETS_EMBEDDER": "word2vec",
        "BBJ_ASSETS_EMBEDDING_WORKERS": "many",
        "BBJ_ASSETS_PARSE_WORKERS": "0",
        "BBJ_ASSETS_ORPHAN_GRACE_DAYS": "-1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    found = {problem.split(": ")[1]: problem for problem in caught.value.problems}
    assert found.keys() == values.keys()
    assert all(repr(value) in found[name] for name, value in values.items())


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BBJ_ASSETS_EMBEDER", "BBJ_ASSETS_EMBEDDER"),
        ("BBJ_ASSETS_MODEL", "BBJ_ASSETS_EMBEDDING_MODEL"),
        ("BBJ_ASSETS_DATABASE", "BBJ_ASSETS_DATABASE_URL"),
        ("BBJ_ASSETS_DATADIR", "DATA_DIR"),
        ("BBJ_ASSETS_OPENAI_KEY", "BBJ_ASSETS_OPENAI_API_KEY"),
        ("BBJ_ASSETS_WORKERS", "BBJ_ASSETS_EMBEDDING_WORKERS or BBJ_ASSETS_PARSE_WORKERS"),
    ],
)
def test_a_misspelt_setting_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str, meant: str) -> None:
    monkeypatch.setenv(name, "s3cret")

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    assert caught.value.problems == (f"Environment: {name} is no setting. Did you mean {meant}? Correct or unset it.",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BBJ_ASSETS_TEST_CORPUS", "corpus"),
        ("BBJ_ASSETS_MODEL", ""),
        ("bbj_assets_embedder", "embedded"),
        ("BBJ_ASSETS_DATA_DIR", "docs"),
    ],
)
def test_other_variables_and_empty_ones_are_accepted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    load_settings()


def test_an_overlap_of_more_than_half_a_chunk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BBJ_ASSETS_CHUNK_TOKENS", "100")
    monkeypatch.setenv("BBJ_ASSETS_CHUNK_OVERLAP", "51")

    with pytest.raises(ConfigurationError, match=r"BBJ_ASSETS_CHUNK_OVERLAP .* BBJ_ASSETS_CHUNK_TOKENS"):
        load_settings()


def test_invalid_values_are_returned_beside_the_valid_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"EMBEDDER": "word2vec", "CHUNK_TOKENS": "few", "CHUNK_OVERLAP": "900", "HOME": "/h"}.items():
        monkeypatch.setenv(f"BBJ_ASSETS_{name}", value)

    settings, wrong = read_settings(config=Path("of-option.toml"), embedding_workers=99)

    assert sorted(wrong) == ["chunk_tokens", "embedder", "embedding_workers"]
    assert "BBJ_ASSETS_EMBEDDER" in wrong["embedder"]
    assert (settings.config, settings.home) == (Path("of-option.toml"), Path("/h"))
    assert (settings.embedder, settings.chunk_tokens, settings.embedding_workers) == ("embedded", 400, 4)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BBJ_ASSETS_DATABASE_URL", "postgresql://bbj:hush-1@db/index")
    monkeypatch.setenv("OPENAI_API_KEY", "hush-2")
    monkeypatch.setenv("OLLAMA_API_KEY", "hush-3")

    settings = load_settings()

    assert "hush" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://bbj:hush-1@db/index"
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "hush-2"
    assert settings.ollama_api_key is not None
    assert settings.ollama_api_key.get_secret_value() == "hush-3"


def test_no_variable_of_the_developer_reaches_a_test() -> None:
    assert Settings().model_fields_set == set()
    assert not {name for name in os.environ if name.startswith("BBJ_ASSETS_")}


def test_every_variable_of_the_settings_is_kept_from_the_tests() -> None:
    variables = variables_of_settings()
    assert {"OPENAI_API_KEY", "OLLAMA_API_KEY", "OLLAMA_HOST", "DATA_DIR", "BBJ_ASSETS_HOME"} <= variables
    assert len(variables) >= len(Settings.model_fields)

    node = f"{Path(__file__)}::{test_no_variable_of_the_developer_reaches_a_test.__name__}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", node],
        cwd=REPOSITORY,
        env=os.environ | dict.fromkeys(variables | {"BBJ_ASSETS_TEST_CORPUS"}, "of the developer"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
