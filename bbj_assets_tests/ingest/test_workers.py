"""Parsing in processes: an item that harms its process fails alone, and no process is left behind."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import psutil
import pytest

from bbj_assets.documents import Item
from bbj_assets.ingest import workers
from bbj_assets.ingest.parsing import ParseTask
from bbj_assets.ingest.workers import parse_in_processes
from bbj_assets.outcomes import Failure, ItemContent, Outcome
from bbj_assets.source import ChunkSettings
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.ingest.hostile_items import hostile
from bbj_assets_tests.sources.mdx.pages import Site


def worker_processes(of: int | None = None) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(of).children(recursive=True):
        try:
            if "ingest.workers" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.fixture(autouse=True)
def _no_process_left_behind() -> Iterator[None]:
    yield
    assert worker_processes() == []


def page(site: Site, name: str) -> Item:
    site.write({f"{name}.md": f"# {name}\n\nText of {name}.\n"})
    return Item(f"mdx-test://{name}.md", "_root", site.root, f"{name}.md")


def task(site: Site, *items: Item) -> ParseTask:
    return ParseTask(site.source, items, ChunkSettings(), "code_version")


def outcome_of(outcomes: Sequence[Outcome]) -> dict[str, str]:
    return {
        (o.item if isinstance(o, Failure) else o.key): (o.error if isinstance(o, Failure) else "parsed")
        for o in outcomes
    }


@pytest.mark.parametrize(
    ("harm", "reason"),
    [("signal", "signal 9"), ("exit", "exit code 3"), ("memory", "memory limit 2048 MB")],
)
def test_an_item_that_kills_its_process_fails_and_its_neighbours_are_parsed(site: Site, harm: str, reason: str) -> None:
    items = [page(site, "before"), hostile(harm), page(site, "after")]

    (outcomes,) = parse_in_processes([task(site, *items)], 1)

    assert [o.item if isinstance(o, Failure) else o.key for o in outcomes] == [item.key for item in items]
    assert [type(outcome) for outcome in outcomes] == [ItemContent, Failure, ItemContent]
    failure = outcomes[1]
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.source, failure.partition_key) == ("parse", "mdx-test", "_root")
    assert failure.error_type == "ParseError"
    assert failure.error.startswith(f"{harm}.md: ")
    assert reason in failure.error
    assert "`exclude` in sources.toml" in failure.error


def test_an_item_that_takes_too_long_fails_and_the_next_task_is_done(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_SECONDS_PER_ITEM", 5.0)

    outcomes = [
        o for done in parse_in_processes([task(site, hostile("hang")), task(site, page(site, "a"))], 1) for o in done
    ]

    assert outcome_of(outcomes).keys() == {"mdx-test://hang.md", "mdx-test://a.md"}
    assert "took longer than 5 s" in outcome_of(outcomes)["mdx-test://hang.md"]
    assert outcome_of(outcomes)["mdx-test://a.md"] == "parsed"


def test_every_task_is_done_once_also_when_processes_are_lost(site: Site) -> None:
    tasks = [
        task(site, page(site, f"a{n}"), *([hostile("exit")] if n == 3 else []), page(site, f"b{n}")) for n in range(8)
    ]

    outcomes = [outcome for done in parse_in_processes(tasks, 2) for outcome in done]

    assert len(outcomes) == 17
    assert sorted(key for key, outcome in outcome_of(outcomes).items() if outcome == "parsed") == sorted(
        f"mdx-test://{letter}{n}.md" for letter in "ab" for n in range(8)
    )


def test_no_tasks_are_no_processes() -> None:
    assert list(parse_in_processes([], 4)) == []


def test_tasks_are_started_only_when_outcomes_are_fetched(site: Site) -> None:
    taken = 0

    def tasks() -> Iterator[ParseTask]:
        nonlocal taken
        for number in range(100):
            taken = number + 1
            yield task(site, page(site, str(number)))

    outcomes = parse_in_processes(tasks(), 1)
    for fetched in range(1, 21):
        next(outcomes)
        assert taken <= fetched + 4  # one at work, two waiting, one in hand
    outcomes.close()

    assert taken < 30


@pytest.mark.timeout(60)  # half the time limit of an item
def test_closing_early_ends_the_processes_also_in_the_middle_of_an_item(site: Site) -> None:
    outcomes = parse_in_processes([task(site, hostile("hang")), task(site, page(site, "a"))], 2)
    assert outcome_of(next(outcomes)) == {"mdx-test://a.md": "parsed"}
    assert worker_processes()

    outcomes.close()

    assert worker_processes() == []


def test_an_error_of_the_listing_is_raised_where_the_outcomes_are_fetched(site: Site) -> None:
    def tasks() -> Iterator[ParseTask]:
        yield task(site, page(site, "a"))
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(parse_in_processes(tasks(), 2))


def test_a_process_that_is_started_while_its_worker_is_closed_is_ended_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = workers._Worker()
    start = subprocess.Popen

    def closed_meanwhile(*args: Any, **options: Any) -> "subprocess.Popen[bytes]":
        worker.interrupt()
        process: subprocess.Popen[bytes] = start(*args, **options)
        return process

    monkeypatch.setattr(subprocess, "Popen", closed_meanwhile)

    with pytest.raises(workers._WorkerLost, match="the run was stopped"):
        worker.call(task(site, hostile("hang")), 5)


@pytest.mark.parametrize("harm", [None, "hang"], ids=["at rest", "in the middle of an item"])
def test_the_processes_end_when_their_parent_is_killed(site: Site, harm: str | None) -> None:
    script = textwrap.dedent(f"""
        import time
        from bbj_assets.ingest import workers
        from bbj_assets.ingest.parsing import ParseTask
        from bbj_assets.source import ChunkSettings, Source
        from bbj_assets_tests.ingest.hostile_items import hostile
        from bbj_assets_tests.ingest.test_workers import page
        from bbj_assets_tests.sources.mdx.pages import Site
        from pathlib import Path

        workers._SECONDS_PER_ITEM = 4.0
        site = Site(Path({str(site.root)!r}))
        def tasks():
            yield ParseTask(site.source, [page(site, "a")], ChunkSettings(), "code_version")
            if {harm!r}:
                print("hanging", flush=True)
                yield ParseTask(site.source, [hostile("hang")], ChunkSettings(), "code_version")
            else:
                print("resting", flush=True)
                time.sleep(600)
        list(workers.parse_in_processes(tasks(), 1))
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=REPOSITORY) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().strip() in (b"hanging", b"resting")
        (worker,) = worker_processes(parent.pid)
        os.kill(parent.pid, signal.SIGKILL)

    _, alive = psutil.wait_procs([worker], timeout=30)
    for process in alive:
        process.kill()
    assert alive == []
