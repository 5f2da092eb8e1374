"""When a section is requested, and that no change is ever forgotten: the rules, without a file or a run."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbj_assets.ingest.fingerprints import GONE, SHARED
from bbj_assets.ingest.following import (
    SensorCursor,
    mark_stale,
    observe,
    ranges,
    ready_sections,
    request_sections,
    resolve,
    wait_for_change,
)

QUIET = 10.0


def ready_at(cursor: SensorCursor, now: float) -> set[str]:
    return ready_sections(cursor, now=now, quiet=QUIET)


def request_all(cursor: SensorCursor, now: float) -> SensorCursor:
    """Return the cursor when all that is pending is requested."""
    return request_sections(cursor, ready=set(cursor.pending), wanted=set(cursor.pending), now=now)


def test_a_new_section_is_pending_and_is_ready_when_it_is_quiet() -> None:
    cursor = observe(SensorCursor(), {"grids": "1", "charts": "1"}, known=(), now=100)

    assert set(cursor.pending) == {"grids", "charts"}
    assert not ready_at(cursor, 109.9)
    assert ready_at(cursor, 110) == {"grids", "charts"}


def test_nothing_is_pending_when_nothing_changed() -> None:
    cursor = resolve(observe(SensorCursor(), {"grids": "1"}, known=(), now=100), {"grids"})

    again = observe(cursor, {"grids": "1"}, known={"grids"}, now=200)

    assert again is cursor
    assert not ready_at(again, 1000)


@pytest.mark.parametrize(
    ("listing", "changed"),
    [
        ({"a": "2", "b": "1", SHARED: "1"}, {"a"}),
        ({"a": "1", "b": "1", "c": "1", SHARED: "1"}, {"c"}),
        ({"a": "1", SHARED: "1"}, {"b"}),
        ({"a": "1", "b": "1", SHARED: "2"}, {SHARED}),
        ({SHARED: "1"}, {"a", "b"}),
    ],
)
def test_a_section_that_is_new_changed_or_removed_is_pending(listing: dict[str, str], changed: set[str]) -> None:
    cursor = SensorCursor(seen={"a": "1", "b": "1", SHARED: "1"})

    noticed = observe(cursor, listing, known=("a", "b"), now=100)

    assert noticed.pending == dict.fromkeys(changed, 100)
    assert noticed.removed == {"a", "b"} - set(listing)


def test_a_tree_that_is_being_written_is_not_ready() -> None:
    cursor = SensorCursor()
    for second in range(60):
        cursor = observe(cursor, {"grids": "1", "charts": str(second)}, known=(), now=100 + second)
        assert not ready_at(cursor, 100 + second)
    assert ready_at(cursor, 159 + QUIET)


def test_a_section_that_dagster_knows_and_the_source_does_not_have_is_pending() -> None:
    cursor = observe(SensorCursor(seen={"a": "1"}), {"a": "1"}, known={"a", "left-over"}, now=100)

    assert cursor.removed == {"left-over"}


def test_a_requested_section_stays_pending_until_it_is_ingested() -> None:
    cursor = request_sections(
        observe(SensorCursor(), {"a": "1", SHARED: "1"}, known=(), now=100), ready={"a", SHARED}, wanted={"a"}, now=110
    )

    assert set(cursor.pending) == {"a"}
    assert resolve(cursor, {"a"}).pending == {}


def test_a_section_that_returns_to_what_it_was_while_a_run_is_under_way_is_requested_again() -> None:
    cursor = resolve(observe(SensorCursor(), {"a": "1"}, known=(), now=100), {"a"})
    cursor = request_all(observe(cursor, {"a": "2"}, known=(), now=200), now=210)

    cursor = observe(cursor, {"a": "1"}, known=(), now=220)

    assert ready_at(cursor, 230) == {"a"}


def test_a_failed_request_is_repeated_with_a_doubled_delay_of_up_to_an_hour() -> None:
    cursor = observe(SensorCursor(), {"a": "1"}, known=(), now=0)
    requested_at = []
    for now in range(0, 20_000, 5):
        if ready_at(cursor, now):
            cursor = request_all(cursor, now)
            requested_at.append(now)

    assert requested_at == [10, 70, 190, 430, 910, 1_870, 3_790, 7_390, 10_990, 14_590, 18_190]
    assert ready_at(observe(cursor, {"a": "2"}, known=(), now=18_200), 18_210), "the next change is a new try"


def test_a_section_that_failed_for_a_year_is_still_requested() -> None:
    cursor = request_all(SensorCursor(pending={"a": 0.0}, attempts=10_000), now=1_000)

    assert not ready_at(cursor, 4_599)
    assert ready_at(cursor, 4_600)


def test_a_section_whose_request_is_of_no_use_waits_for_a_change() -> None:
    cursor = wait_for_change(observe(SensorCursor(), {"a": "1"}, known=(), now=0))

    assert not ready_at(cursor, 1e9)
    assert ready_at(observe(cursor, {"a": "2"}, known=(), now=100), 110)


def test_a_repeated_tick_requests_under_the_same_id_and_no_other_tick_does() -> None:
    cursor = SensorCursor()
    names = []
    for round_ in range(20):
        cursor = observe(cursor, {"a": str(round_ % 2)}, known=(), now=100.0 * round_)
        for attempt in range(3):
            now = 100.0 * round_ + 10 * (attempt + 1)
            assert request_all(cursor, now).request_id == request_all(cursor, now + 1).request_id
            cursor = request_all(cursor, now)
            names.append(cursor.request_id)

    assert len(set(names)) == len(names)


def test_a_cursor_is_loaded_as_it_was_dumped() -> None:
    cursor = request_all(observe(SensorCursor(), {"a": "1", "ä/…": "2", SHARED: "3"}, known=(), now=1.5), now=2.5)

    assert SensorCursor.loads(cursor.dumps()) == cursor


_FIELDS_OF_VERSION_1 = [{"a": "1"}, 1.5, {"a": 2}, 7, 1, 2.5, 3, "8f14e45fceea167a", False]


def test_a_cursor_of_version_1_is_loaded() -> None:
    assert SensorCursor.loads(json.dumps(_FIELDS_OF_VERSION_1)) == SensorCursor(
        seen={"a": "1"},
        changed_at=1.5,
        pending={"a": 2},
        last_event_id=7,
        attempts=1,
        requested_at=2.5,
        event_id_before_request=3,
        request_id="8f14e45fceea167a",
        waits_for_change=False,
    )


def test_a_cursor_of_version_1_without_a_request_is_loaded() -> None:
    cursor = SensorCursor.loads('[{}, 0.0, {}, 0, 0, 0.0, 0, "", false]')

    assert cursor == SensorCursor()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "reset",
        "0",
        "null",
        "{}",
        "[1, 2]",
        '[{"s03": "12"}, {}, 0, 0.0, "", false]',
        '[[], 0.0, {}, 0, 0, 0.0, 0, "", false]',
        SensorCursor().dumps().replace('"version":2', '"version":3'),
        SensorCursor().dumps().replace('"attempts"', '"tries"'),
        SensorCursor().dumps().replace('"attempts":0', '"attempts":true'),
        SensorCursor().dumps().replace('"seen":{}', '"seen":{"a":1}'),
        SensorCursor().dumps().replace('"pending":{}', '"pending":{"a":"1"}'),
        SensorCursor().dumps().replace("null", "12"),
    ],
)
def test_a_text_that_is_no_cursor_is_none(text: str | None) -> None:
    assert SensorCursor.loads(text) is None


def test_a_change_of_shared_files_is_ready_at_once_and_resets_no_attempts() -> None:
    cursor = request_all(observe(SensorCursor(), {"a": "1", SHARED: "1"}, known=(), now=0), now=10)
    cursor = request_sections(cursor, ready={SHARED}, wanted=(), now=10)

    cursor = observe(cursor, {"a": "1", SHARED: "2"}, known=(), now=20)

    assert ready_at(cursor, 30) == {SHARED}
    assert ready_at(cursor, 70) == {"a", SHARED}
    assert ready_at(wait_for_change(cursor), 1e9) == {SHARED}


def test_a_section_requested_for_its_shared_files_is_requested_until_it_is_ingested() -> None:
    cursor = wait_for_change(SensorCursor(seen={"a": "1", "b": "1", SHARED: "2"}, pending={"a": 0.0, SHARED: 0.0}))

    cursor = request_sections(cursor, ready={SHARED}, wanted={"b"}, now=100)

    assert "b" in ready_at(cursor, 1_000)


def test_a_source_that_never_is_quiet_holds_up_a_section_for_a_limited_time() -> None:
    cursor = SensorCursor(seen={"a": "0", "b": "0", SHARED: "0"})
    first: dict[str, int] = {}
    for now in range(1, 1_000):
        a = str(min(now, 300))
        cursor = observe(cursor, {"a": a, "b": "1", SHARED: str(now)}, known=(), now=now)
        for key in ready_at(cursor, now):
            first.setdefault(key, now)
            cursor = resolve(cursor, {key})

    assert first == {"b": 201, SHARED: 201, "a": 500}


def test_a_section_that_a_run_read_differently_is_pending() -> None:
    cursor = SensorCursor(seen={"a": "1", "b": "1", SHARED: "1"})

    assert set(mark_stale(cursor, {"a": "1", "c": GONE, SHARED: "1"}, now=50).pending) == set()
    assert set(mark_stale(cursor, {"a": "2", "c": "1", SHARED: "2"}, now=50).pending) == {"a", "c", SHARED}
    assert ready_at(mark_stale(cursor, {"a": GONE}, now=50), 50) == {"a"}


def test_a_section_that_no_run_reads_as_it_is_is_requested_with_a_doubled_delay() -> None:
    cursor, requested_at = SensorCursor(seen={"a": "1"}), []
    for now in range(0, 1_000, 5):
        cursor = mark_stale(cursor, {"a": "never the same"}, now=now)
        if ready_at(cursor, now):
            cursor = request_all(cursor, now)
            requested_at.append(now)

    assert requested_at == [10, 70, 190, 430, 910]


def test_when_nothing_is_pending_the_count_of_attempts_begins_anew() -> None:
    cursor = request_all(request_all(observe(SensorCursor(), {"a": "1"}, known=(), now=0), now=10), now=70)

    assert resolve(wait_for_change(cursor), {"a"}) == replace(cursor, pending={}, attempts=0, waits_for_change=False)


@dataclass
class World:
    """A source and an index, in which a run ingests what is requested, or fails."""

    tree: dict[str, int] = field(default_factory=dict)
    index: dict[str, int] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)
    """What the last run read of each section, since the last tick."""

    def fingerprint(self, key: str) -> str:
        return str(self.tree[key]) if key in self.tree else GONE

    def runs(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.read[key] = self.fingerprint(key)
            if key in self.tree:
                self.index[key] = self.tree[key]
            else:
                self.index.pop(key, None)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.sampled_from("abcd"), st.integers(1, 3)),
            st.tuples(st.just("remove"), st.sampled_from("abcd"), st.just(0)),
            st.tuples(st.just("run"), st.sampled_from("abcd"), st.just(0)),
            st.tuples(st.just("tick"), st.sampled_from(["works", "fails", "half"]), st.integers(1, 40)),
        ),
        max_size=60,
    )
)
def test_after_any_history_the_index_equals_the_tree(steps: list[tuple[str, str, int]]) -> None:
    world, cursor, now = World(), SensorCursor(), 0.0
    for kind, what, number in [*steps, *[("tick", "works", 4000)] * 6]:
        if kind == "write":
            world.tree[what] = number
        elif kind == "remove":
            world.tree.pop(what, None)
        elif kind == "run":  # started by something else
            world.runs([what])
        else:
            now += number
            listing = {key: world.fingerprint(key) for key in world.tree}
            cursor = observe(cursor, listing, known=list(world.index), now=now)
            cursor = mark_stale(cursor, world.read, now=now)
            cursor = resolve(cursor, {key for key, read in world.read.items() if read == world.fingerprint(key)})
            world.read = {}
            if ready := ready_at(cursor, now):
                cursor = request_sections(cursor, ready=ready, wanted=ready, now=now)
                world.runs({"works": sorted(ready), "fails": [], "half": sorted(ready)[::2]}[what])
    assert world.index == world.tree


@given(st.sets(st.integers(0, 199)), st.integers(1, 200))
def test_at_most_four_ranges_cover_the_wanted_sections_and_begin_and_end_with_one(places: set[int], size: int) -> None:
    order = [f"s{number}" for number in range(size)]
    wanted = {order[place] for place in places if place < size}

    found = ranges(order, wanted)

    covered = [order[order.index(first) : order.index(last) + 1] for first, last in found]
    assert len(found) <= 4
    assert wanted <= {key for run in covered for key in run}
    assert {key for pair in found for key in pair} <= wanted
    assert sum(len(run) for run in covered) == len({key for run in covered for key in run})


def test_sections_far_apart_are_ranges_of_their_own() -> None:
    order = [f"{number:02}" for number in range(100)]

    assert ranges(order, {"03", "50", "52", "99"}) == [("03", "03"), ("50", "52"), ("99", "99")]
    assert ranges(order, set()) == []
