"""The path of the run launcher that a dagster.yaml of an older version names. Nothing else belongs here."""

from bbj_assets.defs.instance.run_launcher import WatchfulRunLauncher

__all__ = ["WatchfulRunLauncher"]
