"""`bbj-ingest-all` from the outside: what it prints, what it stores, how it ends."""

import json
import re
import sqlite3
import subprocess
import tomllib

import pytest
from dagster import AssetKey
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from bbj_assets.defs.assets.over_all import FAILURES, SEARCH_INDEX
from bbj_assets.defs.build import build_defs
from bbj_assets.defs.instance.opening import open_instance
from bbj_assets.settings import load_settings
from bbj_assets.source_table import load_sources
from bbj_assets_tests.cli.project import MarkdownProject, Project
from bbj_assets_tests.conftest import REPOSITORY

_TABLE = tomllib.loads((REPOSITORY / "sources.toml").read_text())["sources"]
SAMPLES = tuple(source["name"] for source in _TABLE if source.get("enabled", True))
INGEST = "bbj-ingest-all"


def row(output: str, source: str) -> list[str]:
    """Return the cells of a source in the table at the end."""
    [line] = re.findall(rf"^ *{re.escape(source)} +\d.*$", output, re.MULTILINE)
    return str(line).split()


# --- a whole ingest


def test_the_sample_data_is_ingested_with_one_command(
    sample: Project, first_ingest: subprocess.CompletedProcess[str]
) -> None:
    assert first_ingest.returncode == 0, first_ingest.stderr
    lines = first_ingest.stdout.splitlines()
    assert lines[0] == f"Validation OK: {len(SAMPLES)} sources, database connected, embedder ready"
    assert re.fullmatch(r'Ask the index:  (\S*/)?bbj-assets search "run JavaScript in a BBjHtmlView"', lines[-1])
    stored = sample.pairs("SELECT source, count(*) FROM documents GROUP BY 1")
    assert stored.keys() == set(SAMPLES)
    assert sample.query(
        "SELECT count(*) FROM chunks LEFT JOIN embeddings USING (content_hash) WHERE model IS NULL"
    ) == [(0,)]


def test_every_source_is_a_row_and_the_last_one_is_the_sum(
    sample: Project, first_ingest: subprocess.CompletedProcess[str]
) -> None:
    chunks = sample.pairs("SELECT source, count(*) FROM documents JOIN chunks USING (source_url) GROUP BY 1")
    numbers = {name: [int(cell) for cell in row(first_ingest.stdout, name)[1:5]] for name in SAMPLES}

    for name, (files, in_table, embedded, failed) in numbers.items():
        assert in_table == embedded == chunks[name]
        assert files > 0
        assert failed == 0
        assert row(first_ingest.stdout, name)[-1] == "ok"
    total = row(first_ingest.stdout, "Total")
    assert [int(cell) for cell in total[1:5]] == [sum(column) for column in zip(*numbers.values(), strict=True)]
    assert total[-1] == "ok"


def test_the_table_fits_eighty_columns(first_ingest: subprocess.CompletedProcess[str]) -> None:
    [headings] = [line.split() for line in first_ingest.stdout.splitlines() if line.split()[:1] == ["Source"]]

    assert headings == ["Source", "Files", "Chunks", "Embedded", "Failed", "Duration", "Status"]
    assert "…" not in first_ingest.stdout


def test_without_a_terminal_there_are_plain_lines(first_ingest: subprocess.CompletedProcess[str]) -> None:
    for name in SAMPLES:
        pattern = rf"^{name}: \d+ files \(\d+ changed, 0 deleted\), \d+ chunks, \d+ embedded \([\d.]+ s\)$"
        assert re.search(pattern, first_ingest.stdout, re.MULTILINE)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", first_ingest.stdout)
    assert first_ingest.stderr == ""


def test_a_second_run_finds_nothing_to_do_and_writes_no_row(indexed: Project) -> None:
    before = indexed.row_versions()

    again = indexed.call(INGEST)

    assert again.exit_code == 0, again.output
    assert indexed.row_versions() == before
    for name in SAMPLES:
        assert re.search(rf"^{name}: \d+ files \(unchanged\), \d+ chunks, 0 embedded ", again.output, re.MULTILINE)
    assert row(again.output, "Total")[3] == "0"


def test_dagster_has_a_run_of_each_source_and_the_index(indexed: Project) -> None:
    with sqlite3.connect(indexed.home / "dagster" / "history" / "runs.db") as runs:
        jobs = {name for (name,) in runs.execute("SELECT pipeline_name FROM runs WHERE status = 'SUCCESS'")}

    assert {f"ingest_{name.replace('-', '_')}" for name in SAMPLES} | {"build_search_index"} <= jobs


# --- options


