from collections.abc import Iterator

import pytest

from bbj_assets_tests.fakes.ollama_server import FakeOllama
from bbj_assets_tests.fakes.openai_server import FakeOpenAI


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    """A fake Ollama whose vectors have 64 dimensions."""
    with FakeOllama(dimensions=64) as server:
        yield server


@pytest.fixture
def openai() -> Iterator[FakeOpenAI]:
    """A fake OpenAI-compatible server whose vectors have 64 dimensions."""
    with FakeOpenAI(dimensions=64) as server:
        yield server
