"""The configuration of a run of a source's job: written from options, and read back from a run."""

from collections.abc import Mapping
from typing import Literal

import dagster as dg

from bbj_assets.defs.ingest_options import IngestOptions
from bbj_assets.source import Source


def ingest_config(source: Source, options: IngestOptions) -> Mapping[str, object]:
    """Return the configuration of a run of a source's job."""
    chunks = {"retry_failed": options.retry_failed, "allow_shrink": options.allow_shrink}
    embeddings = {"retry_failed": options.retry_failed}
    return {
        "ops": {
            f"{source.group}__chunks": {"config": chunks},
            f"{source.group}__embeddings": {"config": embeddings},
        }
    }


def is_set(run: dg.DagsterRun, option: Literal["retry_failed", "allow_shrink"]) -> bool:
    """Return whether a run's configuration, from `ingest_config` or typed by a person, sets an option for any step."""
    steps = run.run_config.get("ops")
    configured = [step.get("config") for step in steps.values() if step] if isinstance(steps, Mapping) else []
    return any(config.get(option) for config in configured if config)
