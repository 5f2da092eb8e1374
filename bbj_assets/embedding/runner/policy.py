"""The retry policy of the batch runner: what to do with a sub-batch whose request failed.

`decide` is a pure function, and `test_policy.py` has its table. `Runner` executes the decisions; `ServerHealth` and
`WorkQueue` hold the state that they depend on. The length of a delay is computed in `retrying`, because of its jitter.

- **Transient error**: retry with backoff. When the retries are used up and the server proves to be healthy, the texts
  must be the cause: halve them, or record the failure of a single text.
- **Halves after a transient error** are halved further at their first error, because the retries were spent on the
  whole. Only a single text is retried as often again before it fails. So a text that crashes its server costs two
  times 1 + 2 + 4 seconds, and not seven times.
- **Rate limit (429, 503)**: no text is the cause while the server serves others. The retries start anew whenever
  others were served meanwhile, and halves keep their retries.
- **Rejected texts**: halve until the bad text stands alone. With b texts and one bad one that costs at most
  2*ceil(log2(b)) further calls.
- **A rejected single text** is checked before it fails: the server has to embed a sentence that every model can
  embed, and then the text is tried once more. Ollama answers 400 to nearly everything that goes wrong inside it, so a
  broken installation would otherwise make a failure of every text, one by one. Ollama also restarts a crashed model
  process by itself, and then the text was not the cause.
"""

from dataclasses import dataclass

from bbj_assets.errors import RateLimited, TextRejected, TransientEmbeddingError

SUSPICIOUS_FAILURES = 3
"""After this many failures in a row the server is more likely to be down than the texts are to be bad."""

MAX_RETRY_BUDGET = 4.0
"""The most retries for which workers go on with other batches while the server answers nothing."""

MAX_WAITING_PER_WORKER = 8
"""Sub-batches that wait for a retry: enough for a tenth of the requests to wait one second at 15 ms a batch, and few
enough to keep memory flat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What the policy knows of a sub-batch.

    Attributes:
        texts: the number of its texts.
        max_retries: the configured number of retries after a transient error.
        retries: the number of retries that this sub-batch has; 0 for halves of a sub-batch that used them up.
        tries: how often it has failed with a transient error.
        served: the number of requests that the server had answered when this sub-batch last failed.
        was_rejected: it is a single text that the server rejected before.
        is_suspect: it is a single text that may take the server down.
    """

    texts: int
    max_retries: int
    retries: int
    tries: int = 0
    served: int = 0
    was_rejected: bool = False
    is_suspect: bool = False

    def halves(self, retries: int) -> "tuple[Attempt, Attempt]":
        """Return the attempts of both halves. Several texts have `retries`, a single text has `max_retries`."""
        middle = self.texts // 2
        first, second = (
            Attempt(texts=texts, max_retries=self.max_retries, retries=retries if texts > 1 else self.max_retries)
            for texts in (middle, self.texts - middle)
        )
        return first, second


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """What the policy knows of the model server and of the work queue.

    Attributes:
        workers: the number of workers that send requests.
        served: the number of requests that were answered with vectors.
        failures_in_a_row: transient errors since the last answer, including the one to decide on.
        retry_budget: the number of retries for which the worker may go on with another batch.
        waiting: the number of sub-batches in the queue that wait for their retry.
    """

    workers: int
    served: int
    failures_in_a_row: int
    retry_budget: float
    waiting: int

    @property
    def is_proved_healthy(self) -> bool:
        """Whether the last request was answered."""
        return self.served > 0 and not self.failures_in_a_row

    def is_in_doubt(self, error: TransientEmbeddingError) -> bool:
        """Return whether the server may be down, because too many requests in a row have failed.

        Rate limits cast doubt only after one for each worker, and one for each retry of a full budget.
        """
        if isinstance(error, RateLimited):
            return self.failures_in_a_row >= self.workers + MAX_RETRY_BUDGET
        return self.failures_in_a_row >= SUSPICIOUS_FAILURES


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Requeue the sub-batch after a delay; the worker goes on with another batch meanwhile.

    Attributes:
        tries: the number of tries so far, which sets the backoff.
        retry_after: the shortest delay that the server asks for, in seconds.
        after_proof: first all workers wait until the server proves to be healthy. Otherwise it uses up one retry of
            the budget.
    """

    tries: int
    retry_after: float | None = None
    after_proof: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Keep the worker waiting for the delay, then requeue the sub-batch. The fields are as in `Retry`."""

    tries: int
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Halve:
    """Requeue the sub-batch in two halves.

    Attributes:
        retries: the number of retries of a half that has several texts.
        after_proof: as in `Retry`.
    """

    retries: int
    after_proof: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Embed a text that every model can embed, then try this one once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """Record the failure of a single text.

    Attributes:
        after_proof: as in `Retry`.
    """

    after_proof: bool = False


Decision = Retry | Wait | Halve | Probe | Fail


def decide(attempt: Attempt, error: TransientEmbeddingError | TextRejected, server: ServerState) -> Decision:
    """Return what to do with a sub-batch after an error."""
    if isinstance(error, TextRejected):
        if attempt.texts > 1:
            return Halve(retries=attempt.retries)
        return Fail() if attempt.was_rejected else Probe()
    is_rate_limited = isinstance(error, RateLimited)
    others_were_served = server.served > attempt.served
    tries = 1 if is_rate_limited and others_were_served else attempt.tries + 1
    if tries > attempt.retries:
        if attempt.texts > 1:
            return Halve(retries=attempt.retries if is_rate_limited else 0, after_proof=True)
        return Fail(after_proof=True)
    if server.is_in_doubt(error):
        return Retry(tries=tries, retry_after=error.retry_after, after_proof=True)
    if server.waiting < MAX_WAITING_PER_WORKER * server.workers and server.retry_budget >= 1:
        return Retry(tries=tries, retry_after=error.retry_after)
    return Wait(tries=tries, retry_after=error.retry_after)


def needs_probe_first(attempt: Attempt, server: ServerState) -> bool:
    """Return whether the server has to prove its health before it is asked for these texts.

    Only a server that was healthy can be taken down by a suspect.
    """
    return attempt.is_suspect and not server.is_proved_healthy
