"""`bbj-assets failures` shows a person, a program and a file what the table `failures` holds."""

import fcntl
import json
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import pytest

from bbj_assets.errors import ParseError
from bbj_assets.failures import append_failures
from bbj_assets.outcomes import Failure
from bbj_assets.store.connection import connect
from bbj_assets.store.documents import replace_items
from bbj_assets.store.failures import StoredFailure, record_failures
from bbj_assets.store.models import ensure_model
from bbj_assets_tests.cli.project import MarkdownProject
from bbj_assets_tests.fakes.model_server import refuse
from bbj_assets_tests.store.samples import chunks, item

ASSETS, INGEST = "bbj-assets", "bbj-ingest-all"
BAD = b"\x00\xff\xfe\x81"


@pytest.fixture
def failed(project: MarkdownProject) -> MarkdownProject:
    """After an ingest with a file that is no text, and a text that the model refuses, in a source each."""
    (project.folder / "guide/grids/bad.md").write_bytes(BAD)
    project.ollama.poison = "zither"
    assert project.call(INGEST).exit_code == 1
    return project


@pytest.fixture
def failing(project: MarkdownProject) -> MarkdownProject:
    """With the rows that such an ingest leaves, and without its seconds."""
    page = item("notes://today.md", "A zither was bought.", source="notes")
    [chunk] = chunks("A zither was bought.")
    with connect(project.url) as conn:
        replace_items(conn, [page], None)
        record_failures(
            conn,
            [
                unparsed("guide://grids/bad.md", section="grids", error="Save the file as UTF-8."),
                unembedded(chunk.content_hash),
            ],
            "run-1",
        )
    return project


def unparsed(key: str, *, section: str, error: str) -> Failure:
    return Failure.of_item(key=key, source="guide", partition_key=section, error=ParseError(error))


def unembedded(content_hash: bytes = b"\xab" * 32) -> Failure:
    """A text of `notes` that its model refused; of which model is not known."""
    return Failure(
        stage="embed",
        item=content_hash.hex(),
        source="notes",
        partition_key="_root",
        error_type="TextRejected",
        error="It is too long.",
    )


def listed(project: MarkdownProject, *arguments: str) -> list[dict[str, object]]:
    done = project.call(ASSETS, "failures", "--json", *arguments)
    assert done.exit_code == 0, done.output
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def test_each_failure_says_where_what_how_often_and_in_which_run(failed: MarkdownProject) -> None:
    assert failed.call(INGEST, "--retry-failed").exit_code == 1  # counts the attempt

    file, text = listed(failed)

    [(content_hash,)] = failed.query("SELECT encode(content_hash, 'hex') FROM chunks WHERE content LIKE '%%zither%%'")
    assert (file["stage"], file["source"], file["section"]) == ("parse", "guide", "grids")
    assert file["source_url"] == file["item"] == "guide://grids/bad.md"
    assert file["content_hash"] is None
    assert (text["stage"], text["source"], text["section"]) == ("embed", "notes", "_root")
    assert (text["source_url"], text["content_hash"]) == ("notes://today.md", content_hash)
    assert text["item"] is None
    assert [file["error_type"], text["error_type"]] == ["ParseError", "TextRejected"]
    assert "Save the file as UTF-8" in str(file["error"])
    runs = {str(run) for (run,) in failed.query("SELECT run_id FROM failures")}
    for failure in (file, text):
        assert failure["attempts"] == 2
        assert failure["run_id"] in runs
        first, last = (datetime.fromisoformat(str(failure[key])) for key in ("first_failed_at", "last_failed_at"))
        assert first <= last
        assert first.tzinfo is not None
    assert "Correct the file" in str(file["remedy"])
    assert "The model refuses this text" in str(text["remedy"])


@pytest.mark.parametrize(
    ("arguments", "stages"),
    [
        ([], ["parse", "embed"]),
        (["--source", "guide"], ["parse"]),
        (["--source", "notes"], ["embed"]),
        (["--stage", "parse"], ["parse"]),
        (["--stage", "embed"], ["embed"]),
        (["--source", "guide", "--stage", "embed"], []),
    ],
)
def test_they_are_selected_by_source_and_stage_listed_and_exported_alike(
    failing: MarkdownProject, tmp_path: Path, arguments: list[str], stages: list[str]
) -> None:
    assert [failure["stage"] for failure in listed(failing, *arguments)] == stages
    for order in (["failures", "export", "F", *arguments], ["failures", *arguments, "export", "F"]):
        file = tmp_path / "f.jsonl"
        file.write_bytes(b"")
        done = failing.call(ASSETS, *[str(file) if word == "F" else word for word in order])
        assert done.exit_code == 0, done.output
        assert [failure["stage"] for failure in lines(file)] == stages


