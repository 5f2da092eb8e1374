"""The path of the run queue in a dagster.yaml that an older version wrote. Nothing else belongs here."""

from bbj_assets.defs.instance.run_queue import SourceRunQueue

__all__ = ["SourceRunQueue"]
