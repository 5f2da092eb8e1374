"""What only OpenAI-compatible servers do."""

import logging
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from bbj_assets.documents import Vectors
from bbj_assets.embedding.embedders import Embedder
from bbj_assets.embedding.embedders.openai import OpenAIEmbedder
from bbj_assets.errors import EmbedderMisconfigured
from bbj_assets_tests.fakes.model_server import refuse, vectors_for
from bbj_assets_tests.fakes.openai_server import FakeOpenAI

EmbedOnce = Callable[[Embedder, Sequence[str]], Vectors]

MODEL = "nomic-embed-text"
TEXTS = ["PRINT 'hello'", "Größe 🎉", "", "third\n\ntext"]


def test_vectors_that_are_not_in_base64_are_read(openai: FakeOpenAI, embed_once: EmbedOnce) -> None:
    openai.knows_base64 = False
    vectors = embed_once(OpenAIEmbedder(f"{openai.url}/v1", model=MODEL), TEXTS)
    assert np.array_equal(vectors, vectors_for(TEXTS, 64))


def test_a_used_up_quota_is_a_permanent_error(openai: FakeOpenAI, embed_once: EmbedOnce) -> None:
    openai.inject(refuse(429, "insufficient_quota"))
    with pytest.raises(EmbedderMisconfigured, match=r"quota .* is used up"):
        embed_once(OpenAIEmbedder(f"{openai.url}/v1", model=MODEL, api_key="sk-secret"), TEXTS)


def test_the_key_is_in_no_message_and_no_log(
    openai: FakeOpenAI, embed_once: EmbedOnce, caplog: pytest.LogCaptureFixture
) -> None:
    openai.inject(refuse(401, "wrong key"))
    with caplog.at_level(logging.DEBUG), pytest.raises(EmbedderMisconfigured) as raised:
        embed_once(OpenAIEmbedder(f"{openai.url}/v1", model=MODEL, api_key="sk-secret"), TEXTS)
    assert "sk-secret" not in caplog.text + str(raised.value)
