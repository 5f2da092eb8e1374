"""Following a source: from what its files look like now and what was seen before, what is to be done, and when.

Pure functions over sets. Whoever follows a source (a sensor) takes its fingerprints at every tick and keeps a `Watch`
between two ticks. A section that differs from the last tick is pending until somebody has ingested it since, whoever
that was; so nothing is forgotten when a run fails, is killed or never starts, and edits that come faster than ticks
end as the last of them.

    tick: notice() ──pending──▶ quiet long enough, nobody at work? ──▶ asked() ──▶ a run ──▶ settled()
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeAlias

from bbj_assets.ingest.fingerprints import SHARED

_FIRST_WAIT = 60.0
_LONGEST_WAIT = 3600.0
"""Seconds until a state whose run failed is asked for again, doubled each time up to an hour: an outage of a night must
end by itself, and a run that fails costs little."""

_MAX_RANGES = 4
_SMALL_GAP = 8

Section: TypeAlias = str


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of a source between two ticks. Its size depends on the number of sections only.

    Attributes:
        seen: the fingerprints of the last tick.
        pending: sections that may not be in the index as they are now, and since when (seconds, epoch) they are so.
        attempts: how often the present state was asked for.
        asked_at: when anything was asked for last.
        request: the name under which.
        given_up: asking again is of no use before something changes.
    """

    seen: Mapping[Section, str] = field(default_factory=dict)
    pending: Mapping[Section, float] = field(default_factory=dict)
    attempts: int = 0
    asked_at: float = 0.0
    request: str = ""
    given_up: bool = False

    @property
    def gone(self) -> set[Section]:
        """Pending sections that the source no longer has."""
        return set(self.pending) - set(self.seen) - {SHARED}

    def dumps(self) -> str:
        """As text, for a cursor."""
        return json.dumps([getattr(self, name) for name in self.__slots__], separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> "Watch":
        """The watch that `dumps` wrote."""
        return cls(*json.loads(text))


def notice(watch: Watch, listing: Mapping[Section, str], known: Collection[Section], now: float) -> Watch:
    """The watch after a look at the source.

    Args:
        listing: its fingerprints now.
        known: sections that Dagster or the store may hold something of.
    """
    changed = {key for key in {*watch.seen, *listing} if watch.seen.get(key) != listing.get(key)}
    changed |= set(known) - set(listing) - set(watch.pending)
    if not changed:
        return watch
    pending = {**watch.pending, **dict.fromkeys(changed, now)}
    return replace(watch, seen=dict(listing), pending=pending, attempts=0, given_up=False)


def is_due(watch: Watch, now: float, quiet: float) -> bool:
    """Whether the pending sections are to be asked for: they are quiet, and a failed attempt is some time ago."""
    if not watch.pending or watch.given_up:
        return False
    return now - max(watch.pending.values()) >= quiet and now - watch.asked_at >= _wait(watch.attempts)


def _wait(attempts: int) -> float:
    if attempts == 0:
        return 0.0
    doublings = min(attempts - 1, 10)  # more would be too large for a float, one day
    return min(_FIRST_WAIT * 2.0**doublings, _LONGEST_WAIT)


def settled(watch: Watch, done: Collection[Section]) -> Watch:
    """The watch when some sections are in the index as they are now."""
    pending = {key: since for key, since in watch.pending.items() if key not in done}
    return watch if len(pending) == len(watch.pending) else replace(watch, pending=pending)


def asked(watch: Watch, wanted: Collection[Section], now: float) -> Watch:
    """The watch when the wanted sections are asked for, as `request`: those are what is pending now.

    The request's name is made of the watch before. So a tick that is run again after a crash asks by the same name,
    and no other tick ever does: also not when a section comes back as it was, or is asked for once more.
    """
    since = max(watch.pending.values())
    name = hashlib.blake2b(watch.dumps().encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return Watch(
        seen=watch.seen,
        pending={key: watch.pending.get(key, since) for key in sorted(wanted)},
        attempts=watch.attempts + 1,
        asked_at=now,
        request=name,
    )


def given_up(watch: Watch) -> Watch:
    """The watch when asking again is of no use before something changes."""
    return replace(watch, given_up=True)


def ranges(order: Sequence[Section], wanted: Collection[Section]) -> list[tuple[Section, Section]]:
    """The wanted sections as (first, last) of at most four ranges of the order.

    A run costs seconds and a section that has not changed some milliseconds, so small gaps are run over, and larger
    ones too where there are many.

    >>> ranges("abcdefghijklmnop", {"a", "c", "p"})
    [('a', 'c'), ('p', 'p')]
    """
    positions = [position for position, key in enumerate(order) if key in wanted]
    gaps = sorted((after - before, after) for before, after in pairwise(positions))
    cuts = sorted(after for size, after in gaps[-(_MAX_RANGES - 1) :] if size > _SMALL_GAP)
    starts = [positions[0], *cuts] if positions else []
    ends = [positions[positions.index(cut) - 1] for cut in cuts] + positions[-1:]
    return [(order[start], order[end]) for start, end in zip(starts, ends, strict=True)]
