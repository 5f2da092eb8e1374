"""How our runs end, and what Dagster records of them, on a persistent instance."""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from dagster import AssetKey, DagsterEventType, DagsterRunStatus, MetadataValue, RunsFilter, TableMetadataValue
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.defs.run_sources import run_search_index, run_source
from bbj_assets.errors import ListingError
from bbj_assets.progress import Silent
from bbj_assets.reports import EmbeddingsReport
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import replace_items
from bbj_assets_tests.defs.project import Project
from bbj_assets_tests.fakes.model_server import refuse
from bbj_assets_tests.store.samples import item

_LONG = "\n\n".join(f"## Step {n}\n\n" + f"Sentence {n} of a page that is long. " * 60 for n in range(6))
CHUNK_COUNTS = (
    "files_seen", "files_changed", "files_unchanged", "files_deleted", "files_failed", "chunks_written", "chunks_total",
)  # fmt: skip


def numbers(metadata: Mapping[str, MetadataValue], *names: str) -> tuple[object, ...]:
    return tuple(metadata[name].value for name in names)


def number(metadata: Mapping[str, MetadataValue], name: str) -> float:
    value = metadata[name].value
    assert isinstance(value, int | float)
    return value


def failures(metadata: Mapping[str, MetadataValue]) -> list[Mapping[str, object]]:
    table = metadata["failures"]
    assert isinstance(table, TableMetadataValue)
    return [record.data for record in table.records]


def events(project: Project, kind: DagsterEventType) -> int:
    return sum(
        len(project.instance.get_records_for_run(run.run_id, of_type=kind).records)
        for run in project.instance.get_runs()
    )


def runs(project: Project, status: DagsterRunStatus) -> int:
    return project.instance.get_runs_count(RunsFilter(statuses=[status]))


def documents(conn: Connection, section: str | None = None) -> set[str]:
    rows = conn.execute(
        "SELECT source_url FROM documents WHERE %s::text IS NULL OR partition_key = %s", [section, section]
    )
    return {url for (url,) in rows}


def test_a_run_over_all_sections_records_what_it_did_in_each_and_the_next_one_that_nothing_changed(
    project: Project,
) -> None:
    project.write("guide/index.md", "# Welcome\n\nStart here.")
    project.write("guide/grids/sizing.md", "# Sizing\n\nHow wide a column is.")
    project.write("guide/grids/sorting.md", "# Sorting\n\nRows in order.")

    assert project.run() is None

    assert project.sections() == {"_root", "grids"}
    assert runs(project, DagsterRunStatus.SUCCESS) == project.instance.get_runs_count() == 1
    of_chunks = {s: project.metadata("guide", "chunks", section=s) for s in ("_root", "grids")}
    assert numbers(of_chunks["_root"], *CHUNK_COUNTS) == (1, 1, 0, 0, 0, 1, 1)
    assert numbers(of_chunks["grids"], *CHUNK_COUNTS) == (2, 2, 0, 0, 0, 2, 2)
    assert numbers(of_chunks["grids"], "dagster/partition_row_count") == (2,)
    assert number(of_chunks["grids"], "duration_seconds") > 0
    assert failures(of_chunks["grids"]) == []
    of_embeddings = project.metadata("guide", "embeddings", section="grids")
    assert numbers(of_embeddings, "pending", "embedded", "reused", "failed", "batches", "retries") == (2, 2, 0, 0, 1, 0)
    assert numbers(of_embeddings, "model", "dagster/partition_row_count") == ("nomic-embed-text", 2)
    assert number(of_embeddings, "chunks_per_second") > 0
    assert number(of_embeddings, "duration_seconds") > 0
    requests = len(project.models.requests)

    assert project.run() is None

    assert numbers(project.metadata("guide", "chunks", section="grids"), *CHUNK_COUNTS) == (2, 0, 2, 0, 0, 0, 2)
    of_embeddings = project.metadata("guide", "embeddings", section="grids")
    assert numbers(of_embeddings, "pending", "embedded", "reused", "batches") == (0, 0, 2, 0)
    assert len(project.models.requests) == requests
    assert project.materializations("guide", "chunks", section="grids") == 2