def test_source_takes_up_only_that_one_and_verbose_shows_its_stages(project: MarkdownProject) -> None:
    done = project.call(INGEST, "--source", "notes", "--verbose")

    assert done.exit_code == 0, done.output
    assert done.output.startswith("Validation OK: 1 sources")
    assert "notes: chunks 0/1 files" in done.output
    assert "notes: embeddings 0/1 texts" in done.output
    assert project.query("SELECT DISTINCT source FROM documents") == [("notes",)]


def test_assets_over_all_sources_are_up_to_date_after_an_ingest_of_one(project: MarkdownProject) -> None:
    assert project.call(INGEST).exit_code == 0
    assert out_of_date(project) == set()
    project.write("notes/tomorrow.md", "# Tomorrow\n\nIt will be tuned.")

    assert project.call(INGEST, "--source", "notes").exit_code == 0

    assert out_of_date(project) == set()


def out_of_date(project: MarkdownProject) -> set[AssetKey]:
    """Return the assets over all sources that the web UI shows as "Unsynced"."""
    settings = load_settings(home=project.home, config=project.folder / "sources.toml")
    graph = build_defs(settings, load_sources(settings)).resolve_asset_graph()
    with open_instance(settings) as instance:
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        return {key for key in (SEARCH_INDEX, FAILURES) if resolver.get_status(key) is not StaleStatus.FRESH}


def test_a_source_is_ingested_while_the_path_of_another_is_missing(project: MarkdownProject) -> None:
    project.write_table("guide", "notes", "missing")
    (project.folder / "missing").rmdir()

    done = project.call(INGEST, "--source", "notes")

    assert done.exit_code == 0, done.output
    assert project.query("SELECT DISTINCT source FROM documents") == [("notes",)]


def test_clean_starts_a_source_from_nothing(project: MarkdownProject) -> None:
    project.call(INGEST)
    with_spoilt_text = "UPDATE chunks SET content = 'spoilt' RETURNING 1"
    project.query(with_spoilt_text)

    done = project.call(INGEST, "--source", "guide", "--clean")

    assert done.exit_code == 0, done.output
    assert "guide: 2 files (2 changed, 0 deleted), 2 chunks, 0 embedded" in done.output
    contents = project.pairs("SELECT source_url, content FROM chunks")
    assert contents["guide://start.md"] == "How it begins."
    assert contents["notes://today.md"] == "spoilt"


def test_json_is_alone_on_stdout(project: MarkdownProject) -> None:
    (project.folder / "notes/bad.md").write_bytes(b"\x00\xff\xfe\x81")

    done = project.call(INGEST, "--json")

    assert done.exit_code == 1
    summary = json.loads(done.stdout)
    guide, notes = summary["sources"]
    assert {key: guide[key] for key in ("source", "status", "files", "chunks", "embedded", "failed")} == {
        "source": "guide", "status": "ok", "files": 2, "chunks": 2, "embedded": 2, "failed": 0,
    }  # fmt: skip
    assert (notes["status"], notes["failed"]) == ("warning", 1)
    assert notes["failures"][0]["item"] == "notes://bad.md"
    assert summary["seconds"] > 0
    assert "Validation OK" in done.stderr
    assert "guide: 2 files" in done.stderr


def test_sequential_and_parallel_ingests_store_the_same(project: MarkdownProject) -> None:
    done = project.call(INGEST, "--sequential")
    assert done.exit_code == 0
    assert re.findall(r"^(\w+): \d+ files", done.output, re.MULTILINE) == ["guide", "notes"]
    one_by_one = project.rows()

    assert project.call(INGEST, "--parallel", "--clean").exit_code == 0

    assert project.rows() == one_by_one
    assert len(one_by_one["documents"]) == 3


def test_a_source_without_files_is_reported(project: MarkdownProject) -> None:
    project.write_table("guide", "notes", "empty")

    done = project.call(INGEST)

    assert done.exit_code == 0
    assert row(done.output, "empty")[-1] == "empty"
    assert "empty: no files found; check its paths in sources.toml." in done.output


# --- trouble


def test_one_source_fails_and_the_others_are_ingested(project: MarkdownProject) -> None:
    for number in range(30):
        project.write(f"guide/many/{number}.md", f"# Page {number}\n\nText {number}.")
    assert project.call(INGEST).exit_code == 0
    for number in range(30):
        (project.folder / f"guide/many/{number}.md").unlink()
    project.write("notes/tomorrow.md", "# Tomorrow\n\nIt will be tuned.")

    done = project.call(INGEST)

    assert done.exit_code == 1
    assert row(done.output, "guide")[-1] == "failed"
    assert row(done.output, "notes")[-1] == "ok"
    assert "30 of its 32 documents are no longer there" in done.output
    assert "--allow-shrink" in done.output
    assert "Traceback" not in done.output
    assert project.query("SELECT count(*) FROM documents WHERE source = 'notes'") == [(2,)]
    assert project.query("SELECT count(*) FROM documents WHERE source = 'guide'") == [(32,)]

    confirmed = project.call(INGEST, "--resume", "--allow-shrink")

    assert confirmed.exit_code == 0, confirmed.output
    assert "Resuming: 1 of 2 sources are completed already." in confirmed.output
    assert project.query("SELECT count(*) FROM documents WHERE source = 'guide'") == [(2,)]


