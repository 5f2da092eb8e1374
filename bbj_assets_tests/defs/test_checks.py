"""What the checks say of an index with a flaw, and what they ask their reader to do."""

from collections.abc import Mapping

import pytest
from dagster import AssetCheckEvaluation, AssetCheckSeverity, MetadataValue, TableMetadataValue

from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.defs.run_config import ingest_config
from bbj_assets.ingest.quality import CHECKS, not_shrunk
from bbj_assets.source import Source
from bbj_assets.store.connection import Connection
from bbj_assets_tests.defs.project import Project


def checks(project: Project, run: IngestOptions | None = None) -> dict[str, AssetCheckEvaluation]:
    """Run the source over all its sections, and return what each check found."""
    project.run()  # so that all sections are partitions
    sections = project.instance.get_dynamic_partitions("guide_sections")
    result = (
        project.defs()
        .resolve_job_def("ingest_guide")
        .execute_in_process(
            instance=project.instance,
            tags={
                "dagster/asset_partition_range_start": sections[0],
                "dagster/asset_partition_range_end": sections[-1],
            },
            run_config=ingest_config(project.source(), run or IngestOptions()),
            raise_on_error=False,
        )
    )
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def number(metadata: Mapping[str, MetadataValue], name: str) -> object:
    return metadata[name].value


@pytest.fixture
def sound(project: Project) -> Project:
    project.write("guide/grids/sizing.md", "# Sizing\n\nHow wide a column is.")
    project.write("guide/charts/pie.md", "# Pie\n\nRound.")
    return project


def test_a_sound_source_passes_every_check(sound: Project) -> None:
    found = checks(sound)

    assert set(found) == {check.name for check in CHECKS} | {"not_shrunk"}
    assert all(evaluation.passed for evaluation in found.values())
    assert all(evaluation.description for evaluation in found.values())


def test_files_that_cannot_be_read_are_a_warning_with_the_list_and_the_remedy(sound: Project) -> None:
    (sound.folder / "guide/grids/bytes.md").write_bytes(b"\x00\xff\xfe\x81")

    found = checks(sound)["no_failed_items"]

    assert not found.passed
    assert found.severity is AssetCheckSeverity.WARN
    assert number(found.metadata, "failed") == 1
    assert "retry_failed" in (found.description or "")
    sample = found.metadata["sample"]
    assert isinstance(sample, TableMetadataValue)
    [row] = [record.data for record in sample.records]
    assert row["item"] == "guide://grids/bytes.md"
    assert "UTF-8" in str(row["error"])


def test_texts_that_the_embedder_refuses_are_a_warning_and_not_counted_as_forgotten(sound: Project) -> None:
    sound.models.poison = "XYZZY"
    sound.write("guide/grids/spell.md", "# Magic\n\nSay XYZZY.")

    found = checks(sound)

    assert not found["no_failed_texts"].passed
    assert found["every_chunk_embedded"].passed


def test_a_chunk_that_was_forgotten_is_an_error(sound: Project, conn: Connection) -> None:
    assert sound.run() is None
    conn.execute("DELETE FROM embeddings WHERE content_hash = (SELECT min(content_hash) FROM embeddings)")
    [check] = [check for check in CHECKS if check.name == "every_chunk_embedded"]

    verdict = check.judge(conn, sound.source())

    assert not verdict.passed
    assert check.severity == "ERROR"
    assert verdict.figures == {"missing": 1, "chunks": 2}
    assert verdict.sample[0]["source_url"].startswith("guide://")
    assert "embeddings" in verdict.summary


def test_a_source_without_documents_is_an_error(conn: Connection, project: Project) -> None:
    [check] = [check for check in CHECKS if check.name == "not_empty"]

    verdict = check.judge(conn, project.source())

    assert not verdict.passed
    assert check.severity == "ERROR"
    assert str(project.folder / "guide") in verdict.summary


def test_pages_that_a_reader_cannot_tell_apart_are_a_warning(sound: Project) -> None:
    for name in "abc":
        sound.write(f"guide/grids/{name}.md", f"# The same\n\nText {name}.")

    found = checks(sound)["titles_tell_apart"]

    assert not found.passed
    assert (number(found.metadata, "concerned"), number(found.metadata, "documents")) == (3, 5)


def test_pages_of_no_known_generation_are_a_warning(sound: Project, conn: Connection) -> None:
    assert sound.run() is None
    conn.execute("UPDATE documents SET generations = '{untagged}' WHERE source_url = 'guide://charts/pie.md'")
    [check] = [check for check in CHECKS if check.name == "generations_known"]

    verdict = check.judge(conn, sound.source())

    assert not verdict.passed
    assert verdict.sample == ({"section": "charts", "source_url": "guide://charts/pie.md"},)


def test_a_loss_in_small_steps_is_an_error_until_it_is_confirmed(sound: Project, conn: Connection) -> None:
    for page in range(50):
        sound.write(f"guide/many/{page:02}.md", f"# Page {page}\n\nText {page}.")
    assert checks(sound)["not_shrunk"].passed
    for page in range(24):
        (sound.folder / f"guide/many/{page:02}.md").unlink()
    assert checks(sound)["not_shrunk"].passed, "less than half"
    conn.execute("DELETE FROM documents WHERE source_url < 'guide://many/46'")  # what no listing shows
    for page in range(24, 46):
        (sound.folder / f"guide/many/{page:02}.md").unlink()

    found = checks(sound)["not_shrunk"]
    assert not found.passed
    assert found.severity is AssetCheckSeverity.ERROR
    assert "--allow-shrink" in (found.description or "")
    assert not checks(sound)["not_shrunk"].passed, "it does not get used to it"

    assert checks(sound, IngestOptions(allow_shrink=True))["not_shrunk"].passed
    assert checks(sound)["not_shrunk"].passed


def test_losses_that_are_small_one_by_one_are_an_error_when_they_are_most_of_it_together(sound: Project) -> None:
    pages = [sound.folder / f"guide/many/{page:02}.md" for page in range(60)]
    for page in pages:
        sound.write(f"guide/many/{page.name}", f"# Page {page.stem}\n\nText {page.stem}.")
    assert checks(sound)["not_shrunk"].passed

    passed = []
    for step in (pages[:18], pages[18:31], pages[31:45]):
        for page in step:
            page.unlink()
        passed.append(checks(sound)["not_shrunk"].passed)
    assert passed == [True, True, False]

    assert checks(sound, IngestOptions(allow_shrink=True))["not_shrunk"].passed
    for page in pages[45:52]:
        page.unlink()
    assert checks(sound)["not_shrunk"].passed, "it is compared with what was allowed"


@pytest.mark.parametrize(
    ("documents", "before", "allowed", "passed"),
    [
        (0, None, False, True),
        (50, 100, False, True),
        (49, 100, False, False),
        (49, 100, True, True),
        (0, 20, False, True),
        (0, 21, False, False),
        (200, 100, False, True),
    ],
)
def test_half_of_the_documents_may_go(documents: int, before: int | None, allowed: bool, passed: bool) -> None:
    assert not_shrunk(Source("guide", "mdx"), documents, before, allowed=allowed).passed is passed