def test_bad_items_are_rows_of_a_table_and_the_run_is_a_success(project: Project) -> None:
    project.models.poison = "XYZZY"
    project.write("guide/good/page.md", "# Good\n\nNothing wrong.")
    project.write("guide/bad/spell.md", "# Magic\n\nSay XYZZY.")
    (project.folder / "guide/bad/bytes.md").write_bytes(b"# Bytes\n\n\x00\xff\xfe\x00\x00\x81")

    assert project.run() is None

    of_chunks = project.metadata("guide", "chunks", section="bad")
    assert numbers(of_chunks, *CHUNK_COUNTS) == (2, 1, 0, 0, 1, 1, 1)
    [failure] = failures(of_chunks)
    assert failure["item"] == "guide://bad/bytes.md"
    assert failure["error_type"] == "ParseError"
    assert "Save the file as UTF-8" in str(failure["error"])
    of_embeddings = project.metadata("guide", "embeddings", section="bad")
    assert numbers(of_embeddings, "pending", "embedded", "failed") == (1, 0, 1)
    [failure] = failures(of_embeddings)
    assert failure["error_type"] == "TextRejected"
    assert "cannot be tokenized" in str(failure["error"])
    for asset in ("chunks", "embeddings"):
        assert failures(project.metadata("guide", asset, section="good")) == []


def test_a_section_can_be_run_alone(project: Project, conn: Connection) -> None:
    for section in ("grids", "charts", "trees"):
        project.write(f"guide/{section}/page.md", f"# {section}\n\nFirst text of {section}.")
    project.run()
    for section in ("grids", "charts", "trees"):
        project.write(f"guide/{section}/page.md", f"# {section}\n\nSecond text of {section}.")
        project.write(f"guide/{section}/more.md", "# More\n\nThat is new.")
    (project.folder / "guide/trees/page.md").unlink()

    result = (
        project.defs()
        .resolve_job_def("ingest_guide")
        .execute_in_process(instance=project.instance, partition_key="charts")
    )

    assert result.success
    assert documents(conn) == {
        "guide://charts/page.md", "guide://charts/more.md", "guide://grids/page.md", "guide://trees/page.md",
    }  # fmt: skip
    contents: dict[str, str] = dict(conn.execute("SELECT source_url, content FROM chunks").fetchall())
    assert "Second" in contents["guide://charts/page.md"]
    assert "First" in contents["guide://grids/page.md"]
    assert project.materializations("guide", "chunks", section="charts") == 2
    assert project.materializations("guide", "embeddings", section="charts") == 2
    assert project.materializations("guide", "chunks", section="grids") == 1
    assert conn.execute("SELECT count(*) FROM chunks JOIN embeddings USING (content_hash)").fetchone() == (4,)


def test_removed_sections_are_deleted_with_their_documents(project: Project, conn: Connection) -> None:
    project.write("guide/index.md", "# Welcome\n\nStart here.")
    project.write("guide/old/page.md", "# Old\n\nNobody needs this.")
    project.run()
    shutil.rmtree(project.folder / "guide/old")
    project.write("guide/new/page.md", "# New\n\nEverybody needs this.")

    assert project.run() is None

    assert project.sections() == {"_root", "new"}
    assert documents(conn) == {"guide://index.md", "guide://new/page.md"}
    assert numbers(project.metadata("guide", "chunks", section="old"), *CHUNK_COUNTS) == (0, 0, 0, 1, 0, 0, 0)


def test_a_source_that_cannot_be_listed_is_not_run_and_deletes_nothing(project: Project, conn: Connection) -> None:
    project.write("guide/grids/page.md", "# Grids\n\nText.")
    project.run()
    shutil.rmtree(project.folder / "guide")

    with pytest.raises(ListingError, match=r"Cannot list .*guide.*correct `paths` in sources\.toml"):
        project.run()

    assert project.instance.get_runs_count() == 1
    assert project.sections() == {"grids"}
    assert documents(conn) == {"guide://grids/page.md"}


