"""When a section is asked for, and that nothing is ever forgotten: the rules, without a file or a run."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbj_assets.ingest.fingerprints import GONE, SHARED
from bbj_assets.ingest.following import Watch, asked, doubted, due, given_up, notice, ranges, settled

QUIET = 10.0


def ask(watch: Watch, now: float) -> Watch:
    """The watch when all that is pending is asked for."""
    return asked(watch, set(watch.pending), set(watch.pending), now)


def test_what_was_never_seen_is_pending_and_is_left_until_it_is_quiet() -> None:
    watch = notice(Watch(), {"grids": "1", "charts": "1"}, (), now=100)

    assert set(watch.pending) == {"grids", "charts"}
    assert not due(watch, 109.9, QUIET)
    assert due(watch, 110, QUIET) == {"grids", "charts"}


def test_nothing_is_pending_when_nothing_changed() -> None:
    watch = settled(notice(Watch(), {"grids": "1"}, (), now=100), {"grids"})

    again = notice(watch, {"grids": "1"}, {"grids"}, now=200)

    assert again is watch
    assert not due(again, 1000, QUIET)


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
def test_a_section_that_changed_came_or_went_is_pending(listing: dict[str, str], changed: set[str]) -> None:
    watch = Watch(seen={"a": "1", "b": "1", SHARED: "1"})

    noticed = notice(watch, listing, ("a", "b"), now=100)

    assert noticed.pending == dict.fromkeys(changed, 100)
    assert noticed.gone == {"a", "b"} - set(listing)


def test_a_tree_that_is_being_written_is_left_alone() -> None:
    watch = Watch()
    for second in range(60):
        watch = notice(watch, {"grids": "1", "charts": str(second)}, (), now=100 + second)
        assert not due(watch, 100 + second, QUIET)
    assert due(watch, 159 + QUIET, QUIET)


def test_a_section_that_dagster_knows_and_the_source_does_not_have_is_pending() -> None:
    watch = notice(Watch(seen={"a": "1"}), {"a": "1"}, {"a", "left-over"}, now=100)

    assert watch.gone == {"left-over"}


def test_what_was_asked_for_stays_pending_until_it_is_done() -> None:
    watch = asked(notice(Watch(), {"a": "1", SHARED: "1"}, (), now=100), {"a", SHARED}, {"a"}, now=110)

    assert set(watch.pending) == {"a"}
    assert settled(watch, {"a"}).pending == {}


def test_a_section_that_returns_to_what_it_was_while_a_run_is_under_way_is_asked_for_again() -> None:
    watch = settled(notice(Watch(), {"a": "1"}, (), now=100), {"a"})
    watch = ask(notice(watch, {"a": "2"}, (), now=200), now=210)

    watch = notice(watch, {"a": "1"}, (), now=220)

    assert due(watch, 230, QUIET) == {"a"}


def test_what_fails_is_asked_for_again_later_and_later_and_then_every_hour() -> None:
    watch = notice(Watch(), {"a": "1"}, (), now=0)
    asked_at = []
    for now in range(0, 20_000, 5):
        if due(watch, now, QUIET):
            watch = ask(watch, now)
            asked_at.append(now)

    assert asked_at == [10, 70, 190, 430, 910, 1_870, 3_790, 7_390, 10_990, 14_590, 18_190]
    assert due(notice(watch, {"a": "2"}, (), now=18_200), 18_210, QUIET), "the next change is a new try"


def test_what_has_failed_for_a_year_is_asked_for_still() -> None:
    watch = ask(Watch(pending={"a": 0.0}, attempts=10_000), now=1_000)

    assert not due(watch, 4_599, QUIET)
    assert due(watch, 4_600, QUIET)


def test_what_is_of_no_use_is_not_asked_for_before_something_changes() -> None:
    watch = given_up(notice(Watch(), {"a": "1"}, (), now=0))

    assert not due(watch, 1e9, QUIET)
    assert due(notice(watch, {"a": "2"}, (), now=100), 110, QUIET)


def test_a_tick_that_is_run_again_asks_by_the_same_name_and_no_other_ever_does() -> None:
    watch = Watch()
    names = []
    for round_ in range(20):
        watch = notice(watch, {"a": str(round_ % 2)}, (), now=100.0 * round_)
        for attempt in range(3):
            now = 100.0 * round_ + 10 * (attempt + 1)
            assert ask(watch, now).request == ask(watch, now + 1).request
            watch = ask(watch, now)
            names.append(watch.request)

    assert len(set(names)) == len(names)


def test_a_cursor_is_the_watch() -> None:
    watch = ask(notice(Watch(), {"a": "1", "ä/…": "2", SHARED: "3"}, (), now=1.5), now=2.5)

    assert Watch.loads(watch.dumps()) == watch


@pytest.mark.parametrize("text", [None, "", "reset", "0", "null", "{}", "[1, 2]"])
def test_a_cursor_that_is_no_watch_is_none(text: str | None) -> None:
    assert Watch.loads(text) is None


def test_what_sections_share_is_looked_at_again_at_once_and_starts_no_new_count() -> None:
    watch = ask(notice(Watch(), {"a": "1", SHARED: "1"}, (), now=0), now=10)
    watch = asked(watch, {SHARED}, (), now=10)

    watch = notice(watch, {"a": "1", SHARED: "2"}, (), now=20)

    assert due(watch, 30, QUIET) == {SHARED}
    assert due(watch, 70, QUIET) == {"a", SHARED}
    assert due(given_up(watch), 1e9, QUIET) == {SHARED}


def test_what_is_asked_for_because_of_what_sections_share_is_asked_for_until_it_is_done() -> None:
    watch = given_up(Watch(seen={"a": "1", "b": "1", SHARED: "2"}, pending={"a": 0.0, SHARED: 0.0}))

    watch = asked(watch, {SHARED}, {"b"}, now=100)

    assert "b" in due(watch, 1_000, QUIET)


def test_a_source_that_never_rests_is_waited_for_but_not_for_ever() -> None:
    watch = Watch(seen={"a": "0", "b": "0", SHARED: "0"})
    first: dict[str, int] = {}
    for now in range(1, 1_000):
        a = str(min(now, 300))
        watch = notice(watch, {"a": a, "b": "1", SHARED: str(now)}, (), now=now)
        for key in due(watch, now, QUIET):
            first.setdefault(key, now)
            watch = settled(watch, {key})

    assert first == {"b": 201, SHARED: 201, "a": 500}


def test_what_a_run_has_read_as_something_else_is_pending() -> None:
    watch = Watch(seen={"a": "1", "b": "1", SHARED: "1"})

    assert set(doubted(watch, {"a": "1", "c": GONE, SHARED: "1"}, now=50).pending) == set()
    assert set(doubted(watch, {"a": "2", "c": "1", SHARED: "2"}, now=50).pending) == {"a", "c", SHARED}
    assert due(doubted(watch, {"a": GONE}, now=50), 50, QUIET) == {"a"}


def test_what_no_run_reads_as_it_is_is_asked_for_later_and_later() -> None:
    watch, asked_at = Watch(seen={"a": "1"}), []
    for now in range(0, 1_000, 5):
        watch = doubted(watch, {"a": "never the same"}, now)
        if due(watch, now, QUIET):
            watch = ask(watch, now)
            asked_at.append(now)

    assert asked_at == [10, 70, 190, 430, 910]


def test_when_nothing_is_pending_any_more_the_next_failure_is_a_first_one() -> None:
    watch = ask(ask(notice(Watch(), {"a": "1"}, (), now=0), now=10), now=70)

    assert settled(given_up(watch), {"a"}) == replace(watch, pending={}, attempts=0, given_up=False)


@dataclass
class World:
    """A source and an index, in which a run takes over what it is asked for, or fails."""

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
def test_whatever_happens_the_index_ends_as_the_tree(steps: list[tuple[str, str, int]]) -> None:
    world, watch, now = World(), Watch(), 0.0
    for kind, what, number in [*steps, *[("tick", "works", 4000)] * 6]:
        if kind == "write":
            world.tree[what] = number
        elif kind == "remove":
            world.tree.pop(what, None)
        elif kind == "run":  # somebody else's
            world.runs([what])
        else:
            now += number
            listing = {key: world.fingerprint(key) for key in world.tree}
            watch = notice(watch, listing, list(world.index), now)
            watch = doubted(watch, world.read, now)
            watch = settled(watch, {key for key, read in world.read.items() if read == world.fingerprint(key)})
            world.read = {}
            if ready := due(watch, now, QUIET):
                watch = asked(watch, ready, ready, now)
                world.runs({"works": sorted(ready), "fails": [], "half": sorted(ready)[::2]}[what])
    assert world.index == world.tree


@given(st.sets(st.integers(0, 199)), st.integers(1, 200))
def test_few_ranges_cover_all_that_is_wanted_and_begin_and_end_with_it(places: set[int], size: int) -> None:
    order = [f"s{number}" for number in range(size)]
    wanted = {order[place] for place in places if place < size}

    found = ranges(order, wanted)

    covered = [order[order.index(first) : order.index(last) + 1] for first, last in found]
    assert len(found) <= 4
    assert wanted <= {key for run in covered for key in run}
    assert {key for pair in found for key in pair} <= wanted
    assert sum(len(run) for run in covered) == len({key for run in covered for key in run})


def test_sections_far_apart_are_runs_of_their_own() -> None:
    order = [f"{number:02}" for number in range(100)]

    assert ranges(order, {"03", "50", "52", "99"}) == [("03", "03"), ("50", "52"), ("99", "99")]
    assert ranges(order, set()) == []
