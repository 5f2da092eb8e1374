"""Following a source: which of its sections have to be ingested, and when.

Pure functions over sets. What follows a source (a sensor) takes its fingerprints at every tick and keeps a
`SensorCursor` between two ticks. A section that differs from the last tick is pending until a run, whatever started it,
has ingested it as it is. So nothing is forgotten when a run fails, is killed or never starts, and edits that come
faster than ticks end as the last of them. A run reports by fingerprints what it has read. So a section that looked
different only while a run read it is pending too, although no two ticks differed.

    tick: observe() -> pending -> ready_sections() -> request_sections() -> a run -> resolve(), or mark_stale()
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import TypeAlias

from bbj_assets.ingest.fingerprints import GONE, SHARED

_INITIAL_DELAY = 60.0
_MAX_DELAY = 3600.0
"""Seconds until a state whose run failed is requested again, doubled each time up to an hour: an outage of a night must
end by itself, and a run that fails costs little."""

_MAX_QUIET_TIMES = 20
"""How many quiet times a change waits for the rest of the source: a log file that grows for ever must not stop it."""

_MAX_RANGES = 4
_SMALL_GAP = 8

_VERSION = 2

Section: TypeAlias = str


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorCursor:
    """What is known of a source between two ticks. Its size depends on the number of sections only.

    Attributes:
        seen: the fingerprints of the last tick.
        changed_at: when the last change was seen (seconds, epoch).
        pending: sections that may not be in the index as they are now, and since when; `SHARED` since its first change.
        last_event_id: the newest event that was taken into account.
        attempts: how often the present state was requested.
        requested_at: when anything was last requested (seconds, epoch).
        event_id_before_request: the newest event before that request.
        request_id: the name of that request; None before the first one.
        waits_for_change: whether a further request is of no use before something changes.
    """

    seen: Mapping[Section, str] = field(default_factory=dict)
    changed_at: float = 0.0
    pending: Mapping[Section, float] = field(default_factory=dict)
    last_event_id: int = 0
    attempts: int = 0
    requested_at: float = 0.0
    event_id_before_request: int = 0
    request_id: str | None = None
    waits_for_change: bool = False

    @property
    def removed(self) -> set[Section]:
        """Pending sections that the source no longer has."""
        return set(self.pending) - set(self.seen) - {SHARED}

    def dumps(self) -> str:
        """Return the cursor as JSON: an object of its fields and a version number."""
        return json.dumps({"version": _VERSION, **asdict(self)}, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str | None) -> "SensorCursor | None":
        """Return the cursor that `dumps` wrote, in this version or the one before; None for anything else."""
        try:
            stored = json.loads(text) if text else None
        except ValueError:
            return None
        if isinstance(stored, list):
            stored = _from_version_1(stored)
        if not isinstance(stored, dict) or stored.pop("version", None) != _VERSION:
            return None
        is_valid = stored.keys() == _TYPES.keys() and all(_TYPES[name](value) for name, value in stored.items())
        return cls(**stored) if is_valid else None


def _from_version_1(stored: list[object]) -> dict[str, object] | None:
    """Return the fields of a cursor of version 1, which was a list of them in this order."""
    if len(stored) != len(_TYPES):
        return None
    fields = dict(zip(_TYPES, stored, strict=True))
    return {"version": _VERSION, **fields, "request_id": fields["request_id"] or None}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[object], bool]] = {
    "seen": lambda value: isinstance(value, dict) and all(isinstance(each, str) for each in value.values()),
    "changed_at": _is_number,
    "pending": lambda value: isinstance(value, dict) and all(_is_number(each) for each in value.values()),
    "last_event_id": _is_count,
    "attempts": _is_count,
    "requested_at": _is_number,
    "event_id_before_request": _is_count,
    "request_id": lambda value: value is None or isinstance(value, str),
    "waits_for_change": lambda value: isinstance(value, bool),
}
"""Checks of the type of each field's value in JSON. The fields are in the order of version 1."""


def observe(
    cursor: SensorCursor, listing: Mapping[Section, str], *, known: Collection[Section], now: float
) -> SensorCursor:
    """Return the cursor after a look at the source: what differs from the last look is pending.

    Args:
        listing: the fingerprints of the source now.
        known: sections that Dagster or the store may hold something of.
    """
    changed = {key for key in {*cursor.seen, *listing} if cursor.seen.get(key) != listing.get(key)}
    left_over = set(known) - set(listing) - set(cursor.pending) - changed
    if changed:
        cursor = replace(cursor, seen=dict(listing), changed_at=now)
    if changed - {SHARED}:
        cursor = replace(cursor, attempts=0, waits_for_change=False)
    since = dict.fromkeys(changed | left_over, now)
    if SHARED in cursor.pending:
        since.pop(SHARED, None)
    return replace(cursor, pending={**cursor.pending, **since}) if since else cursor


