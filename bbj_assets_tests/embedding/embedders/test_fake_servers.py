"""The fake model servers do what the other tests rely on."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import numpy as np
import pytest

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders import Embedder
from bbj_assets.embedding.embedders.ollama import OllamaEmbedder
from bbj_assets.errors import TextRejected
from bbj_assets_tests.fakes.model_server import vectors_for
from bbj_assets_tests.fakes.ollama_server import FakeOllama

EmbedOnce = Callable[[Embedder, Sequence[str]], Vectors]

MODEL = "nomic-embed-text"
TEXTS = ["PRINT 'hello'", "Größe 🎉", "", "third\n\ntext"]


def test_the_fake_counts_concurrent_requests(ollama: FakeOllama) -> None:
    ollama.latency = 0.05

    async def embed_concurrently() -> None:
        embedder = OllamaEmbedder(ollama.url, model=MODEL)
        await asyncio.gather(*(embedder.embed([f"text {n}"]) for n in range(6)))
        await embedder.aclose()

    asyncio.run(embed_concurrently())
    assert ollama.most_at_once > 1
    assert ollama.embedded == {f"text {n}": 1 for n in range(6)}


def test_the_fake_refuses_a_batch_with_a_poisoned_text(ollama: FakeOllama, embed_once: EmbedOnce) -> None:
    ollama.poison = "☠"
    with pytest.raises(TextRejected):
        embed_once(OllamaEmbedder(ollama.url, model=MODEL), ["fine", "a ☠ text"])
    assert ollama.embedded.total() == 0


def test_the_fake_runs_as_a_process_of_its_own(embed_once: EmbedOnce) -> None:
    command = [sys.executable, "-m", "bbj_assets_tests.fakes.ollama_server", "--port", "0", "--dimensions", "16"]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert np.array_equal(embed_once(OllamaEmbedder(url, model=MODEL), TEXTS), vectors_for(TEXTS, 16))
        assert httpx.get(f"{url}/api/tags", trust_env=False).json()["models"][0]["name"] == f"{MODEL}:latest"
        process.terminate()
        assert process.wait(10) == 0
