"""Texts become vectors here: the embedders, and the runner that feeds them."""

from typing import TYPE_CHECKING

from bbj_assets.embedding.embedders.embedder import Embedder
from bbj_assets.settings import Settings

if TYPE_CHECKING:
    from bbj_assets.embedding.embedders.local import LocalEmbedder
    from bbj_assets.embedding.embedders.ollama import OllamaEmbedder
    from bbj_assets.embedding.embedders.openai import OpenAIEmbedder

__all__ = ["Embedder", "create_embedder", "model_name"]


def create_embedder(settings: Settings) -> Embedder:
    """The embedder that is configured, never another one; the embedded one begins to load its model at once.

    Raises:
        EmbedderMisconfigured: it cannot work as configured; the message has the remedy.
    """
    return _class_of(settings).of(settings)


def model_name(settings: Settings) -> str:
    """The model that is configured, by the name under which its vectors are stored."""
    return settings.embedding_model or _class_of(settings).default_model


def _class_of(settings: Settings) -> "type[OllamaEmbedder | OpenAIEmbedder | LocalEmbedder]":
    """Only its own libraries are imported: a search on the command line starts in the time of one of them."""
    if settings.embedder == "ollama":
        from bbj_assets.embedding.embedders.ollama import OllamaEmbedder

        return OllamaEmbedder
    if settings.embedder == "openai":
        from bbj_assets.embedding.embedders.openai import OpenAIEmbedder

        return OpenAIEmbedder
    from bbj_assets.embedding.embedders.local import LocalEmbedder

    return LocalEmbedder
