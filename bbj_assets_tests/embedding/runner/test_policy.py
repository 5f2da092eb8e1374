"""The retry policy, line by line: what the runner does with a sub-batch whose request failed."""

import math
from collections import deque
from dataclasses import replace

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from bbj_assets.embedding.runner.policy import (
    MAX_RETRY_BUDGET,
    Attempt,
    Decision,
    Fail,
    Halve,
    Probe,
    Retry,
    ServerState,
    Wait,
    decide,
    needs_probe_first,
)
from bbj_assets.errors import (
    EmbedderUnavailable,
    EmbedderUnreachable,
    RateLimited,
    TextRejected,
    TransientEmbeddingError,
)

CRASH = EmbedderUnavailable("500")
UNREACHABLE = EmbedderUnreachable("connection refused")
BUSY = RateLimited("429")
BUSY_FOR_7_SECONDS = RateLimited("503", retry_after=7.0)
REJECTED = TextRejected("400")

WHOLE = Attempt(texts=64, max_retries=3, retries=3)
HALF = Attempt(texts=32, max_retries=3, retries=0)
SINGLE = Attempt(texts=1, max_retries=3, retries=3)
EXHAUSTED = replace(WHOLE, tries=3, served=9)
EXHAUSTED_SINGLE = replace(SINGLE, tries=3, served=9)

HEALTHY = ServerState(workers=4, served=9, failures_in_a_row=1, retry_budget=4.0, waiting=0)
IN_DOUBT = replace(HEALTHY, failures_in_a_row=3)
LIMITED_ALL = replace(HEALTHY, failures_in_a_row=8)
NO_BUDGET = replace(HEALTHY, retry_budget=0.75)
FULL_QUEUE = replace(HEALTHY, waiting=32)

