"""When the assets over all sources are built again."""

from dataclasses import dataclass

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance, evaluate_automation_conditions
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor

from bbj_assets.defs.assets import FAILURES, SEARCH_INDEX
from bbj_assets_tests.defs.project import Project

EMBEDDINGS = AssetKey(["guide", "embeddings"])


@dataclass
class Automation:
    """The daemon's part: each tick begins with the cursor of the last one."""

    project: Project
    cursor: AssetDaemonCursor | None = None

    def tick(self) -> set[AssetKey]:
        """Evaluate the conditions, and return the requested assets."""
        found = evaluate_automation_conditions(self.project.defs(), self.project.instance, cursor=self.cursor)
        self.cursor = found.cursor
        return {result.key for result in found.results if not result.true_subset.is_empty}


@pytest.fixture
def automation(project: Project) -> Automation:
    project.instance.add_dynamic_partitions("guide_sections", ["grids", "menus"])
    automation = Automation(project)
    automation.tick()
    return automation


def materialize(instance: DagsterInstance, *assets: AssetKey, section: str | None = None) -> None:
    for key in assets:
        instance.report_runless_asset_event(AssetMaterialization(key, partition=section))


def test_it_is_built_once_when_an_input_is_new(automation: Automation) -> None:
    instance = automation.project.instance
    assert automation.tick() == set()

    materialize(instance, EMBEDDINGS, section="grids")

    assert automation.tick() == {SEARCH_INDEX, FAILURES}
    materialize(instance, SEARCH_INDEX, FAILURES)
    assert automation.tick() == set()
    assert automation.tick() == set()


def test_it_is_built_again_when_an_input_came_while_it_was_built(automation: Automation) -> None:
    instance = automation.project.instance
    materialize(instance, EMBEDDINGS, section="grids")
    automation.tick()

    materialize(instance, EMBEDDINGS, section="menus")
    materialize(instance, SEARCH_INDEX, FAILURES)

    assert automation.tick() == {SEARCH_INDEX, FAILURES}
    materialize(instance, SEARCH_INDEX, FAILURES)
    assert automation.tick() == set()


def test_it_is_built_again_when_an_input_came_just_after_it_was_built(automation: Automation) -> None:
    instance = automation.project.instance
    materialize(instance, SEARCH_INDEX, FAILURES)
    materialize(instance, EMBEDDINGS, section="grids")

    assert automation.tick() == {SEARCH_INDEX, FAILURES}
