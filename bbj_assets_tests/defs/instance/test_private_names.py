"""The private names of Dagster are in one folder, and its page lists each with its reason and its test."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bbj_assets_tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "bbj_assets"
FOLDER = PACKAGE / "defs" / "instance"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(dagster[\w.]+)` \| .+ \| (.+) \|$", PAGE, flags=re.MULTILINE))


def private_imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, *below = name.split(".")
            is_private = any(part.startswith("_") for part in below) or package.startswith("dagster_")
            if package.startswith("dagster") and is_private:
                yield name


def test_private_names_are_imported_in_one_folder() -> None:
    outside = {
        (str(module.relative_to(PACKAGE)), name)
        for module in PACKAGE.rglob("*.py")
        if not module.is_relative_to(FOLDER)
        for name in private_imports(module)
    }

    assert outside == set()


def test_the_page_lists_every_private_name_and_no_other() -> None:
    imported = {name for module in FOLDER.glob("*.py") for name in private_imports(module)}

    assert imported, "the search finds some"
    assert set(ROWS) == imported


def test_each_name_is_guarded_by_a_test_that_exists() -> None:
    tests = {guard.strip("`") for guard in ROWS.values()} - {"mypy"}

    assert [test for test in tests if not (REPOSITORY / "bbj_assets_tests" / test).exists()] == []
