"""`bbj-assets`: what search, report and database print, and how they end."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from bbj_assets.search.hybrid import MARK_END, MARK_START
from bbj_assets_tests.cli.project import MarkdownProject, Project

ASSETS, INGEST = "bbj-assets", "bbj-ingest-all"


# --- search


def test_search_prints_title_section_address_and_passage(indexed: Project) -> None:
    done = indexed.call(ASSETS, "search", "executeScript", "BBjHtmlView", "--source", "mdx-dwc", "--limit", "2")

    assert done.exit_code == 0, done.output
    first, second = re.findall(r"^(\d)\. (.+)$", done.output, re.MULTILINE)
    assert (first[0], second[0]) == ("1", "2")
    assert "https://basishub.github.io/DWC-Course/" in done.output
    assert " | dwc" in done.output
    assert "executeScript" in done.output
    assert MARK_START not in done.output
    assert MARK_END not in done.output
    assert "\x1b" not in done.output


def test_search_as_json_has_whole_chunks(indexed: Project) -> None:
    done = indexed.call(ASSETS, "search", "executeScript BBjHtmlView", "--json")

    hits = json.loads(done.stdout)
    assert len(hits) == 5
    assert hits[0].keys() == {
        "title", "breadcrumb", "url", "source", "source_url", "doc_type", "generations", "deprecated", "excerpt",
        "content", "score",
    }  # fmt: skip
    stored = set(indexed.query("SELECT source_url, content FROM chunks"))
    assert {(hit["source_url"], hit["content"]) for hit in hits} <= stored
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    assert any("executeScript" in hit["content"] for hit in hits)
    assert MARK_START not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--source", "javadoc"], "source = 'javadoc'"),
        (["--source", "javadoc", "--source", "bbj-source"], "source IN ('javadoc', 'bbj-source')"),
        (["--generation", "dwc"], "generations && '{dwc,all}'"),
        (
            ["--generation", "character", "--source", "mdx-beginner"],
            "source = 'mdx-beginner' AND generations && '{character,all}'",
        ),
    ],
)
def test_search_applies_its_filters(indexed: Project, arguments: list[str], allowed: str) -> None:
    done = indexed.call(ASSETS, "search", "window", "--limit", "50", "--json", *arguments)

    found = {hit["source_url"] for hit in json.loads(done.stdout)}
    may_be_found = {url for (url,) in indexed.query(f"SELECT source_url FROM documents WHERE {allowed}")}  # noqa: S608
    assert found <= may_be_found
    assert len(found) == min(len(may_be_found), 50) > 0


def test_search_that_finds_nothing_says_so(indexed: Project) -> None:
    nowhere = ("--source", "mdx-dwc", "--generation", "untagged")
    done = indexed.call(ASSETS, "search", "window", *nowhere)

    assert done.exit_code == 0
    assert "Nothing was found. Try other words, or fewer filters." in done.output
    assert json.loads(indexed.call(ASSETS, "search", "window", *nowhere, "--json").stdout) == []


def test_search_in_an_empty_index_says_how_to_fill_it(project: MarkdownProject) -> None:
    done = project.call(ASSETS, "search", "anything")

    assert done.exit_code == 2
    assert "Nothing is indexed yet" in done.stderr
    assert "bbj-ingest-all" in done.stderr


def test_search_without_documents_but_with_a_model_says_how_to_fill_it(project: MarkdownProject) -> None:
    """An ingest that was interrupted before its first document leaves such an index."""
    project.call(INGEST, "--source", "notes")
    project.query("DELETE FROM documents RETURNING 1")

    done = project.call(ASSETS, "search", "anything")

    assert done.exit_code == 2
    assert "Nothing is indexed yet" in done.stderr


@pytest.mark.parametrize(
    ("change", "code", "expected"),
    [
        ({"OLLAMA_HOST": "http://127.0.0.1:1"}, 1, "Cannot reach Ollama at http://127.0.0.1:1."),
        ({"BBJ_ASSETS_DATABASE_URL": "postgresql://u:s3cret@127.0.0.1:1/d"}, 1, "Cannot connect to PostgreSQL at"),
        ({"BBJ_ASSETS_EMBEDDER": "chatgpt"}, 2, "BBJ_ASSETS_EMBEDDER"),
    ],
)
def test_search_that_cannot_work_prints_the_remedy(
    indexed: Project, change: dict[str, str], code: int, expected: str
) -> None:
    done = Project(indexed.environment | change).run(ASSETS, "search", "window")

    assert done.returncode == code
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [[], ["x", "--limit", "0"], ["x", "--generation", "dos"], ["x", "--nonsense"]])
def test_wrong_usage_exits_with_2(indexed: Project, arguments: list[str]) -> None:
    done = indexed.call(ASSETS, "search", *arguments)

    assert done.exit_code == 2
    assert "Usage: bbj-assets search" in done.output


@pytest.mark.parametrize(
    "arguments", ["['search', 'run JavaScript']", "['report']", "['database', 'url']", "['--help']"]
)
def test_reading_commands_do_not_import_dagster(indexed: Project, arguments: str) -> None:
    """Importing Dagster takes seconds, and a search should take one."""
    program = (
        "import sys\n"
        "from bbj_assets.cli.main import main\n"
        f"main({arguments}, standalone_mode=False)\n"
        "assert 'dagster' not in sys.modules\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], env=indexed.full_environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout


# --- report


def test_report_counts_by_source_generation_and_type(indexed: Project) -> None:
    done = indexed.call(ASSETS, "report", "--json")

    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["model"] == "nomic-embed-text"
    assert {row["source"]: row["documents"] for row in report["sources"]} == indexed.pairs(
        "SELECT source, count(*) FROM documents GROUP BY 1"
    )
    assert all(row["embedded"] == row["chunks"] > 0 for row in report["sources"])
    assert report["generations"] == indexed.pairs(
        "SELECT g, count(*) FROM documents, unnest(generations) AS g GROUP BY 1"
    )
    assert report["doc_types"] == indexed.pairs("SELECT doc_type, count(*) FROM documents GROUP BY 1")


def test_report_prints_the_same_for_a_person(indexed: Project) -> None:
    done = indexed.call(ASSETS, "report")

    assert done.exit_code == 0
    [(documents,)] = indexed.query("SELECT count(*) FROM documents WHERE source = 'javadoc'")
    assert re.search(rf"javadoc\W+{documents}\b", done.output)
    assert "Active model: nomic-embed-text" in done.output


def test_report_warns_of_what_looks_wrong(project: MarkdownProject) -> None:
    (project.folder / "guide/bad.md").write_bytes(b"\x00\xff\xfe\x81")
    project.ollama.poison = "zither"
    project.write_table("guide", "notes", "empty")
    project.call(INGEST)

    report = json.loads(project.call(ASSETS, "report", "--json").stdout)

    warnings = "\n".join(report["warnings"])
    assert re.search(r"^empty: No documents\. Check that the documentation is in", warnings, re.MULTILINE)
    assert re.search(
        r"^guide: 1 files or pages could not be read; .*bbj-ingest-all --retry-failed", warnings, re.MULTILINE
    )
    assert re.search(r"^notes: 1 texts could not be embedded; .*bbj-ingest-all --retry-failed", warnings, re.MULTILINE)
    assert re.search(
        r"^notes: 1 of 1 documents name no generation of BBj.* Set `generation_tag`", warnings, re.MULTILINE
    )


def test_report_of_an_empty_index_says_what_is_missing(project: MarkdownProject) -> None:
    done = project.call(ASSETS, "report")

    assert done.exit_code == 0
    assert "Active model: none yet" in done.output
    assert "Warning: guide: No documents. Check that the documentation is in" in done.output


def test_report_needs_no_model_server_and_no_table_of_sources(indexed: Project) -> None:
    alone = Project(indexed.environment | {"OLLAMA_HOST": "http://127.0.0.1:1", "BBJ_ASSETS_CONFIG": "/nowhere.toml"})

    assert alone.call(ASSETS, "report").exit_code == 0


@pytest.mark.parametrize("question", ["", "  ", "!!! & |"])
def test_a_question_without_words_is_a_usage_error(indexed: Project, question: str) -> None:
    done = indexed.call(ASSETS, "search", question)

    assert (done.exit_code, done.stdout) == (2, "")
    assert "Ask with words" in done.stderr


def test_a_question_that_is_no_text_is_a_usage_error(indexed: Project) -> None:
    done = indexed.run(ASSETS, "search", "fl\udce4che")

    assert (done.returncode, done.stdout) == (2, "")
    assert "The question is not UTF-8" in done.stderr


def test_a_source_of_which_nothing_is_indexed_is_a_usage_error(indexed: Project) -> None:
    done = indexed.call(ASSETS, "search", "window", "--source", "javadocs", "--json")

    assert (done.exit_code, done.stdout) == (2, "")
    assert "Nothing is indexed of a source 'javadocs'. The index has: bbj-source," in done.stderr


# --- help


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], ["search", "report", "database", "bbj-ingest-all", "make ui"]),
        (
            ["search", "--help"],
            ['bbj-assets search "run JavaScript in a BBjHtmlView"', "--generation", "dwc", "--json"],
        ),
        (["report", "--help"], ["by source, generation and document type"]),
        (["database", "--help"], ["url", "start", "stop", "psql"]),
        (["failures", "--help"], ["\n  bbj-assets failures export failures.jsonl\n"]),
        (["models", "--help"], ["\n  bbj-assets models activate nomic-embed-text\n"]),
    ],
)
def test_help_has_examples(indexed: Project, arguments: list[str], expected: list[str]) -> None:
    output = indexed.call(ASSETS, *arguments).output

    assert [words for words in expected if words not in output] == []
    assert "\\b" not in output


# --- database


@pytest.fixture
def embedded_project(tmp_path: Path, indexed: Project) -> Iterator[Project]:
    """A project that uses the embedded PostgreSQL; servers that a test leaves running are stopped."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {key: value for key, value in indexed.environment.items() if key != "BBJ_ASSETS_DATABASE_URL"}
    project = Project(environment | {"BBJ_ASSETS_HOME": str(home)})
    yield project
    for process in server_processes(home):
        os.kill(process, signal.SIGQUIT)


