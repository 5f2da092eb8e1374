"""The work is plain Python: it can be called from a test, a notebook or another orchestrator."""

import pkgutil
import subprocess
import sys

import bbj_assets


def test_only_the_dagster_layer_imports_dagster() -> None:
    modules = [
        module.name
        for module in pkgutil.walk_packages(bbj_assets.__path__, "bbj_assets.")
        if not module.name.startswith("bbj_assets.def")  # defs/ and definitions.py
    ]
    assert {"bbj_assets.ingest.refresh", "bbj_assets.search.ask", "bbj_assets.cli.ingest_all"} <= set(modules)
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    assert 'dagster' not in sys.modules, name\n"
    )

    done = subprocess.run([sys.executable, "-c", program, *modules], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
