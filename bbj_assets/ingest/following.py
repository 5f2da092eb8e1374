"""Following a source: from what its files look like now and what was seen before, what is to be done, and when.

Pure functions over sets. Whoever follows a source (a sensor) takes its fingerprints at every tick and keeps a `Watch`
between two ticks. A section that differs from the last tick is pending until somebody, whoever that was, has ingested
it as it is; so nothing is forgotten when a run fails, is killed or never starts, and edits that come faster than ticks
end as the last of them. A run tells by fingerprints what it has read. So a section that was another one only while a
run read it is pending too: no two ticks ever differed.

    tick: notice() ──pending──▶ due(), nobody at work? ──▶ asked() ──▶ a run ──▶ settled(), or doubted()
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeAlias

from bbj_assets.ingest.fingerprints import GONE, SHARED

_INITIAL_DELAY = 60.0
_MAX_DELAY = 3600.0
"""Seconds until a state whose run failed is asked for again, doubled each time up to an hour: an outage of a night must
end by itself, and a run that fails costs little."""

_PATIENCE = 20
"""So many quiet times a change waits for the rest of the source: a log file that grows for ever must not stop it."""

_MAX_RANGES = 4
_SMALL_GAP = 8

Section: TypeAlias = str


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of a source between two ticks. Its size depends on the number of sections only.

    Attributes:
        seen: the fingerprints of the last tick.
        changed_at: when the last change was seen (seconds, epoch).
        pending: sections that may not be in the index as they are now, and since when; `SHARED` since its first change.
        heard: the newest event that was taken into account.
        attempts: how often the present state was asked for.
        asked_at: when anything was asked for last.
        asked_after: the newest event before that.
        request: the name under which it was asked for.
        given_up: asking again is of no use before something changes.
    """

    seen: Mapping[Section, str] = field(default_factory=dict)
    changed_at: float = 0.0
    pending: Mapping[Section, float] = field(default_factory=dict)
    heard: int = 0
    attempts: int = 0
    asked_at: float = 0.0
    asked_after: int = 0
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
    def loads(cls, text: str | None) -> "Watch | None":
        """The watch that `dumps` wrote; None if there is none, or a person or another version wrote something else."""
        try:
            fields = json.loads(text) if text else None
        except ValueError:
            return None
        return cls(*fields) if isinstance(fields, list) and len(fields) == len(cls.__slots__) else None


def notice(watch: Watch, listing: Mapping[Section, str], known: Collection[Section], now: float) -> Watch:
    """The watch after a look at the source.

    Args:
        listing: its fingerprints now.
        known: sections that Dagster or the store may hold something of.
    """
    changed = {key for key in {*watch.seen, *listing} if watch.seen.get(key) != listing.get(key)}
    left_over = set(known) - set(listing) - set(watch.pending) - changed
    if changed:
        watch = replace(watch, seen=dict(listing), changed_at=now)
    if changed - {SHARED}:
        watch = replace(watch, attempts=0, given_up=False)
    since = dict.fromkeys(changed | left_over, now)
    if SHARED in watch.pending:
        since.pop(SHARED, None)
    return replace(watch, pending={**watch.pending, **since}) if since else watch


def doubted(watch: Watch, read: Mapping[Section, str], now: float) -> Watch:
    """The watch when runs have read sections as something else than what they are now.

    Args:
        read: for sections, and for `SHARED`, the fingerprint of what the last run has read.
    """
    differ = {key for key, fingerprint in read.items() if fingerprint != watch.seen.get(key, GONE)}
    new = dict.fromkeys(sorted(differ - set(watch.pending)), now)
    return replace(watch, pending={**watch.pending, **new}) if new else watch


def due(watch: Watch, now: float, quiet: float) -> set[Section]:
    """The pending sections that are to be asked for: they are quiet, and a failed attempt is some time ago.

    Quiet is a section when the whole source is, for whoever writes one is likely to write the next; or when it has
    been left alone itself for so long that the rest of the source is not waited for.
    """
    is_quiet = watch.changed_at < now and now - watch.changed_at >= quiet
    is_time = not watch.given_up and now - watch.asked_at >= _wait(watch.attempts)
    return {
        key
        for key, since in watch.pending.items()
        if (is_quiet or now - since >= _PATIENCE * quiet > 0) and (is_time or key == SHARED)
    }


def _wait(attempts: int) -> float:
    if attempts == 0:
        return 0.0
    doublings = min(attempts - 1, 10)  # more would be too large for a float, one day
    return min(_INITIAL_DELAY * 2.0**doublings, _MAX_DELAY)


def settled(watch: Watch, done: Collection[Section]) -> Watch:
    """The watch when some sections are in the index as they are now."""
    pending = {key: since for key, since in watch.pending.items() if key not in done}
    return _still_pending(watch, pending)


def asked(watch: Watch, ready: Collection[Section], wanted: Collection[Section], now: float) -> Watch:
    """The watch when the wanted sections are asked for, as `request`; of those that are due, no others are pending.

    The request's name is made of the watch before. So a tick that is run again after a crash asks by the same name,
    and no other tick ever does: also not when a section comes back as it was, or is asked for once more.
    """
    waiting = {key: since for key, since in watch.pending.items() if key not in ready}
    if not wanted:
        return _still_pending(watch, waiting)
    name = hashlib.blake2b(watch.dumps().encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return replace(
        watch,
        pending={**waiting, **{key: watch.pending.get(key, now) for key in sorted(wanted)}},
        attempts=watch.attempts + 1,
        asked_at=now,
        asked_after=watch.heard,
        request=name,
        given_up=False,
    )


def _still_pending(watch: Watch, pending: Mapping[Section, float]) -> Watch:
    if len(pending) == len(watch.pending):
        return watch
    return replace(watch, pending=pending) if pending else replace(watch, pending={}, attempts=0, given_up=False)


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
