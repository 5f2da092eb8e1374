"""The definitions of this installation: what Dagster loads, because workspace.yaml names this module."""

import dagster as dg

from bbj_assets.defs.build import build_defs
from bbj_assets.settings import load_settings
from bbj_assets.source_table import load_sources

__all__ = ["build_defs", "defs"]


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions that the environment describes.

    A source whose path is missing fails its own run, not the loading of all definitions.
    """
    settings = load_settings()
    return build_defs(settings, load_sources(settings, check_paths=False))