def test_a_person_reads_where_what_and_the_remedy_of_each_kind_once(failing: MarkdownProject) -> None:
    worse = unparsed("guide://worse.md", section="_root", error="It cannot be read.")
    with connect(failing.url) as conn:
        record_failures(conn, [worse], "run-1")

    output = failing.call(ASSETS, "failures").output

    for part in ("guide://grids/bad.md", "guide://worse.md", "notes://today.md", "[ParseError]", "[TextRejected]"):
        assert part in output.replace("\n", "")
    assert "2 x  Correct the file as its error says" in output
    assert "1 x  The model refuses this text." in output
    assert "not foreseen" not in output.lower()
    assert "`bbj-ingest-all --retry-failed`" in output


def test_a_failure_of_a_model_that_search_does_not_use_says_so_and_who_tries_it_again(failing: MarkdownProject) -> None:
    of_another = replace(unembedded(), model="second")
    with connect(failing.url) as conn:
        ensure_model(conn, "first", 3)  # which search uses from then on
        ensure_model(conn, "second", 3)
        record_failures(conn, [of_another], "run-1")

    output = failing.call(ASSETS, "failures").output

    assert "second]" in output
    assert "Those of second, which search does not use, are retried by `bbj-assets models add second`." in output


def test_a_fault_of_a_parser_is_told_from_a_fault_of_the_file(failing: MarkdownProject) -> None:
    failing.query("UPDATE failures SET error_type = 'ZeroDivisionError' WHERE stage = 'parse' RETURNING 1")

    [found] = listed(failing, "--stage", "parse")

    assert "Report it with the error and the file" in str(found["remedy"])


def test_an_error_with_markup_or_escapes_is_shown_as_it_is(failing: MarkdownProject) -> None:
    failing.query("UPDATE failures SET error = '[bold]x[/nonsense] é' RETURNING 1")

    assert "[bold]x[/nonsense] é" in failing.call(ASSETS, "failures").output


def test_an_export_appends_and_can_be_read_back(failing: MarkdownProject, tmp_path: Path) -> None:
    file = tmp_path / "failures.jsonl"
    file.write_text('{"mine": true}\n')

    done = failing.call(ASSETS, "failures", "export", str(file))
    failing.call(ASSETS, "failures", "export", str(file))

    assert done.output == f"Appended 2 failures to {file}.\n"
    mine, *records = lines(file)
    assert mine == {"mine": True}
    assert all(datetime.fromisoformat(str(record.pop("exported_at"))) for record in records)
    assert records == [*listed(failing), *listed(failing)]


def test_an_export_takes_up_where_one_was_interrupted(failing: MarkdownProject, tmp_path: Path) -> None:
    file = tmp_path / "failures.jsonl"
    for whole in range(3):
        failing.call(ASSETS, "failures", "export", str(file))
        file.write_bytes(file.read_bytes()[:-40])

        done = failing.call(ASSETS, "failures", "export", str(file))

        assert done.stdout == f"Appended 2 failures to {file}.\n"
        assert done.stderr == (f"Removed the incomplete last line of {file}, which an interrupted export had left.\n")
        assert [line["stage"] for line in lines(file)] == ["parse", "parse", "embed"] * (whole + 1)


@pytest.mark.parametrize(
    "last", ['{"mine": true}', "# Half a page of notes", '{"mine": "of old', ""], ids=["JSON", "text", "ended", "blank"]
)
def test_an_export_cuts_off_nothing_but_half_a_failure(last: str, failing: MarkdownProject, tmp_path: Path) -> None:
    file = tmp_path / "failures.jsonl"
    before = f'{{"cut": "by a newl\n{last}' + ("\n" if "of old" in last else "")
    file.write_text(before)

    done = failing.call(ASSETS, "failures", "export", str(file))

    assert done.stderr == ""
    kept, *exported = file.read_text().removeprefix(before.rstrip("\n")).splitlines()
    assert kept == ""
    assert [json.loads(line)["stage"] for line in exported] == ["parse", "embed"]


