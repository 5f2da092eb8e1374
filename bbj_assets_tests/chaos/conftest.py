"""A machine on which the real command runs, as in the tests of the commands."""

from bbj_assets_tests.cli.conftest import desk
from bbj_assets_tests.defs.conftest import dagster_state

__all__ = ["dagster_state", "desk"]
