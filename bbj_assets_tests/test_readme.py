"""The README's commands do what it says: each of them is run here, or, where it would run this suite, planned."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bbj_assets_tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
IN_TABLES = re.findall(r"\| `((?:bbj-|make )[^`]+)` \|", README)
COMMANDS = [*BLOCKS, *IN_TABLES]
PROGRAMS = [command for command in COMMANDS if command.startswith("bbj-")]
TARGETS = sorted({command.split()[1] for command in COMMANDS if command.startswith("make ")})


def test_the_readme_shows_its_two_commands_first() -> None:
    assert BLOCKS[:2] == ["make ingest", "make test"]


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_of_the_readme_is_there_and_in_the_help(target: str) -> None:
    planned = subprocess.run(["make", "--dry-run", target], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert planned.returncode == 0, planned.stderr
    listed = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert re.search(rf"^make {target}\s+\w", listed, re.MULTILINE)


@pytest.mark.timeout(300)
def test_every_program_call_of_the_readme_succeeds_in_its_order(tmp_path: Path) -> None:
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "BBJ_ASSETS_HOME": str(tmp_path / "home"),
        "BBJ_ASSETS_CONFIG": str(_two_sources(tmp_path)),
        "DATA_DIR": str(REPOSITORY / "sample_data"),
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    ingest = [command for command in PROGRAMS if command.startswith("bbj-ingest-all --data-dir")]
    assert ingest
    assert len(PROGRAMS) > 10
    for command in [*ingest, *(command for command in PROGRAMS if command not in ingest)]:
        done = subprocess.run(
            shlex.split(command), cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip(), f"{command} says nothing"


def _two_sources(folder: Path) -> Path:
    """Those of sources.toml that the README names: with all ten, every command would take as much longer."""
    head, *sources = re.split(r"(?m)^(?=\[\[sources\]\])", (REPOSITORY / "sources.toml").read_text(encoding="utf-8"))
    named = [source for source in sources if re.search(r'name = "(mdx-dwc|javadoc)"', source)]
    assert len(named) == 2
    table = folder / "sources.toml"
    table.write_text(head + "".join(named), encoding="utf-8")
    return table


def test_every_folder_and_setting_that_the_readme_names_exists() -> None:
    for folder in re.findall(r"\| `(bbj_assets/\w+)` \|", README):
        assert (REPOSITORY / folder / "__init__.py").is_file(), folder
    from bbj_assets.settings import Settings

    fields = set(Settings.model_fields)
    for variable in re.findall(r"BBJ_ASSETS_([A-Z_]+)", README):
        assert variable.lower() in fields, variable
