"""The project that the ingests run on, as in the tests of the commands."""

from bbj_assets_tests.cli.conftest import project
from bbj_assets_tests.defs.conftest import dagster_state

__all__ = ["dagster_state", "project"]
