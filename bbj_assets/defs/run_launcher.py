"""The path of the run launcher in a dagster.yaml that an older version wrote. Nothing else belongs here."""

from bbj_assets.defs.instance.run_launcher import WatchfulRunLauncher

__all__ = ["WatchfulRunLauncher"]
