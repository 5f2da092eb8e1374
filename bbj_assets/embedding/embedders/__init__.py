"""The `Embedder` protocol and its three implementations: `local`, `ollama` and `openai`.

Retries, batches and storing do not belong here: `runner` does them for every embedder alike.
"""

from typing import TYPE_CHECKING

from bbj_assets.embedding.embedders.embedder import Embedder
from bbj_assets.settings import Settings

if TYPE_CHECKING:
    from bbj_assets.embedding.embedders.local import LocalEmbedder
    from bbj_assets.embedding.embedders.ollama import OllamaEmbedder
    from bbj_assets.embedding.embedders.openai import OpenAIEmbedder

__all__ = ["Embedder", "create_embedder", "model_name"]


def create_embedder(settings: Settings) -> Embedder:
    """Return the configured embedder, never another one. The local embedder starts to load its model at once.

    Raises:
        EmbedderMisconfigured: it cannot work as configured; the message has the remedy.
    """
    return _class_of(settings).of(settings)


def model_name(settings: Settings) -> str:
    """Return the name under which the vectors of the configured model are stored. No model is loaded."""
    return settings.embedding_model or _class_of(settings).default_model


def _class_of(settings: Settings) -> "type[OllamaEmbedder | OpenAIEmbedder | LocalEmbedder]":
    """Return the configured class. Imports only its libraries: a search on the command line would wait for all."""
    if settings.embedder == "ollama":
        from bbj_assets.embedding.embedders.ollama import OllamaEmbedder

        return OllamaEmbedder
    if settings.embedder == "openai":
        from bbj_assets.embedding.embedders.openai import OpenAIEmbedder

        return OpenAIEmbedder
    from bbj_assets.embedding.embedders.local import LocalEmbedder

    return LocalEmbedder
