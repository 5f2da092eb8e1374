import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders import create_embedder, model_name
from bbj_assets.embedding.embedders.embedder import as_vectors, checked, refuse_unencodable
from bbj_assets.embedding.embedders.local import LocalEmbedder
from bbj_assets.embedding.in_use import embedder_in_use, settings_in_use
from bbj_assets.errors import EmbedderMisconfigured, EmbedderUnavailable, EmbeddingError, TextRejected
from bbj_assets.settings import Settings, load_settings
from bbj_assets.store.connection import Connection
from bbj_assets.store.models import Model, ensure_model, note_embedder

GOOD = np.array([[1, 0, 0], [0, 0.6, 0.8]], dtype=np.float32)


def second_row_filled_with(value: float) -> Vectors:
    vectors = GOOD.copy()
    vectors[1] = value
    return vectors


def test_good_vectors_pass_unchanged() -> None:
    assert checked(GOOD, ["a", "b"], 3) is GOOD
    assert checked(GOOD, ["a", "b"], None) is GOOD
    assert checked(as_vectors([]), [], 3).shape[0] == 0


@pytest.mark.parametrize(
    ("vectors", "dimensions", "error", "says"),
    [
        (GOOD[:1], 3, EmbedderUnavailable, "1 vectors for 2 texts"),
        (np.vstack([GOOD, GOOD]), 3, EmbedderUnavailable, "4 vectors for 2 texts"),
        (GOOD[0], 3, EmbedderUnavailable, "for 2 texts"),
        (GOOD[:, :0], None, EmbedderUnavailable, "without any number"),
        (GOOD, 384, EmbedderMisconfigured, "3 dimensions.* 384"),
        (second_row_filled_with(np.nan), 3, TextRejected, "1 of 2 texts.*'second text'"),
        (second_row_filled_with(np.inf), 3, TextRejected, "'second text'"),
        (second_row_filled_with(3e38), 3, TextRejected, "'second text'"),
        (second_row_filled_with(0.0), 3, TextRejected, "'second text'"),
    ],
)
def test_unusable_vectors_are_refused(
    vectors: Vectors, dimensions: int | None, error: type[EmbeddingError], says: str
) -> None:
    with pytest.raises(error, match=says):
        checked(vectors, ["first text", "second text"], dimensions)


def test_rows_of_different_lengths_are_refused() -> None:
    with pytest.raises(EmbedderUnavailable, match=r"row lengths: \[1, 2\]"):
        as_vectors([[1.0, 2.0], [1.0]])


def test_the_error_for_half_a_surrogate_pair_names_the_text_and_the_character() -> None:
    with pytest.raises(TextRejected, match=r"Text 2 of 2 .*'\\udc80' at character 3"):
        refuse_unencodable(["fine 🎉", "bad\udc80"])


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        ({"embedder": "ollama"}, "nomic-embed-text"),
        ({"embedder": "ollama", "embedding_model": "bge-m3"}, "bge-m3"),
        ({"embedder": "openai", "openai_api_key": "sk-x"}, "text-embedding-3-small"),
        ({"embedder": "openai", "openai_base_url": "http://127.0.0.1:1/v1", "embedding_model": "e5"}, "e5"),
    ],
)
def test_the_configured_embedder_is_created(settings: dict[str, str], model: str) -> None:
    assert create_embedder(load_settings(**settings)).model == model


def test_the_embedder_in_use_is_known_without_loading_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalEmbedder, "__init__", lambda *_: pytest.fail("the model was loaded"))
    settings = load_settings()
    known = Model(model_name(settings), 384, active=True, embedder="embedded")
    assert settings_in_use(settings, known) is settings
    other = Model("bge-m3", 1024, active=True, embedder="ollama")
    used = settings_in_use(settings, other)
    assert (used.embedder, model_name(used)) == ("ollama", "bge-m3")


def test_a_run_does_not_fill_the_model_of_another_embedder(conn: Connection, database_url: str) -> None:
    ensure_model(conn, "of an older version", 3)  # active, without an embedder: the settings decide
    ensure_model(conn, "bge-m3", 3)
    note_embedder(conn, "bge-m3", "ollama")
    settings = Settings(embedder="openai", openai_base_url="http://127.0.0.1:1/v1", embedding_model="bge-m3")

    async def use_embedder() -> None:
        async with embedder_in_use(settings, database_url):
            pytest.fail("the run would fill it")

    with pytest.raises(EmbedderMisconfigured, match=r"'bge-m3' were made by the embedder 'ollama'"):
        asyncio.run(use_embedder())


def test_the_local_embedder_is_the_default(weights: Path, shared_home: Path) -> None:
    assert weights.is_dir()
    assert create_embedder(Settings(home=shared_home)).model == "all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"embedder": "embedded", "embedding_model": "bge-m3"}, "bge-m3.*Unset it"),
        ({"embedder": "openai"}, "BBJ_ASSETS_OPENAI_API_KEY"),
        ({"embedder": "ollama", "ollama_host": "ftp://box"}, "OLLAMA_HOST is 'ftp://box'"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_at_once(
    settings: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(EmbedderMisconfigured, match=says):
        create_embedder(load_settings(**settings))


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(
    ("settings", "unused"),
    [
        ("embedder='embedded'", ["httpx", "ollama", "openai", "onnx", "safetensors"]),
        ("embedder='ollama'", ["onnxruntime", "onnx", "openai", "tokenizers"]),
    ],
)
def test_unused_libraries_are_not_imported(settings: str, unused: list[str], shared_home: Path) -> None:
    code = (
        "import asyncio, sys; from bbj_assets.embedding.embedders import create_embedder; "
        "from bbj_assets.settings import Settings; "
        f"embedder = create_embedder(Settings({settings}, home={str(shared_home)!r}))\n"
        "async def once(): await embedder.embed(['warm' * (embedder.model == 'all-MiniLM-L6-v2')])\n"
        "if embedder.model == 'all-MiniLM-L6-v2': asyncio.run(once())\n"
        f"print([name for name in {unused} if name in sys.modules])"
    )
    for _ in range(2):  # the first one may have to write the graph
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