TABLE: dict[str, tuple[Attempt, TransientEmbeddingError | TextRejected, ServerState, Decision]] = {
    # A transient error is retried, and the worker goes on with another batch.
    "first error": (WHOLE, CRASH, HEALTHY, Retry(tries=1)),
    "no connection": (WHOLE, UNREACHABLE, HEALTHY, Retry(tries=1)),
    "second error": (replace(WHOLE, tries=1), CRASH, HEALTHY, Retry(tries=2)),
    "last retry": (replace(WHOLE, tries=2), CRASH, HEALTHY, Retry(tries=3)),
    "last retry of a single text": (replace(SINGLE, tries=2), CRASH, HEALTHY, Retry(tries=3)),
    "rate limit": (WHOLE, BUSY, HEALTHY, Retry(tries=1)),
    "rate limit with Retry-After": (WHOLE, BUSY_FOR_7_SECONDS, HEALTHY, Retry(tries=1, retry_after=7.0)),
    # The worker waits when there is no budget for going on, or no room in the queue.
    "budget for one more": (WHOLE, BUSY, replace(HEALTHY, retry_budget=1.0), Retry(tries=1)),
    "budget is spent": (WHOLE, BUSY, NO_BUDGET, Wait(tries=1)),
    "budget is spent, Retry-After": (WHOLE, BUSY_FOR_7_SECONDS, NO_BUDGET, Wait(tries=1, retry_after=7.0)),
    "budget is spent by crashes": (WHOLE, CRASH, NO_BUDGET, Wait(tries=1)),
    "room for one more": (WHOLE, BUSY, replace(HEALTHY, waiting=31), Retry(tries=1)),
    "queue is full": (WHOLE, BUSY, FULL_QUEUE, Wait(tries=1)),
    # All workers wait for the server when it is in doubt.
    "two failures in a row": (WHOLE, CRASH, replace(HEALTHY, failures_in_a_row=2), Retry(tries=1)),
    "three failures in a row": (WHOLE, CRASH, IN_DOUBT, Retry(tries=1, after_proof=True)),
    "doubt, no budget": (WHOLE, CRASH, replace(IN_DOUBT, retry_budget=0.0), Retry(tries=1, after_proof=True)),
    "doubt, queue is full": (WHOLE, CRASH, replace(IN_DOUBT, waiting=32), Retry(tries=1, after_proof=True)),
    "three rate limits in a row": (WHOLE, BUSY, IN_DOUBT, Retry(tries=1)),
    "rate limits of nearly all workers": (WHOLE, BUSY, replace(HEALTHY, failures_in_a_row=7), Retry(tries=1)),
    "rate limits of all workers": (WHOLE, BUSY, LIMITED_ALL, Retry(tries=1, after_proof=True)),
    "rate limits of 32 workers": (WHOLE, BUSY, replace(LIMITED_ALL, workers=32), Retry(tries=1)),
    # The retries are used up: when the server proves to be healthy, the texts are the cause.
    "no retry left": (EXHAUSTED, CRASH, HEALTHY, Halve(retries=0, after_proof=True)),
    "no retry left, in doubt": (EXHAUSTED, CRASH, IN_DOUBT, Halve(retries=0, after_proof=True)),
    "no retry left, no budget": (EXHAUSTED, CRASH, NO_BUDGET, Halve(retries=0, after_proof=True)),
    "first error of a half": (HALF, CRASH, HEALTHY, Halve(retries=0, after_proof=True)),
    "no retry left for a single text": (EXHAUSTED_SINGLE, CRASH, HEALTHY, Fail(after_proof=True)),
    "no retries configured": (Attempt(texts=1, max_retries=0, retries=0), CRASH, HEALTHY, Fail(after_proof=True)),
    # A rate limit is no fault of a text while others are served: its retries start anew, and halves keep theirs.
    "others were served": (replace(WHOLE, tries=3, served=8), BUSY, HEALTHY, Retry(tries=1)),
    "others were served, crash": (replace(WHOLE, tries=2, served=8), CRASH, HEALTHY, Retry(tries=3)),
    "nothing was served": (replace(WHOLE, tries=2, served=9), BUSY, HEALTHY, Retry(tries=3)),
    "limited to the end": (EXHAUSTED, BUSY, HEALTHY, Halve(retries=3, after_proof=True)),
    "limited single text": (EXHAUSTED_SINGLE, BUSY, HEALTHY, Fail(after_proof=True)),
    # Rejected texts are halved at once, with no regard to the server; a single text is checked before it fails.
    "rejected": (WHOLE, REJECTED, HEALTHY, Halve(retries=3)),
    "rejected after retries": (EXHAUSTED, REJECTED, HEALTHY, Halve(retries=3)),
    "rejected half of a crash": (HALF, REJECTED, HEALTHY, Halve(retries=0)),
    "rejected in doubt": (WHOLE, REJECTED, IN_DOUBT, Halve(retries=3)),
    "rejected single text": (SINGLE, REJECTED, HEALTHY, Probe()),
    "rejected single text again": (replace(SINGLE, was_rejected=True), REJECTED, HEALTHY, Fail()),
    "rejected, then a crash": (replace(SINGLE, was_rejected=True), CRASH, HEALTHY, Retry(tries=1)),
}


@pytest.mark.parametrize("name", TABLE)
def test_decision(name: str) -> None:
    attempt, error, server, decision = TABLE[name]
    assert decide(attempt, error, server) == decision


@pytest.mark.parametrize(
    ("is_suspect", "served", "failures_in_a_row", "probes"),
    [
        (False, 0, 0, False),
        (False, 0, 5, False),
        (True, 0, 0, True),
        (True, 5, 1, True),
        (True, 5, 0, False),
    ],
)
def test_only_a_suspect_needs_a_server_that_answered_last(
    is_suspect: bool, served: int, failures_in_a_row: int, probes: bool
) -> None:
    server = replace(HEALTHY, served=served, failures_in_a_row=failures_in_a_row)
    assert needs_probe_first(replace(SINGLE, is_suspect=is_suspect), server) == probes


def test_a_single_text_has_all_retries_again_however_few_its_half_had() -> None:
    assert HALF.halves(0) == (replace(HALF, texts=16), replace(HALF, texts=16))
    assert replace(HALF, texts=3).halves(0) == (SINGLE, replace(HALF, texts=2))


