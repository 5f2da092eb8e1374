"""The exceptions of BBj Assets.

Every message is written for its reader: what failed, on what, and what to do. The class of an error decides whether the
call is retried, never the words of its message.

    BBjAssetsError
     ├── ConfigurationError            settings or sources.toml; carries every problem found
     ├── SourceError                   a whole source: its run fails, the other sources go on
     │    ├── ListingError             it could not be listed, so nothing is deleted
     │    └── ShrinkError              it would lose more than half of its documents
     ├── ParseError                    one item: it becomes a row of `failures`, the run goes on
     ├── Stopped                       the work was asked to end
     ├── DatabaseError                 PostgreSQL cannot be reached, or cannot hold the index
     │    └── DatabaseUnavailable      may succeed later: retried
     ├── AlertError                    an alert was not delivered
     │    └── AlertDelayed             may succeed later: retried
     └── EmbeddingError
          ├── TransientEmbeddingError  may succeed later: retried
          │    ├── EmbedderUnavailable   no answer, or one that is a 5xx or cut off
          │    │    └── EmbedderUnreachable   not even a connection
          │    └── RateLimited           429 or 503; carries Retry-After
          └── PermanentEmbeddingError  fails again in the same way: not retried
               ├── TextRejected          some texts: the batch is halved until the bad one is alone
               └── EmbedderMisconfigured every text: a missing model, a refused key, wrong dimensions
"""

from collections.abc import Sequence


class BBjAssetsError(Exception):
    """The base class of all errors that this project raises on purpose."""


class ConfigurationError(BBjAssetsError):
    """The configuration cannot work.

    Attributes:
        problems: all reasons, each with its remedy.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SourceError(BBjAssetsError):
    """A whole source cannot be processed."""


class ListingError(SourceError):
    """A source could not be listed completely, so no deletion may be inferred from what is missing."""


class ShrinkError(SourceError):
    """A listing would delete more than half of a source, which is more likely a fault than a wish."""


class ParseError(BBjAssetsError):
    """One item cannot be turned into documents. The message names the place and the remedy."""


class Stopped(BBjAssetsError):
    """The work was asked to end. It ends between two batches, and everything that was done is stored."""


class DatabaseError(BBjAssetsError):
    """PostgreSQL cannot be reached, or cannot hold the index."""


class DatabaseUnavailable(DatabaseError):
    """PostgreSQL is away, overloaded or blocked by other sessions: the same may succeed later."""


class AlertError(BBjAssetsError):
    """An alert of a failed run could not be delivered."""


class AlertDelayed(AlertError):
    """The webhook is away or asks to wait: the same alert may be delivered later.

    Attributes:
        retry_after: the seconds that the webhook asked to wait; None if it did not.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class EmbeddingError(BBjAssetsError):
    """An embedder did not return the requested vectors."""


class TransientEmbeddingError(EmbeddingError):
    """The same request may succeed later.

    Attributes:
        retry_after: the seconds that the server asked to wait; None if it did not.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class EmbedderUnavailable(TransientEmbeddingError):
    """The server does not answer, or not in full."""


class EmbedderUnreachable(EmbedderUnavailable):
    """No connection to the server could be opened, so no text can be the cause."""


class RateLimited(TransientEmbeddingError):
    """The server asks to wait."""


class PermanentEmbeddingError(EmbeddingError):
    """The same request will fail in the same way."""


class TextRejected(PermanentEmbeddingError):
    """At least one text of the batch cannot be embedded."""


class EmbedderMisconfigured(PermanentEmbeddingError):
    """No text can be embedded until the configuration is changed."""
