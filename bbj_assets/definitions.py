"""What Dagster loads (workspace.yaml names this module): the definitions of this installation."""

from dagster import Definitions, definitions

from bbj_assets.defs.build import build_defs
from bbj_assets.settings import load_settings
from bbj_assets.source_table import load_sources

__all__ = ["build_defs", "defs"]


@definitions
def defs() -> Definitions:
    """The environment's definitions; a source whose path is missing fails its own run, not the whole location."""
    settings = load_settings()
    return build_defs(settings, load_sources(settings, check_paths=False))
