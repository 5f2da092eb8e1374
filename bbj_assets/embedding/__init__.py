"""Texts become vectors here: the embedders, and the runner that feeds them."""

from bbj_assets.embedding.embedder import Embedder
from bbj_assets.settings import Settings

__all__ = ["Embedder", "create_embedder"]


def create_embedder(settings: Settings) -> Embedder:
    """The embedder that is configured, never another one.

    Only its own libraries are imported: a search on the command line starts in the time of one of them.

    Raises:
        EmbedderMisconfigured: it cannot work as configured; the message has the remedy.
    """
    if settings.embedder == "ollama":
        from bbj_assets.embedding.ollama import OllamaEmbedder

        return OllamaEmbedder.of(settings)
    if settings.embedder == "openai":
        from bbj_assets.embedding.openai import OpenAIEmbedder

        return OpenAIEmbedder.of(settings)
    from bbj_assets.embedding.embedded import EmbeddedEmbedder

    return EmbeddedEmbedder.of(settings)
