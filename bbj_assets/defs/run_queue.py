"""The path of the run queue that a dagster.yaml of an older version names. Nothing else belongs here."""

from bbj_assets.defs.instance.run_queue import SourceRunQueue

__all__ = ["SourceRunQueue"]
