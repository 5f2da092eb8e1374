"""The exceptions of BBj Assets.

Every one of them is written for its reader: what failed, on what, and what to do. Whether
to try again is a matter of the class, never of the words of a message.

    BBjAssetsError
     ├── ConfigurationError            settings or sources.toml; carries every problem found
     ├── SourceError                   a whole source: its run fails, the others go on
     │    ├── ListingError             it could not be listed, so nothing is inferred from it
     │    └── ShrinkError              it would lose more than half of its documents
     ├── ParseError                    one item: it becomes a row of `failures`, the run goes on
     ├── Stopped                       somebody asked for the work to end
     ├── DatabaseError                 PostgreSQL cannot be reached or is not fit for use
     │    └── DatabaseUnavailable      worth trying again
     ├── AlertError                    an alert was not delivered
     │    └── AlertDelayed             worth trying again
     └── EmbeddingError
          ├── TransientEmbeddingError  worth trying again
          │    ├── EmbedderUnavailable   nobody answers, or the answer is a 5xx or cut off
          │    │    └── EmbedderUnreachable   not even a connection comes about
          │    └── RateLimited           429 or 503; carries Retry-After
          └── PermanentEmbeddingError  trying again gives the same answer
               ├── TextRejected          these texts: halve the batch until the bad one stands alone
               └── EmbedderMisconfigured every text: a missing model, a refused key, wrong dimensions
"""

from collections.abc import Sequence


class BBjAssetsError(Exception):
    """The root: whatever this project raises on purpose."""


class ConfigurationError(BBjAssetsError):
    """What is configured cannot work. `problems` has every reason, each with its remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SourceError(BBjAssetsError):
    """A whole source cannot be processed."""


class ListingError(SourceError):
    """A source could not be listed completely, so nothing may be inferred from what is missing."""


class ShrinkError(SourceError):
    """A listing would delete more than half of a source: more likely a fault than a wish."""


class ParseError(BBjAssetsError):
    """One item cannot be turned into documents. The message names the place and the remedy."""


class Stopped(BBjAssetsError):
    """Somebody asked for the work to end. It ends between two batches; what was done is stored."""


class DatabaseError(BBjAssetsError):
    """PostgreSQL cannot be reached, or cannot hold the index."""


class DatabaseUnavailable(DatabaseError):
    """PostgreSQL is away, full or held up by others: the same may succeed later."""


class AlertError(BBjAssetsError):
    """Nobody could be told that a run failed."""


class AlertDelayed(AlertError):
    """The webhook is away or asks for patience (`retry_after`, in seconds): the same alert may be taken later."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class EmbeddingError(BBjAssetsError):
    """An embedder did not give the vectors that were asked for."""


class TransientEmbeddingError(EmbeddingError):
    """The same request may succeed later. `retry_after` is in seconds, when the server said it."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class EmbedderUnavailable(TransientEmbeddingError):
    """Nobody answers, or not in full."""


class EmbedderUnreachable(EmbedderUnavailable):
    """Nobody was there to ask: no text can have been to blame."""


class RateLimited(TransientEmbeddingError):
    """The server asks for patience."""


class PermanentEmbeddingError(EmbeddingError):
    """The same request will fail in the same way."""


class TextRejected(PermanentEmbeddingError):
    """At least one text of the batch cannot be embedded."""


class EmbedderMisconfigured(PermanentEmbeddingError):
    """No text can be embedded until someone changes the configuration."""