errors = st.sampled_from([CRASH, UNREACHABLE, BUSY, BUSY_FOR_7_SECONDS, REJECTED])
servers = st.builds(
    ServerState,
    workers=st.integers(1, 64),
    served=st.integers(0, 100),
    failures_in_a_row=st.integers(1, 100),
    retry_budget=st.floats(0, MAX_RETRY_BUDGET),
    waiting=st.integers(0, 1000),
)


@for_all(texts=st.integers(1, 64), retries=st.integers(0, 5), served=st.integers(0, 9), data=st.data())
def test_nothing_is_retried_more_often_than_configured_while_no_other_is_served(
    texts: int, retries: int, served: int, data: st.DataObject
) -> None:
    attempt = Attempt(texts=texts, max_retries=retries, retries=retries, served=served)
    for tries in range(1, retries + 2):
        error = data.draw(st.sampled_from([CRASH, UNREACHABLE, BUSY, BUSY_FOR_7_SECONDS]))
        decision = decide(attempt, error, replace(data.draw(servers), served=served))
        if tries <= retries:
            assert isinstance(decision, Retry | Wait)
            assert decision.tries == tries
            attempt = replace(attempt, tries=decision.tries, served=served)
        else:
            assert isinstance(decision, Halve | Fail)
            assert decision.after_proof


@for_all(texts=st.integers(1, 1000), retries=st.integers(0, 5), error=errors, server=servers)
def test_several_texts_never_fail_together_and_every_halving_makes_them_fewer(
    texts: int, retries: int, error: TransientEmbeddingError | TextRejected, server: ServerState
) -> None:
    attempt = Attempt(texts=texts, max_retries=5, retries=retries)
    decision = decide(attempt, error, server)
    if isinstance(decision, Halve):
        first, second = attempt.halves(decision.retries)
        assert first.texts + second.texts == texts
        assert 0 < first.texts <= second.texts < texts
    if isinstance(decision, Fail | Probe):
        assert texts == 1


def requests_for_one_bad_text(size: int, bad: int, retries: int, error: TransientEmbeddingError | TextRejected) -> int:
    """Return how many requests it takes until one bad text has failed and all others are embedded.

    The server is healthy, so it always proves to be, and answers a probe.
    """
    queue = deque([(range(size), Attempt(texts=size, max_retries=retries, retries=retries))])
    requests, served = 0, 0
    failed: list[int] = []
    while queue:
        texts, attempt = queue.popleft()
        requests += 1
        if bad not in texts:
            served += 1
            continue
        server = replace(HEALTHY, served=served, failures_in_a_row=1)
        match decide(attempt, error, server):
            case Retry(tries=tries) | Wait(tries=tries):
                queue.appendleft((texts, replace(attempt, tries=tries, served=served)))
            case Halve(retries=left):
                first, second = attempt.halves(left)
                queue.extendleft([(texts[first.texts :], second), (texts[: first.texts], first)])
            case Probe():
                queue.appendleft((texts, replace(attempt, was_rejected=True)))
            case Fail():
                failed += texts
    assert failed == [bad]
    return requests


@for_all(data=st.data(), size=st.integers(1, 300), retries=st.integers(0, 4))
def test_one_bad_text_costs_two_requests_per_halving_and_one_to_make_sure(
    data: st.DataObject, size: int, retries: int
) -> None:
    bad = data.draw(st.integers(0, size - 1))
    halvings = 2 * math.ceil(math.log2(size))
    assert requests_for_one_bad_text(size, bad, retries, REJECTED) <= 1 + halvings + 1


@for_all(data=st.data(), size=st.integers(1, 300), retries=st.integers(0, 4))
def test_a_text_that_crashes_its_server_is_retried_as_a_whole_batch_and_by_itself_only(
    data: st.DataObject, size: int, retries: int
) -> None:
    bad = data.draw(st.integers(0, size - 1))
    halvings = 2 * math.ceil(math.log2(size))
    assert requests_for_one_bad_text(size, bad, retries, CRASH) <= 1 + halvings + 2 * retries
