"""The graph that sources.toml describes, and that Dagster can load it."""

import os
import subprocess
import sys
import warnings
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    BackfillPolicy,
    Backoff,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    Definitions,
    DynamicPartitionsDefinition,
    ScheduleDefinition,
    TableSchema,
)
from dagster._core.definitions.assets.graph.asset_graph import AssetNode
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from bbj_assets.defs.build import build_defs
from bbj_assets.ingest.code_version import code_version_of
from bbj_assets.settings import Settings, load_settings
from bbj_assets.source import Source
from bbj_assets.source_table import SourceTable, load_sources
from bbj_assets.store.connection import Connection

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def plain() -> Settings:
    return load_settings(config=ROOT / "sources.toml", data_dir=ROOT / "sample_data")


@pytest.fixture(scope="module")
def table(plain: Settings) -> SourceTable:
    return load_sources(plain)


@pytest.fixture(scope="module")
def defs(plain: Settings, table: SourceTable) -> Definitions:
    return build_defs(plain, table)


def node(defs: Definitions, *key: str) -> AssetNode:
    return defs.resolve_asset_graph().get(AssetKey(key))


def test_every_enabled_source_is_raw_then_chunks_then_embeddings(defs: Definitions, table: SourceTable) -> None:
    assert len(table.sources) >= 5
    for source in table.sources:
        assert node(defs, source.group, "chunks").parent_keys == {AssetKey([source.group, "raw"])}
        assert node(defs, source.group, "embeddings").parent_keys == {AssetKey([source.group, "chunks"])}
        assert not node(defs, source.group, "raw").is_materializable


def test_all_embeddings_lead_to_the_search_index(defs: Definitions, table: SourceTable) -> None:
    assert node(defs, "search_index").parent_keys == {AssetKey([s.group, "embeddings"]) for s in table.sources}


def test_there_is_nothing_else_in_the_graph(defs: Definitions, table: SourceTable) -> None:
    expected = {AssetKey([s.group, name]) for s in table.sources for name in ("raw", "chunks", "embeddings")}

    assert set(defs.resolve_asset_graph().get_all_asset_keys()) == expected | {
        AssetKey("search_index"),
        AssetKey("failures"),
    }
    assert not any(key.path[0].replace("_", "-") in table.disabled for key in expected)


def test_a_source_is_a_group(defs: Definitions, table: SourceTable) -> None:
    for source in table.sources:
        names = {node(defs, source.group, name).group_name for name in ("raw", "chunks", "embeddings")}
        assert names == {source.group}
    assert node(defs, "search_index").group_name == "search"


def test_a_reader_of_the_catalogue_learns_what_each_asset_is(defs: Definitions) -> None:
    for asset in defs.resolve_asset_graph().asset_nodes:
        assert asset.description, asset.key
        assert asset.kinds, asset.key
        assert asset.owners == ["team:documentation"], asset.key


def test_descriptions_lead_to_where_the_documentation_is(
    defs: Definitions, table: SourceTable, plain: Settings, tmp_path: Path
) -> None:
    published = [source for source in table.sources if source.display_url]
    assert published
    for source in published:
        for name in ("raw", "chunks"):
            assert f"({source.display_url})" in (node(defs, source.group, name).description or "")
    site = Source("news", "wordpress", url="https://example.org/news/", mirror=tmp_path / "mirror")
    crawled = build_defs(plain, SourceTable(tmp_path / "sources.toml", tmp_path, (site,), ()))
    read_from = "Read from [https://example.org/news/](https://example.org/news/)."
    assert read_from in (node(crawled, "news", "raw").description or "")
    for key in (("search_index",), ("mdx_dwc", "embeddings")):
        assert "[pgvector](https://github.com/pgvector/pgvector)" in (node(defs, *key).description or "")


@pytest.mark.parametrize(
    ("key", "kinds"),
    [
        (("mdx_dwc", "raw"), {"markdown"}),
        (("javadoc", "raw"), {"java"}),
        (("bbj_source", "raw"), {"file"}),
        (("mdx_dwc", "chunks"), {"python", "postgres"}),
        (("mdx_dwc", "embeddings"), {"onnx", "pgvector"}),
        (("search_index",), {"pgvector", "postgres"}),
    ],
)
def test_an_asset_shows_what_it_is_made_of(defs: Definitions, key: tuple[str, ...], kinds: set[str]) -> None:
    assert node(defs, *key).kinds == kinds


def test_the_kind_of_the_embeddings_is_the_embedder(plain: Settings, table: SourceTable) -> None:
    with_ollama = build_defs(plain.model_copy(update={"embedder": "ollama"}), table)

    assert node(with_ollama, "javadoc", "embeddings").kinds == {"ollama", "pgvector"}


@pytest.mark.parametrize("name", ["chunks", "embeddings"])
def test_the_column_schema_is_that_of_the_table(defs: Definitions, conn: Connection, name: str) -> None:
    metadata = node(defs, "javadoc", name).metadata
    schema = metadata["dagster/column_schema"]
    assert isinstance(schema, TableSchema)
    assert metadata["dagster/table_name"] == name
    in_database: dict[str, str] = dict(
        conn.execute("SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
                     "WHERE attrelid = %s::regclass AND attnum > 0", [name]).fetchall()
    )  # fmt: skip

    assert {column.name: column.type for column in schema.columns}.items() <= in_database.items()
    assert in_database.keys() - {column.name for column in schema.columns} <= {"orphaned_at"}
    assert all(column.description for column in schema.columns)