def mark_stale(cursor: SensorCursor, read: Mapping[Section, str], *, now: float) -> SensorCursor:
    """Return the cursor after runs: a section becomes pending if they did not read its present state.

    Args:
        read: for sections, and for `SHARED`, the fingerprint of what the last run has read.
    """
    differ = {key for key, fingerprint in read.items() if fingerprint != cursor.seen.get(key, GONE)}
    new = dict.fromkeys(sorted(differ - set(cursor.pending)), now)
    return replace(cursor, pending={**cursor.pending, **new}) if new else cursor


def ready_sections(cursor: SensorCursor, *, now: float, quiet: float) -> set[Section]:
    """Return the pending sections to request now: they are quiet, and the delay after a failed attempt is over.

    A section is quiet when the whole source is, because an author who writes one is likely to write the next. It
    is also quiet after `_MAX_QUIET_TIMES` quiet times without a change of its own, even if the rest still changes.

    Args:
        quiet: seconds without a change that make a source quiet.
    """
    is_quiet = cursor.changed_at < now and now - cursor.changed_at >= quiet
    is_time = not cursor.waits_for_change and now - cursor.requested_at >= _delay(cursor.attempts)
    return {
        key
        for key, since in cursor.pending.items()
        if (is_quiet or now - since >= _MAX_QUIET_TIMES * quiet > 0) and (is_time or key == SHARED)
    }


def _delay(attempts: int) -> float:
    if attempts == 0:
        return 0.0
    doublings = min(attempts - 1, 10)  # after years of attempts, more would be too large for a float
    return min(_INITIAL_DELAY * 2.0**doublings, _MAX_DELAY)


def resolve(cursor: SensorCursor, done: Collection[Section]) -> SensorCursor:
    """Return the cursor when some sections are in the index as they are now."""
    pending = {key: since for key, since in cursor.pending.items() if key not in done}
    return _with_fewer_pending(cursor, pending)


def request_sections(
    cursor: SensorCursor, *, ready: Collection[Section], wanted: Collection[Section], now: float
) -> SensorCursor:
    """Return the cursor when the wanted sections are requested, as `request_id`.

    Ready sections that are not wanted are no longer pending.

    The id is a hash of the cursor before. So a tick that is repeated after a crash uses the same id. No other tick
    does, not even when a section returns to an earlier state or is requested once more.
    """
    waiting = {key: since for key, since in cursor.pending.items() if key not in ready}
    if not wanted:
        return _with_fewer_pending(cursor, waiting)
    request_id = hashlib.blake2b(cursor.dumps().encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return replace(
        cursor,
        pending={**waiting, **{key: cursor.pending.get(key, now) for key in sorted(wanted)}},
        attempts=cursor.attempts + 1,
        requested_at=now,
        event_id_before_request=cursor.last_event_id,
        request_id=request_id,
        waits_for_change=False,
    )


def _with_fewer_pending(cursor: SensorCursor, pending: Mapping[Section, float]) -> SensorCursor:
    if len(pending) == len(cursor.pending):
        return cursor
    if pending:
        return replace(cursor, pending=pending)
    return replace(cursor, pending={}, attempts=0, waits_for_change=False)


def wait_for_change(cursor: SensorCursor) -> SensorCursor:
    """Return the cursor when a further request is of no use before something changes."""
    return replace(cursor, waits_for_change=True)


def ranges(order: Sequence[Section], wanted: Collection[Section]) -> list[tuple[Section, Section]]:
    """Return the wanted sections as (first, last) of at most four ranges of the order.

    A run costs seconds and a section that has not changed some milliseconds, so ranges include small gaps, and larger
    ones too if there would be more than four ranges.

    >>> ranges("abcdefghijklmnop", {"a", "c", "p"})
    [('a', 'c'), ('p', 'p')]
    """
    positions = [position for position, key in enumerate(order) if key in wanted]
    gaps = sorted((after - before, after) for before, after in pairwise(positions))
    cuts = sorted(after for size, after in gaps[-(_MAX_RANGES - 1) :] if size > _SMALL_GAP)
    starts = [positions[0], *cuts] if positions else []
    ends = [positions[positions.index(cut) - 1] for cut in cuts] + positions[-1:]
    return [(order[start], order[end]) for start, end in zip(starts, ends, strict=True)]