def test_items_that_fail_are_listed_with_the_remedy_and_can_be_retried_alone(project: MarkdownProject) -> None:
    bad = project.folder / "guide/bad.md"
    bad.write_bytes(b"\x00\xff\xfe\x81")
    project.ollama.poison = "zither"

    done = project.call(INGEST)

    assert done.exit_code == 1
    assert row(done.output, "guide")[-1] == row(done.output, "notes")[-1] == "warning"
    assert "2 failed:" in done.output
    assert re.search(r"^  guide://bad\.md: .*Save the file as UTF-8\. \[ParseError\]$", done.output, re.MULTILINE)
    assert re.search(
        r"^  notes://today\.md, text [0-9a-f]{12}: .*cannot be tokenized.* \[TextRejected\]$", done.output, re.MULTILINE
    )
    assert "`bbj-ingest-all --retry-failed` retries only them" in done.output

    project.ollama.poison = None
    bad.write_text("# Good\n\nNow it is text.")
    again = project.call(INGEST, "--retry-failed")

    assert again.exit_code == 0, again.output
    assert project.query("SELECT count(*) FROM failures") == [(0,)]
    assert project.query("SELECT count(*) FROM chunks JOIN embeddings USING (content_hash)") == [(4,)]


class _ModelsUntil(set[str]):
    """The models of a server, until a number of requests; then it has none."""

    def __init__(self, project: MarkdownProject, requests: int) -> None:
        super().__init__(project.ollama.models)
        self._desk, self._last = project, len(project.ollama.requests) + requests

    def __contains__(self, name: object) -> bool:
        return len(self._desk.ollama.requests) <= self._last and super().__contains__(name)


def test_an_embedder_that_loses_its_model_during_an_ingest_is_an_error_with_its_remedy(
    project: MarkdownProject,
) -> None:
    project.call(INGEST, "--source", "notes")
    project.ollama.models = _ModelsUntil(project, requests=1)  # the test embedding

    done = project.call(INGEST)

    assert done.exit_code == 1
    assert row(done.output, "guide")[-1] == "failed"
    assert row(done.output, "notes")[-1] == "ok"
    assert "ollama pull nomic-embed-text" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--frobnicate"],
        ["guide"],
        ["--workers", "0"],
        ["--clean", "--resume"],
        ["--clean", "--retry-failed"],
    ],
)
def test_wrong_usage_exits_with_2(sample: Project, arguments: list[str]) -> None:
    done = sample.call(INGEST, *arguments)

    assert done.exit_code == 2
    assert "Usage: bbj-ingest-all" in done.output


def test_a_source_that_is_not_there_or_disabled_is_named_with_the_remedy(sample: Project) -> None:
    done = sample.call(INGEST, "--source", "java-doc", "--source", "web-crawl")

    assert done.exit_code == 2
    misspelt, disabled = done.stderr.splitlines()
    assert "There is no source 'java-doc'" in misspelt
    assert ", ".join(sorted(SAMPLES)) in misspelt
    assert "Source 'web-crawl' is disabled" in disabled
    assert "set `enabled = true`" in disabled