def server_processes(home: Path) -> list[int]:
    """Return the process ids of the PostgreSQL servers whose data is below a home."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if any(str(home) in word for word in command) and "postgres" in command[0]:
            found.append(process.pid)
    return found


def test_the_embedded_database_stays_up_from_start_to_stop(embedded_project: Project) -> None:
    before = embedded_project.run(ASSETS, "database", "url")
    assert before.returncode == 0
    assert "It is not running now: `bbj-assets database start` keeps it up." in before.stderr

    started = embedded_project.run(ASSETS, "database", "start")
    assert started.returncode == 0, started.stderr
    assert started.stdout == before.stdout
    url = started.stdout.strip()
    assert server_processes(embedded_project.home)
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT extname FROM pg_extension WHERE extname = 'vector'").fetchone() == ("vector",)
        assert conn.execute("SELECT count(*) FROM chunks").fetchone() == (0,)

    empty = embedded_project.run(ASSETS, "search", "anything")  # uses the same server, and must not stop it
    assert empty.returncode == 2
    assert "Nothing is indexed yet" in empty.stderr
    assert server_processes(embedded_project.home)
    assert embedded_project.run(ASSETS, "database", "url").stderr == ""

    stopped = embedded_project.run(ASSETS, "database", "stop")
    assert (stopped.returncode, stopped.stdout) == (0, "Stopped.\n")
    assert server_processes(embedded_project.home) == []
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    again = embedded_project.run(ASSETS, "database", "stop")
    assert (again.returncode, again.stdout) == (0, "It was not running.\n")


def test_a_command_starts_the_embedded_database_and_leaves_none_behind(embedded_project: Project) -> None:
    done = embedded_project.run(ASSETS, "report")

    assert done.returncode == 0, done.stderr
    assert "Active model: none yet" in done.stdout
    assert server_processes(embedded_project.home) == []


def test_a_configured_database_url_is_printed_unchanged(indexed: Project) -> None:
    assert indexed.call(ASSETS, "database", "url").stdout == indexed.url + "\n"


@pytest.mark.parametrize("command", ["start", "stop"])
def test_a_configured_database_is_neither_started_nor_stopped(indexed: Project, command: str) -> None:
    done = indexed.call(ASSETS, "database", command)

    assert done.exit_code == 2
    assert "BBJ_ASSETS_DATABASE_URL is set" in done.stderr
