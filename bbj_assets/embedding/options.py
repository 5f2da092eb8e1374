"""The settings of an installation, as the batch runner takes them."""

from bbj_assets.embedding.runner.batches import BatchOptions
from bbj_assets.settings import Settings


def batch_options(settings: Settings) -> BatchOptions:
    """Return how the batch runner works with these settings."""
    return BatchOptions(
        workers=settings.embedding_workers,
        batch_size=settings.embedding_batch_size,
        initial_delay=settings.embedding_retry_seconds,
    )
