"""When an asset over all sources is built again: after any of them, also when another one failed."""

import dagster as dg

_INPUT_UPDATED = dg.AutomationCondition.any_deps_updated()

FOLLOWS_ITS_INPUTS = (
    _INPUT_UPDATED.since(
        (dg.AutomationCondition.newly_requested() & ~_INPUT_UPDATED) | dg.AutomationCondition.initial_evaluation()
    )
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("an input is new and none is being made")
"""True when an input was updated since the asset was last requested, and nothing is in progress.

Dagster's own `eager` waits until no input is missing: one source that never succeeded would hold up all others. Its
`since_last_handled` would forget an input that came while a run was building and did not look at it any more. So an
input counts until the asset was requested after it. A run that something else started does not count as handling it.
"""