def test_all_configuration_errors_are_printed_together(project: MarkdownProject) -> None:
    project.write_table("guide", "notes", "missing")
    (project.folder / "missing").rmdir()
    (project.folder / "sources.toml").open("a").write('colour = "red"')
    project.ollama.stop()
    project.environment["BBJ_ASSETS_CHUNK_TOKENS"] = "few"
    project.environment["BBJ_ASSETS_QUIET_SECONDS"] = "-1"
    project.environment["BBJ_ASSETS_ALERT_WEBHOOK"] = "hooks.example.com/s3cret"
    project.environment["BBJ_ASSETS_VISIT_SCHEDULE"] = "at night"
    project.environment["BBJ_ASSETS_DATABASE_URL"] = "postgresql://anna:s3cret@127.0.0.1:1/docs"

    done = project.run(INGEST, "--source", "missing", "--source", "giude")

    assert done.returncode == 2
    problems = done.stderr.splitlines()
    assert len(problems) == 9, done.stderr
    tokens, quiet, webhook, schedule, key, path, name, embedder, database = problems
    assert "Environment: BBJ_ASSETS_CHUNK_TOKENS: " in tokens
    assert "'few'" in tokens
    assert "Environment: BBJ_ASSETS_QUIET_SECONDS: " in quiet
    assert "Environment: BBJ_ASSETS_ALERT_WEBHOOK: " in webhook
    assert "must begin with https:// or http://" in webhook
    assert "Environment: BBJ_ASSETS_VISIT_SCHEDULE: 'at night' is no cron schedule" in schedule
    assert "source 'missing': `colour` unknown key" in key
    assert "source 'missing': `paths`: " in path
    assert f"{project.folder / 'missing'} does not exist. Correct the path" in path
    assert (
        f"There is no source 'giude' in {project.folder / 'sources.toml'}. Its sources: guide, missing, notes." in name
    )
    assert f"Cannot reach Ollama at {project.ollama.url}" in embedder
    assert "ollama serve" in embedder
    assert "Cannot connect to PostgreSQL at postgresql://anna@127.0.0.1:1/docs" in database
    assert "Start the server" in database
    assert "Traceback" not in done.stderr + done.stdout
    assert "s3cret" not in done.stderr + done.stdout
    project.ollama.start()


def test_a_table_whose_sources_are_all_disabled_is_an_error(project: MarkdownProject) -> None:
    project.write("sources.toml", '[[sources]]\nname = "guide"\nparser = "mdx"\npaths = ["guide"]\nenabled = false')

    done = project.call(INGEST)

    assert done.exit_code == 2
    assert "every source is disabled. Set `enabled = true`" in done.stderr


def test_an_unknown_embedder_is_an_error_and_no_other_one_is_tried(project: MarkdownProject) -> None:
    project.environment["BBJ_ASSETS_EMBEDDER"] = "chatgpt"
    project.environment["BBJ_ASSETS_EMBEDDING_MODEL"] = "of-no-embedder"

    done = project.call(INGEST, "--source", "giude")

    assert done.exit_code == 2
    embedder, name = done.stderr.splitlines()
    assert "BBJ_ASSETS_EMBEDDER" in embedder
    assert "'chatgpt'" in embedder
    assert "no source 'giude'" in name
    assert project.query("SELECT name FROM models") == []


@pytest.mark.parametrize("variable", ["BBJ_ASSETS_EMBEDER", "BBJ_ASSETS_MODEL"])
def test_no_other_embedder_is_tried_when_its_variable_is_misspelt(project: MarkdownProject, variable: str) -> None:
    project.environment[variable] = "openai"

    done = project.call(INGEST)

    assert done.exit_code == 2
    assert f"Environment: {variable} is no setting. Did you mean BBJ_ASSETS_EMBEDD" in done.stderr
    assert project.query("SELECT name FROM models") == []


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("BBJ_ASSETS_EMBEDDING_WORKERS", "many", "BBJ_ASSETS_EMBEDDING_WORKERS"),
        ("BBJ_ASSETS_EMBEDDER", "chatgpt", "BBJ_ASSETS_EMBEDDER"),
        ("BBJ_ASSETS_CONFIG", "/nowhere/sources.toml", "/nowhere/sources.toml: not found"),
        ("DATA_DIR", "/nowhere", "The data folder /nowhere does not exist"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy(sample: Project, variable: str, value: str, message: str) -> None:
    done = Project(sample.environment | {variable: value}).call(INGEST)

    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_a_first_model_that_is_not_pulled_says_how(project: MarkdownProject) -> None:
    done = Project(project.environment | {"BBJ_ASSETS_EMBEDDING_MODEL": "missing-model"}).call(INGEST)

    assert done.exit_code == 2
    assert "ollama pull missing-model" in done.stderr
    assert "Traceback" not in done.output


def test_a_model_of_other_dimensions_under_a_known_name_is_refused(project: MarkdownProject) -> None:
    project.call(INGEST)
    project.ollama.dimensions = 32

    done = project.call(INGEST)

    assert done.exit_code == 2
    assert "gives vectors of 32 dimensions, and the index has 16" in done.stderr
    assert "BBJ_ASSETS_EMBEDDING_MODEL" in done.stderr


def test_help_has_examples(sample: Project) -> None:
    text = sample.call(INGEST, "--help").output

    for option in (
        "--config", "--data-dir", "--source", "--clean", "--resume", "--retry-failed", "--allow-shrink", "--sequential",
        "--workers", "--json", "--verbose",
    ):  # fmt: skip
        assert option in text
    assert "bbj-ingest-all --source mdx-dwc --clean" in text
    assert "130 interrupted" in text
    assert "BBJ_ASSETS_DATABASE_URL" in text
