"""The lines that `bbj-ingest-all` prints about its batches, and texts that cannot be embedded."""

import json
import re

from bbj_assets.embedding.runner.batches import PROBE_TEXT
from bbj_assets_tests.cli.project import MarkdownProject
from bbj_assets_tests.fakes.model_server import refuse

INGEST = "bbj-ingest-all"
PAGES = 100
POISON = "☠"


def write_pages(project: MarkdownProject) -> set[str]:
    """Pages of one chunk each, three of a hundred of them poisoned for good; returns the keys of those."""
    bad = {7, 48, 93}
    for number in range(PAGES):
        project.write(
            f"guide/many/{number:03}.md", f"# Page {number}\n\nText {number}.{POISON if number in bad else ''}"
        )
    project.ollama.poison = POISON
    return {f"guide://many/{number:03}.md" for number in bad}


def urls_without_vector(project: MarkdownProject) -> set[str]:
    rows = project.query("SELECT source_url FROM chunks LEFT JOIN embeddings USING (content_hash) WHERE model IS NULL")
    return {str(url) for (url,) in rows}


def test_three_poisoned_texts_in_a_hundred_are_all_that_is_missing_until_they_are_embedded(
    project: MarkdownProject,
) -> None:
    bad = write_pages(project)

    done = project.call(INGEST)

    assert done.exit_code == 1
    assert urls_without_vector(project) == bad
    line = r"^  (\S+), text [0-9a-f]{12}: .*cannot be tokenized.* \[TextRejected\]$"
    assert sorted(re.findall(line, done.output, re.MULTILINE)) == sorted(bad)
    assert "3 failed:" in done.output
    assert "Embedded 100 of 103 texts (97%); batches: 3 in all" in done.output
    assert re.search(r"^ *guide .* warning *$", done.output, re.MULTILINE)
    assert "`bbj-ingest-all --retry-failed` retries only them" in done.output
    failures = json.loads(project.call("bbj-assets", "failures", "--json").stdout)
    assert {failure["source_url"] for failure in failures} == bad

    beside = {"guide://many/000.md", "guide://many/001.md", "guide://start.md"}  # as an interrupted run leaves them
    project.query(
        "DELETE FROM embeddings WHERE content_hash IN (SELECT content_hash FROM chunks WHERE source_url = ANY(%s)) "
        "RETURNING 1",
        list(beside),
    )
    project.ollama.poison = None
    project.ollama.embedded.clear()
    retried = project.call(INGEST, "--retry-failed")

    assert retried.exit_code == 0, retried.output
    asked = {text: count for text, count in project.ollama.embedded.items() if text != PROBE_TEXT}
    assert set(asked.values()) == {1}
    assert len(asked) == 3
    assert all(POISON in text for text in asked)
    assert urls_without_vector(project) == beside
    assert project.query("SELECT count(*) FROM failures") == [(0,)]

    assert project.call(INGEST).exit_code == 0
    assert urls_without_vector(project) == set()


def test_verbose_shows_every_batch_by_worker(project: MarkdownProject) -> None:
    for number in range(10):
        project.write(f"guide/many/{number}.md", f"# Page {number}\n\nText {number}.")
    project.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "3"}
    quiet = project.call(INGEST, "--source", "notes")
    project.ollama.inject(None, refuse(500, "out of memory"))  # the first one is asked whether it is there at all

    done = project.call(INGEST, "--source", "guide", "--verbose", "--workers", "2")

    assert done.exit_code == 0, done.output
    complete = re.findall(r"\[worker (\d)\] batch (\d)/4 complete \((\d) chunks\)$", done.output, re.MULTILINE)
    assert sorted(number for _, number, _ in complete) == ["1", "2", "3", "4"]
    assert {worker for worker, _, _ in complete} <= {"1", "2"}
    assert sum(int(chunks) for _, _, chunks in complete) == 12
    [trouble] = re.findall(r"\[worker \d\] batch \d/4 failed, retrying \(1/3\): .*$", done.output, re.MULTILINE)
    assert "out of memory" in trouble
    assert "Embedded 12 of 12 texts (100%); batches: 4 in all, 4 completed, 1 retried." in done.output
    assert "[worker" not in quiet.output


def test_an_outage_is_printed_with_what_is_left_to_embed(project: MarkdownProject) -> None:
    project.environment |= {"BBJ_ASSETS_EMBEDDING_BATCH_SIZE": "1", "BBJ_ASSETS_EMBEDDING_WORKERS": "1"}
    assert project.call(INGEST, "--source", "notes").exit_code == 0
    project.ollama.inject(None, None)  # the question whether it is there, and a batch
    project.ollama.outage = refuse(500, "out of memory")

    done = project.call(INGEST, "--source", "guide", "--json")

    assert done.exit_code == 1
    assert "all others wait for the model server, which is asked again (1/3): " in done.stderr
    assert "Embedded 1 of 2 texts (50%); batches: 2 in all, 1 completed" in done.stderr
    assert "Left: 1 texts to embed. The next `bbj-ingest-all` processes just those." in done.stderr
    assert "out of memory" in done.stderr
    summary = json.loads(done.stdout)["embedding"]
    assert (summary["texts_total"], summary["texts_stored"], summary["texts_left"]) == (2, 1, 1)
    assert summary["success_rate"] == 0.5
    assert project.query("SELECT count(*) FROM failures") == [(0,)]

    project.ollama.outage = None
    assert project.call(INGEST, "--source", "guide").exit_code == 0
    assert urls_without_vector(project) == set()
