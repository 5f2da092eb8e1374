"""The runs that have not ended: one place that knows which they are and which source they are over."""

from collections.abc import Iterable, Sequence

import dagster as dg

from bbj_assets.defs.tags import SOURCE_TAG
from bbj_assets.source import Source

_ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
_UNFINISHED = [status for status in dg.DagsterRunStatus if status not in _ENDED]


def unfinished_runs(instance: dg.DagsterInstance, source: Source) -> Sequence[dg.RunRecord]:
    """Return the runs over assets of a source that wait or are under way, whatever started them."""
    return [
        record
        for record in instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED))
        if record.dagster_run.tags.get(SOURCE_TAG) == source.name
        or has_assets_of(source, record.dagster_run.asset_selection or ())
    ]


def has_assets_of(source: Source, assets: Iterable[dg.AssetKey]) -> bool:
    """Return whether any of the assets is one of the source."""
    return any(key.path[0] == source.group for key in assets)
