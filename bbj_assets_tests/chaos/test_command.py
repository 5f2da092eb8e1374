"""The real `bbj-ingest-all` is killed with SIGKILL at random moments of its work; `--resume` makes the index whole.

BBJ_ASSETS_CHAOS_SEED repeats a life that went wrong; BBJ_ASSETS_CHAOS_COMMANDS makes it longer.
"""

import os
import random
import subprocess
import time

import psutil

from bbj_assets_tests.chaos.guide import Guide
from bbj_assets_tests.chaos.witnesses import Ledger, Reader, rows
from bbj_assets_tests.cli.conftest import Desk

INGEST = "bbj-ingest-all"
KILLS = int(os.environ.get("BBJ_ASSETS_CHAOS_COMMANDS", "4"))
PAGES = 100
WORKERS, BATCH_SIZE = 2, 4
IN_FLIGHT = 6 * WORKERS * BATCH_SIZE
"""Texts that may be embedded and not yet stored: two batches with each worker, and twice as many batches as there are
workers before the storer and in it."""
QUESTIONS = 2
"""Texts that each command asks the model for to see that it is there."""


def test_a_command_that_is_killed_at_any_moment_loses_nothing_and_asks_for_little_twice(desk: Desk) -> None:
    seed = int(os.environ.get("BBJ_ASSETS_CHAOS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"BBJ_ASSETS_CHAOS_SEED={seed}")
    chance = random.Random(seed)
    desk.sources("manual")
    guide = Guide(desk.folder / "manual", PAGES, seed)
    desk.environment |= {
        "BBJ_ASSETS_EMBEDDING_BATCH_SIZE": str(BATCH_SIZE),
        "BBJ_ASSETS_EMBEDDING_WORKERS": str(WORKERS),
    }
    desk.ollama.latency = 0.02
    started = time.monotonic()
    assert desk.call(INGEST).exit_code == 0
    unharmed = time.monotonic() - started
    ledger = Ledger(desk.url, desk.ollama)
    reader = Reader(desk.url)
    killed = 0
    try:
        for attempt in range(10 * KILLS):
            if killed == KILLS:
                break
            guide.live()
            killed += kill_at_work(desk, chance.uniform(0.0, 0.8) * unharmed)
            lost = ledger.lost()
            assert lost <= IN_FLIGHT + QUESTIONS, f"seed {seed}, attempt {attempt}: {lost} texts embedded, not stored"
        resumed = desk.call(INGEST, "--resume")
        assert resumed.exit_code == 0, f"seed {seed}: {resumed.output}"
        assert ledger.lost() <= QUESTIONS
    finally:
        reader.end()

    assert killed == KILLS, f"seed {seed}: most runs ended before they were killed"
    assert not reader.complaints, f"seed {seed}: {reader.complaints[:5]}"
    assert reader.looks > 0
    after_all = rows(desk.url)
    assert len(after_all["documents"]) == PAGES
    desk.query("WITH gone AS (DELETE FROM embeddings) DELETE FROM documents RETURNING 1")
    assert desk.call(INGEST, "--clean").exit_code == 0
    assert after_all == rows(desk.url), f"seed {seed}"


def kill_at_work(desk: Desk, seconds: float) -> bool:
    """Run the command, and kill it so long after it began its work; whether it was still at it. Nothing outlives it."""
    process = desk.start(INGEST)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Validation OK")
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive, "a parser outlived its parent"
        return True
    process.communicate()
    return False
