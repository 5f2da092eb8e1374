"""What asset bodies need besides Dagster's context: one resource, a plain object."""

from dataclasses import dataclass, field

from bbj_assets.embedding.batches import BatchOptions
from bbj_assets.progress import Progress, Silent
from bbj_assets.settings import Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    """The settings of this installation, and who listens to its progress."""

    settings: Settings
    progress: Progress = field(default_factory=Silent)

    @property
    def batch_options(self) -> BatchOptions:
        """How embeddings are made."""
        return BatchOptions(
            workers=self.settings.embedding_workers,
            batch_size=self.settings.embedding_batch_size,
            first_wait=self.settings.embedding_retry_seconds,
        )
