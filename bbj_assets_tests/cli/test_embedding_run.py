"""What `bbj-ingest-all` tells of its batches, and what it does about texts that cannot be embedded."""

import json
import re

from bbj_assets.embedding.runner.batches import PROBE_TEXT
from bbj_assets_tests.cli.conftest import Desk
from bbj_assets_tests.fakes.model_server import refuse

INGEST = "bbj-ingest-all"
PAGES = 100
POISON = "☠"


def write_pages(desk: Desk) -> set[str]:
    """Pages of one chunk each, three of a hundred of them poisoned for good; gives the keys of those."""
    bad = {7, 48, 93}
    for number in range(PAGES):
        desk.write(f"guide/many/{number:03}.md", f"# Page {number}\n\nText {number}.{POISON if number in bad else ''}")
    desk.ollama.poison = POISON
    return {f"guide://many/{number:03}.md" for number in bad}


def without_vector(desk: Desk) -> set[str]:
    rows = desk.query("SELECT source_url FROM chunks LEFT JOIN embeddings USING (content_hash) WHERE model IS NULL")
    return {str(url) for (url,) in rows}


def test_three_poisoned_texts_in_a_hundred_are_exactly_what_is_missing_until_they_are_healed(desk: Desk) -> None:
    bad = write_pages(desk)

    done = desk.call(INGEST)

    assert done.exit_code == 1
    assert without_vector(desk) == bad
    line = r"^  (\S+), text [0-9a-f]{12}: .*cannot be tokenized.* \[TextRejected\]$"
    assert sorted(re.findall(line, done.output, re.MULTILINE)) == sorted(bad)
    assert "3 failed:" in done.output
    assert "Embedded 100 of 103 texts (97%); batches: 3 in all" in done.output
    assert re.search(r"^ *guide .* warning *$", done.output, re.MULTILINE)
    assert "`bbj-ingest-all --retry-failed` retries only them" in done.output
    failures = json.loads(desk.call("bbj-assets", "failures", "--json").stdout)
    assert {failure["source_url"] for failure in failures} == bad

    beside = {"guide://many/000.md", "guide://many/001.md", "guide://start.md"}  # as an interrupted run leaves them
    desk.query(
        "DELETE FROM embeddings WHERE content_hash IN (SELECT content_hash FROM chunks WHERE source_url = ANY(%s)) "
        "RETURNING 1",
        list(beside),
    )
    desk.ollama.poison = None
    desk.ollama.embedded.clear()
    healed = desk.call(INGEST, "--retry-failed")

    assert healed.exit_code == 0, healed.output
    asked = {text: count for text, count in desk.ollama.embedded.items() if text != PROBE_TEXT}
    assert set(asked.values()) == {1}
    assert len(asked) == 3
    assert all(POISON in text for text in asked)
    assert without_vector(desk) == beside
    assert desk.query("SELECT count(*) FROM failures") == [(0,)]

    assert desk.call(INGEST).exit_code == 0
    assert without_vector(desk) == set()


def test_verbose_shows_every_batch_by_worker(desk: Desk) -> None:
    for number in range(10):
        desk.write(f"guide/many/{number}.md", f"# Page {number}\n\nText {number}.")
    desk.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "3"}
    quiet = desk.call(INGEST, "--source", "notes")
    desk.ollama.inject(None, refuse(500, "out of memory"))  # the first one is asked whether it is there at all

    done = desk.call(INGEST, "--source", "guide", "--verbose", "--workers", "2")

    assert done.exit_code == 0, done.output
    complete = re.findall(r"\[worker (\d)\] batch (\d)/4 complete \((\d) chunks\)$", done.output, re.MULTILINE)
    assert sorted(number for _, number, _ in complete) == ["1", "2", "3", "4"]
    assert {worker for worker, _, _ in complete} <= {"1", "2"}
    assert sum(int(chunks) for _, _, chunks in complete) == 12
    [trouble] = re.findall(r"\[worker \d\] batch \d/4 failed, retrying \(1/3\): .*$", done.output, re.MULTILINE)
    assert "out of memory" in trouble
    assert "Embedded 12 of 12 texts (100%); batches: 4 in all, 4 completed, 1 retried." in done.output
    assert "[worker" not in quiet.output


def test_an_outage_is_told_of_and_what_is_left_is_said(desk: Desk) -> None:
    desk.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "1", "BBJ_ASSETS_EMBEDDING_WORKERS": "1"}
    assert desk.call(INGEST, "--source", "notes").exit_code == 0
    desk.ollama.inject(None, None)  # the question whether it is there, and a batch
    desk.ollama.outage = refuse(500, "out of memory")

    done = desk.call(INGEST, "--source", "guide", "--json")

    assert done.exit_code == 1
    assert "all others wait for the model server, which is asked again (1/3): " in done.stderr
    assert "Embedded 1 of 2 texts (50%); batches: 2 in all, 1 completed" in done.stderr
    assert "Left: 1 texts to embed. The next `bbj-ingest-all` processes just those." in done.stderr
    assert "out of memory" in done.stderr
    summary = json.loads(done.stdout)["embedding"]
    assert (summary["texts_total"], summary["texts_stored"], summary["texts_left"]) == (2, 1, 1)
    assert summary["success_rate"] == 0.5
    assert desk.query("SELECT count(*) FROM failures") == [(0,)]

    desk.ollama.outage = None
    assert desk.call(INGEST, "--source", "guide").exit_code == 0
    assert without_vector(desk) == set()
