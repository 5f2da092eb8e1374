"""docs/operating.md describes what exists: its settings, limits, assets, checks and pictures.

Its commands are run by bbj_assets_tests/docs, which also checks its links and settings.
"""

import re

import yaml

from bbj_assets.defs.build import build_defs
from bbj_assets.settings import load_settings
from bbj_assets.source_table import load_sources
from bbj_assets_tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "operating.md").read_text(encoding="utf-8")


def test_its_limits_are_those_of_the_file() -> None:
    configuration = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text(encoding="utf-8"))
    numbers = {"two": 2, "four": 4}
    [embedding, runs] = re.findall(r"over a source, (\w+) at a time that embed, (\w+) in all", PAGE)[0]
    assert numbers[embedding] == configuration["concurrency"]["pools"]["default_limit"]
    assert numbers[runs] == configuration["concurrency"]["runs"]["max_concurrent_runs"]
    assert "after six hours" in PAGE
    assert configuration["run_monitoring"]["max_runtime_seconds"] == 6 * 3600


def test_its_assets_checks_and_jobs_are_defined() -> None:
    settings = load_settings(config=REPOSITORY / "sources.toml")
    repository = build_defs(settings, load_sources(settings)).get_repository_def()
    assets = {key.path[-1] for key in repository.asset_graph.get_all_asset_keys()}
    checks = {key.name for key in repository.asset_graph.asset_check_keys}
    assert set(re.findall(r"^\| `(\w+)` \| (?!`)", PAGE, re.MULTILINE)) == assets
    assert set(re.findall(r"^\| `(\w+)` \| `(?:chunks|embeddings)` \|", PAGE, re.MULTILINE)) == checks
    assert repository.has_job("retry_failed")
    assert {sensor.name for sensor in repository.sensor_defs} >= {"follow_mdx_dwc"}


def test_its_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", PAGE)
    assert pictures
    for picture in pictures:
        file = REPOSITORY / "docs" / picture
        assert file.read_bytes().startswith(b"\x89PNG")
        assert file.stat().st_size < 150_000