def test_a_source_has_one_set_of_sections_for_chunks_and_embeddings(defs: Definitions, table: SourceTable) -> None:
    names = []
    for source in table.sources:
        of_chunks = node(defs, source.group, "chunks").partitions_def
        assert isinstance(of_chunks, DynamicPartitionsDefinition)
        assert of_chunks == node(defs, source.group, "embeddings").partitions_def
        names.append(of_chunks.name)

    assert len(set(names)) == len(table.sources)
    assert node(defs, "search_index").partitions_def is None


@pytest.mark.parametrize("asset", ["chunks", "embeddings"])
def test_a_backfill_is_one_run_unless_the_settings_say_more(
    plain: Settings, table: SourceTable, defs: Definitions, asset: str
) -> None:
    in_fives = build_defs(plain.model_copy(update={"backfill_partitions_per_run": 5}), table)

    assert node(defs, "javadoc", asset).backfill_policy == BackfillPolicy.single_run()
    assert node(in_fives, "javadoc", asset).backfill_policy == BackfillPolicy.multi_run(5)


def test_only_what_talks_to_a_model_server_is_retried(defs: Definitions, table: SourceTable) -> None:
    for source in table.sources:
        job = defs.resolve_job_def(f"ingest_{source.group}")
        policies = {step.name: getattr(step.definition, "retry_policy", None) for step in job.graph.nodes}
        assert policies[f"{source.group}__chunks"] is None
        policy = policies[f"{source.group}__embeddings"]
        assert policy is not None
        assert policy.max_retries == 3
        assert policy.backoff is Backoff.EXPONENTIAL
        assert policy.jitter is not None


def test_the_code_version_is_that_of_the_source(defs: Definitions, plain: Settings, table: SourceTable) -> None:
    versions = {s.name: node(defs, s.group, "chunks").code_version for s in table.sources}

    assert versions == {s.name: code_version_of(s, plain.chunks) for s in table.sources}
    assert len(set(versions.values())) > 1


@pytest.mark.parametrize("change", [{"chunk_tokens": 300}, {"chunk_overlap": 40}])
def test_other_chunk_settings_are_another_code_version(
    plain: Settings, table: SourceTable, defs: Definitions, change: dict[str, int]
) -> None:
    changed = build_defs(plain.model_copy(update=change), table)

    for source in table.sources:
        before = node(defs, source.group, "chunks").code_version
        assert node(changed, source.group, "chunks").code_version != before


def test_there_is_a_job_a_source_and_one_for_the_index(defs: Definitions, table: SourceTable) -> None:
    names = {job.name for job in defs.resolve_all_job_defs()}

    assert {f"ingest_{s.group}" for s in table.sources} | {"build_search_index"} <= names


def test_building_the_graph_warns_of_nothing(plain: Settings, table: SourceTable) -> None:
    """Warnings of Dagster about its own interfaces would stand before every output of `bbj-ingest-all`."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_defs(plain, table).resolve_all_job_defs()


def test_a_table_of_one_source_is_a_graph_of_one_source(plain: Settings, tmp_path: Path) -> None:
    source = Source("my-notes", "mdx", roots=(tmp_path,), description="Notes")
    defs = build_defs(plain, SourceTable(tmp_path / "sources.toml", tmp_path, (source,), ()))

    assert {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()} == {
        "my_notes/raw", "my_notes/chunks", "my_notes/embeddings", "search_index", "failures",
    }  # fmt: skip
    assert str(tmp_path) in (node(defs, "my_notes", "raw").description or "")


def test_dagster_loads_the_workspace(tmp_path: Path) -> None:
    """What `make ui` does first."""
    environment = os.environ | {"BBJ_ASSETS_HOME": str(tmp_path / "home"), "DAGSTER_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Validation successful for code location bbj_assets.definitions" in done.stdout + done.stderr
    assert not (tmp_path / "home").exists(), "loading definitions is not to start or make anything"


def test_a_web_source_is_crawled_by_a_schedule_and_is_overdue_when_it_was_not(plain: Settings, tmp_path: Path) -> None:
    source = Source("news", "wordpress", url="https://example.org/news/", mirror=tmp_path / "mirror")
    defs = build_defs(plain, SourceTable(tmp_path / "sources.toml", tmp_path, (source,), ()))

    [schedule] = defs.schedules or ()
    assert isinstance(schedule, ScheduleDefinition)
    assert (schedule.job_name, schedule.cron_schedule) == ("visit_news", plain.visit_schedule)
    assert schedule.default_status is DefaultScheduleStatus.RUNNING
    raw = node(defs, "news", "raw")
    assert raw.is_materializable
    assert raw.partitions_def is None
    assert isinstance(raw.freshness_policy, TimeWindowFreshnessPolicy)
    assert raw.freshness_policy.fail_window.to_timedelta() == timedelta(hours=plain.visit_fresh_hours)


def test_what_runs_by_itself_is_switched_on_from_the_start(defs: Definitions, table: SourceTable) -> None:
    sensors = {sensor.name: sensor for sensor in defs.sensors or ()}

    assert set(sensors) == {*(f"follow_{s.group}" for s in table.sources), "follow_all_sources", "retry_requests"}
    assert all(sensor.default_status is DefaultSensorStatus.RUNNING for sensor in sensors.values())
    assert all(sensor.description for sensor in sensors.values())


def test_the_embedder_is_a_pool(defs: Definitions, table: SourceTable) -> None:
    for source in table.sources:
        assert node(defs, source.group, "embeddings").pools == {"embedder"}
        assert node(defs, source.group, "chunks").pools == set()
