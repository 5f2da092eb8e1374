"""docs/operating.md is true: its commands, services, settings, limits, checks and pictures exist."""

import re

import pytest
import yaml

from bbj_assets.defs.build import build_defs
from bbj_assets.settings import Settings, load_settings
from bbj_assets.source_table import load_sources
from bbj_assets_tests.conftest import REPOSITORY
from bbj_assets_tests.deploy.compose import compose

PAGE = (REPOSITORY / "docs" / "operating.md").read_text(encoding="utf-8")
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_the_readme_leads_to_it() -> None:
    assert "](docs/operating.md)" in README


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("bbj-")])
def test_its_commands_are_those_of_the_readme_which_are_run_there(command: str) -> None:
    assert re.search(rf"^{re.escape(command)}$|`{re.escape(command)}`", README, re.MULTILINE)


def test_its_other_commands_name_services_and_files_that_exist() -> None:
    others = [command for command in COMMANDS if not command.startswith("bbj-")]
    services = compose({"POSTGRES_PASSWORD": "a password"})["services"]
    for command in others:
        match command.split():
            case ["cp", file, ".env"]:
                assert (REPOSITORY / file).is_file()
            case ["docker", "compose", "up", *_]:
                assert (REPOSITORY / "docker-compose.yml").is_file()
            case ["docker", "compose", "exec" | "logs", *words]:
                assert services.keys() & set(words), command
            case _:
                pytest.fail(f"no test covers {command!r}")
    assert len(others) == 4


def test_its_settings_are_read() -> None:
    named = set(re.findall(r"BBJ_ASSETS_([A-Z_]+)", PAGE))
    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)


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
