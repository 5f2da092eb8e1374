"""When what is built of all sources is built anew."""

from dataclasses import dataclass

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance, evaluate_automation_conditions
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor

from bbj_assets.defs.assets_over_all import FAILURES, SEARCH_INDEX
from bbj_assets_tests.defs.conftest import Installation

EMBEDDINGS = AssetKey(["guide", "embeddings"])


@dataclass
class Automation:
    """The daemon's part: each tick begins where the last one has ended."""

    installation: Installation
    cursor: AssetDaemonCursor | None = None

    def tick(self) -> set[AssetKey]:
        """What is asked for."""
        found = evaluate_automation_conditions(self.installation.defs(), self.installation.instance, cursor=self.cursor)
        self.cursor = found.cursor
        return {result.key for result in found.results if not result.true_subset.is_empty}


@pytest.fixture
def automation(installation: Installation) -> Automation:
    installation.instance.add_dynamic_partitions("guide_sections", ["grids", "menus"])
    automation = Automation(installation)
    automation.tick()
    return automation


def made(instance: DagsterInstance, *assets: AssetKey, section: str | None = None) -> None:
    for key in assets:
        instance.report_runless_asset_event(AssetMaterialization(key, partition=section))


def test_it_is_built_once_when_an_input_is_new(automation: Automation) -> None:
    instance = automation.installation.instance
    assert automation.tick() == set()

    made(instance, EMBEDDINGS, section="grids")

    assert automation.tick() == {SEARCH_INDEX, FAILURES}
    made(instance, SEARCH_INDEX, FAILURES)
    assert automation.tick() == set()
    assert automation.tick() == set()


def test_it_is_built_again_when_an_input_came_while_it_was_built(automation: Automation) -> None:
    instance = automation.installation.instance
    made(instance, EMBEDDINGS, section="grids")
    automation.tick()

    made(instance, EMBEDDINGS, section="menus")
    made(instance, SEARCH_INDEX, FAILURES)

    assert automation.tick() == {SEARCH_INDEX, FAILURES}
    made(instance, SEARCH_INDEX, FAILURES)
    assert automation.tick() == set()


def test_it_is_built_again_when_an_input_came_just_after_it_was_built(automation: Automation) -> None:
    instance = automation.installation.instance
    made(instance, SEARCH_INDEX, FAILURES)
    made(instance, EMBEDDINGS, section="grids")

    assert automation.tick() == {SEARCH_INDEX, FAILURES}