def test_a_run_of_a_source_that_cannot_be_listed_fails_at_once(project: Project, conn: Connection) -> None:
    """From the web UI, which does not list before it starts a run."""
    project.write("guide/grids/page.md", "# Grids\n\nText.")
    project.run()
    shutil.rmtree(project.folder / "guide")

    result = (
        project.defs()
        .resolve_job_def("ingest_guide")
        .execute_in_process(instance=project.instance, partition_key="grids", raise_on_error=False)
    )

    assert not result.success
    [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert "Cannot list" in (failure.user_failure_data.description or "")
    assert not failure.user_failure_data.metadata
    assert events(project, DagsterEventType.STEP_UP_FOR_RETRY) == 0
    assert documents(conn) == {"guide://grids/page.md"}


def test_an_embedder_that_lacks_the_model_is_asked_once(project: Project) -> None:
    project.write("guide/grids/page.md", "# Grids\n\nText.")
    project.models.models.clear()

    error = project.run()

    assert error is not None
    assert "ollama pull nomic-embed-text" in error
    assert len(project.models.requests) == 1
    assert events(project, DagsterEventType.STEP_UP_FOR_RETRY) == 0
    assert runs(project, DagsterRunStatus.FAILURE) == 1
    assert project.materializations("guide", "chunks", section="grids") == 1, "the chunks are there all the same"


class _RecoversOnRetry(Silent):
    """Brings the model server back when the run is tried again."""

    def __init__(self, project: Project) -> None:
        self._installation = project
        self.reports: list[EmbeddingsReport] = []

    def embedding(self, report: EmbeddingsReport) -> None:
        if self.reports:
            self._installation.models.outage = None
        self.reports.append(report)


def test_an_embedder_that_was_down_is_tried_again_with_what_is_missing(project: Project, conn: Connection) -> None:
    project.settings = project.settings.model_copy(update={"embedding_batch_size": 2})
    project.write("guide/grids/page.md", f"# Grids\n\n{_LONG}")
    project.models.inject(None, None, None)  # the question for the dimensions, and two batches
    project.models.outage = refuse(500)
    listener = _RecoversOnRetry(project)

    assert project.run(progress=listener) is None

    assert events(project, DagsterEventType.STEP_UP_FOR_RETRY) == 1
    first, report = listener.reports
    assert first.texts.total is not None
    assert (first.embedded("grids"), first.left) == (4, first.texts.total - 4)
    assert report.reused("grids") == 4, "what was stored before the outage"
    assert report.embedded("grids") == report.before["grids"].chunks - 4 > 0
    once = {text: count for text, count in project.models.embedded.items() if "Sentence" in text}
    assert len(once) == report.before["grids"].chunks
    assert set(once.values()) == {1}
    assert conn.execute("SELECT count(*) FROM embeddings").fetchone() == (len(once),)
    assert conn.execute("SELECT count(*) FROM failures").fetchone() == (0,)


def test_an_embedder_that_stays_down_fails_the_run_with_the_remedy(project: Project) -> None:
    project.write("guide/grids/page.md", "# Grids\n\nText.")
    project.models.stop()

    error = project.run()

    assert error is not None
    assert f"Cannot reach Ollama at {project.models.url}" in error
    assert "ollama serve" in error
    assert events(project, DagsterEventType.STEP_UP_FOR_RETRY) == 3
    project.models.start()


def test_several_sources_run_at_once_on_one_instance(project: Project, conn: Connection) -> None:
    names = [f"guide-{letter}" for letter in "abcdef"]
    for name in names:
        for section in ("one", "two"):
            project.write(f"{name}/{section}/page.md", f"# {name}\n\nText of {name}, {section}.")
        (project.folder / f"{name}/one/bad.md").write_bytes(b"\x00\xff\xfe\x81")  # so that each one logs

    defs = project.defs(*names)

    def run(name: str) -> str | None:
        return run_source(defs, project.instance, project.url, project.source(name), IngestOptions())

    with ThreadPoolExecutor(max_workers=4) as pool:
        errors = list(pool.map(run, names))

    assert errors == [None] * len(names)
    assert runs(project, DagsterRunStatus.SUCCESS) == len(names)
    assert len(documents(conn)) == 2 * len(names)
    for name in names:
        assert project.sections(name) == {"one", "two"}
        metadata = project.metadata(name.replace("-", "_"), "embeddings", section="two")
        assert numbers(metadata, "embedded", "failed") == (1, 0)


def test_retry_failed_takes_up_only_what_failed(project: Project, conn: Connection) -> None:
    project.write("guide/grids/good.md", "# Good\n\nText.")
    bad = project.folder / "guide/grids/bad.md"
    bad.write_bytes(b"\x00\xff\xfe\x81")
    project.run()
    bad.write_text("# Bad\n\nIt is good now.")
    project.write("guide/grids/good.md", "# Good\n\nChanged meanwhile.")

    assert project.run(options=IngestOptions(retry_failed=True)) is None

    assert dict(conn.execute("SELECT source_url, content FROM chunks").fetchall()) == {
        "guide://grids/good.md": "Text.",
        "guide://grids/bad.md": "It is good now.",
    }
    assert conn.execute("SELECT count(*) FROM failures").fetchone() == (0,)
    assert conn.execute("SELECT count(*) FROM chunks JOIN embeddings USING (content_hash)").fetchone() == (2,)


def test_a_run_that_is_started_again_embeds_what_the_first_one_parsed_of_what_had_failed(
    project: Project, conn: Connection
) -> None:
    project.write("guide/grids/good.md", "# Good\n\nText.")
    bad = project.folder / "guide/grids/bad.md"
    bad.write_bytes(b"\x00\xff\xfe\x81")
    project.run()
    conn.execute("DELETE FROM embeddings")
    bad.write_text("# Bad\n\nIt is good now.")
    project.models.outage = refuse(404, "gone")
    assert project.run(options=IngestOptions(retry_failed=True)) is not None
    project.models.outage = None
    [lost, _] = project.instance.get_runs()
    job = project.defs().resolve_job_def("ingest_guide")
    job = job.get_subset(asset_selection={AssetKey(["guide", "embeddings"])})

    again = project.instance.create_run_for_job(
        job_def=job,
        run_config=lost.run_config,
        tags=lost.tags,
        root_run_id=lost.run_id,
        parent_run_id=lost.run_id,
        asset_selection=job.asset_selection,
    )
    assert execute_run(InMemoryJob(job), again, project.instance).success

    embedded = conn.execute("SELECT source_url FROM chunks JOIN embeddings USING (content_hash)").fetchall()
    assert embedded == [("guide://grids/bad.md",)]


def test_no_telemetry_is_sent(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    assert not (project.folder / "dagster.yaml").exists(), "so that nothing but the program itself says it"
    project.write("guide/grids/page.md", "# Grids\n\nText.")

    project.run()

    assert [record for record in caplog.records if "telemetry" in record.name] == []


def test_the_runs_of_one_command_share_a_tag(project: Project) -> None:
    project.write("guide/grids/page.md", "# Grids\n\nText.")

    project.run(options=IngestOptions(invocation="abc123"))
    run_search_index(project.defs(), project.instance, IngestOptions(invocation="abc123"))

    tagged = project.instance.get_runs(RunsFilter(tags={"bbj_assets/invocation": "abc123"}))
    assert {run.job_name for run in tagged} == {"ingest_guide", "build_search_index"}


def test_the_search_index_records_what_it_holds(project: Project) -> None:
    project.write("guide/grids/page.md", "# Grids\n\nText of the grids.")
    project.write("guide/trees/page.md", "# Trees\n\nText of the trees.")
    project.run()
    (project.folder / "guide/trees/page.md").unlink()
    project.run()

    assert run_search_index(project.defs(), project.instance, IngestOptions()) is None

    metadata = project.metadata("search_index")
    assert numbers(metadata, "documents", "chunks", "orphans_marked", "orphans_deleted") == (1, 1, 1, 0)
    assert numbers(metadata, "vectors", "indexes_built") == ({"nomic-embed-text": 2}, [])
    assert number(metadata, "duration_seconds") > 0
    rows = {}
    for name in ("by_source", "by_generation", "by_document_type"):
        table = metadata[name]
        assert isinstance(table, TableMetadataValue)
        rows[name] = [record.data for record in table.records]
    assert rows["by_source"] == [{"source": "guide", "documents": 1, "chunks": 1, "embedded": 1, "failures": 0}]
    assert rows["by_generation"] == [{"generation": "all", "documents": 1}]
    assert [row["documents"] for row in rows["by_document_type"]] == [1]


def test_the_search_index_of_nothing_is_no_error(project: Project) -> None:
    assert run_search_index(project.defs(), project.instance, IngestOptions()) is None
    assert numbers(project.metadata("search_index"), "documents", "chunks") == (0, 0)


def test_a_section_shows_what_its_chunks_are_like_and_the_failures_are_an_asset(project: Project) -> None:
    for name in ("sizing", "sorting", "styling"):
        project.write(f"guide/grids/{name}.md", f"# Page on {name}\n\nText on {name}.")
    (project.folder / "guide/grids/bytes.md").write_bytes(b"\x00\xff\xfe\x81")
    project.run()
    run_search_index(project.defs(), project.instance, IngestOptions())

    sample = str(project.metadata("guide", "chunks", section="grids")["sample"].value)
    assert "**Page on sizing** · `guide://grids/sizing.md`" in sample
    assert "Text on sorting." in sample
    assert "styling" not in sample, "two pages are enough"
    inventory = project.metadata("failures")
    assert numbers(inventory, "dagster/row_count") == (1,)
    [failure] = failures(inventory)
    assert (failure["source"], failure["section"], failure["item"]) == ("guide", "grids", "guide://grids/bytes.md")


@pytest.mark.parametrize(("table", "owner"), [(("guide", "older"), "older"), (("guide",), "guide")])
def test_a_page_of_another_source_moves_when_that_one_is_out_of_the_table(
    table: tuple[str, ...], owner: str, project: Project, conn: Connection
) -> None:
    project.write("guide/index.md", "# Welcome\n\nStart here.")
    replace_items(conn, [item("guide://index.md", "Start there.", source="older")], None)

    run_source(project.defs(*table), project.instance, project.url, project.source(), IngestOptions())

    assert conn.execute("SELECT source FROM documents").fetchall() == [(owner,)]