def test_an_export_waits_for_the_one_that_is_writing(tmp_path: Path) -> None:
    file = tmp_path / "failures.jsonl"
    failure = StoredFailure(**asdict(unembedded()))
    with ThreadPoolExecutor(1) as elsewhere:
        with file.open("wb", buffering=0) as writing:
            fcntl.flock(writing, fcntl.LOCK_EX)
            writing.write(b'{"half": ')
            other = elsewhere.submit(append_failures, file, [failure])
            wait([other], timeout=0.3)
            writing.write(b'"a line"}\n')
        assert other.result(10) is False

    first, second = lines(file)
    assert (first, second["source"]) == ({"half": "a line"}, "notes")


def test_where_nothing_failed_it_says_so_and_writes_no_file(project: MarkdownProject, tmp_path: Path) -> None:
    assert project.call(ASSETS, "failures").output == "Nothing has failed.\n"
    assert listed(project) == []
    done = project.call(ASSETS, "failures", "export", str(tmp_path / "f.jsonl"))
    assert (done.exit_code, done.output) == (0, f"Nothing has failed; {tmp_path}/f.jsonl is unchanged.\n")
    assert not (tmp_path / "f.jsonl").exists()


def test_a_retry_of_the_failed_does_only_them_and_empties_the_list(failed: MarkdownProject) -> None:
    failed.write("guide/new.md", "# New\n\nNever seen before.")
    failed.write("guide/start.md", "# Start\n\nHow it begins, corrected.")
    failed.query(
        "DELETE FROM embeddings WHERE content_hash = "
        "(SELECT content_hash FROM chunks WHERE source_url = 'guide://grids/sorting.md') RETURNING 1"
    )
    failed.ollama.poison = None
    (failed.folder / "guide/grids/bad.md").write_text("# Good\n\nNow it is text.")

    done = failed.call(INGEST, "--retry-failed")

    assert done.exit_code == 0, done.output
    assert "unchanged" not in done.output, "the files were not read"
    assert listed(failed) == []
    assert failed.query(
        "SELECT source_url, content LIKE '%%corrected%%', embedding IS NOT NULL "
        "FROM chunks LEFT JOIN embeddings USING (content_hash) ORDER BY 1"
    ) == [
        ("guide://grids/bad.md", False, True),
        ("guide://grids/sorting.md", False, False),
        ("guide://start.md", False, True),
        ("notes://today.md", False, True),
    ]


@pytest.mark.parametrize("resume", [[], ["--resume"]], ids=["again", "resumed"])
def test_a_retry_of_the_failed_that_ended_early_is_completed_by_the_next_one(
    failed: MarkdownProject, resume: list[str]
) -> None:
    """What the first one parsed is in `failures` no more when the model server goes away, nor are its texts."""
    failed.write("guide/new.md", "# New\n\nNever seen before.")
    (failed.folder / "guide/grids/bad.md").write_text("# Good\n\nNow it is text.")
    failed.query("DELETE FROM embeddings WHERE content_hash NOT IN (SELECT decode(item, 'hex') FROM failures WHERE "
                 "stage = 'embed') RETURNING 1")  # fmt: skip
    failed.ollama.inject(None)  # the question whether it is there
    failed.ollama.outage = refuse(404)
    assert failed.call(INGEST, "--retry-failed", "--source", "guide").exit_code == 1
    failed.ollama.outage = None

    done = failed.call(INGEST, "--retry-failed", "--source", "guide", *resume)

    assert done.exit_code == 0, done.output
    assert failed.query("SELECT source_url FROM chunks JOIN embeddings USING (content_hash)") == [
        ("guide://grids/bad.md",)
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "guid"], "There is no source 'guid'"),
        (["--stage", "chunk"], "'chunk' is not one of"),
        (["export"], "Missing argument 'FILE'"),
        (["export", "/"], "is a directory"),
    ],
)
def test_wrong_usage_ends_with_two_and_says_why(project: MarkdownProject, arguments: list[str], message: str) -> None:
    done = project.call(ASSETS, "failures", *arguments)

    assert done.exit_code == 2
    assert message in done.stderr


def test_a_file_that_cannot_be_written_is_an_error_with_its_name(failing: MarkdownProject, tmp_path: Path) -> None:
    done = failing.call(ASSETS, "failures", "export", str(tmp_path / "nowhere" / "f.jsonl"))

    assert done.exit_code == 1
    assert f"Cannot write to {tmp_path}/nowhere/f.jsonl: No such file or directory." in done.stderr


def test_failures_of_a_source_that_left_the_table_are_still_found(failing: MarkdownProject) -> None:
    failing.write_table("notes")

    assert [failure["source"] for failure in listed(failing, "--source", "guide")] == ["guide"]
