"""When a section is asked for, and that nothing is ever forgotten: the rules, without a file or a run."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbj_assets.ingest.fingerprints import SHARED
from bbj_assets.ingest.following import (
    Watch,
    asked,
    given_up,
    is_due,
    notice,
    ranges,
    settled,
)

QUIET = 10.0


def test_what_was_never_seen_is_pending_and_is_left_until_it_is_quiet() -> None:
    watch = notice(Watch(), {"grids": "1", "charts": "1"}, (), now=100)

    assert set(watch.pending) == {"grids", "charts"}
    assert not is_due(watch, 109.9, QUIET)
    assert is_due(watch, 110, QUIET)


def test_nothing_is_pending_when_nothing_changed() -> None:
    watch = settled(notice(Watch(), {"grids": "1"}, (), now=100), {"grids"})

    again = notice(watch, {"grids": "1"}, {"grids"}, now=200)

    assert again is watch
    assert not is_due(again, 1000, QUIET)


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
        assert not is_due(watch, 100 + second, QUIET)
    assert is_due(watch, 159 + QUIET, QUIET)


def test_a_section_that_dagster_knows_and_the_source_does_not_have_is_pending() -> None:
    watch = notice(Watch(seen={"a": "1"}), {"a": "1"}, {"a", "left-over"}, now=100)

    assert watch.gone == {"left-over"}


def test_what_was_asked_for_stays_pending_until_it_is_done() -> None:
    watch = asked(notice(Watch(), {"a": "1", SHARED: "1"}, (), now=100), {"a"}, now=110)

    assert set(watch.pending) == {"a"}
    assert settled(watch, {"a"}).pending == {}


def test_a_section_that_returns_to_what_it_was_while_a_run_is_under_way_is_asked_for_again() -> None:
    watch = settled(notice(Watch(), {"a": "1"}, (), now=100), {"a"})
    watch = asked(notice(watch, {"a": "2"}, (), now=200), {"a"}, now=210)

    watch = notice(watch, {"a": "1"}, (), now=220)

    assert is_due(watch, 230, QUIET)
    assert watch.pending == {"a": 220}, "a run that began before does not count"


def test_what_fails_is_asked_for_again_later_and_later_and_then_every_hour() -> None:
    watch = notice(Watch(), {"a": "1"}, (), now=0)
    asked_at = []
    for now in range(0, 20_000, 5):
        if is_due(watch, now, QUIET):
            watch = asked(watch, watch.pending, now)
            asked_at.append(now)

    assert asked_at == [10, 70, 190, 430, 910, 1_870, 3_790, 7_390, 10_990, 14_590, 18_190]
    assert is_due(notice(watch, {"a": "2"}, (), now=18_200), 18_210, QUIET), "the next change is a new try"


def test_what_has_failed_for_a_year_is_asked_for_still() -> None:
    watch = asked(Watch(pending={"a": 0.0}, attempts=10_000), {"a"}, now=1_000)

    assert not is_due(watch, 4_599, QUIET)
    assert is_due(watch, 4_600, QUIET)


def test_what_is_of_no_use_is_not_asked_for_before_something_changes() -> None:
    watch = given_up(notice(Watch(), {"a": "1"}, (), now=0))

    assert not is_due(watch, 1e9, QUIET)
    assert is_due(notice(watch, {"a": "2"}, (), now=100), 110, QUIET)


def test_a_tick_that_is_run_again_asks_by_the_same_name_and_no_other_ever_does() -> None:
    watch = Watch()
    names = []
    for round_ in range(20):
        watch = notice(watch, {"a": str(round_ % 2)}, (), now=100.0 * round_)
        for attempt in range(3):
            now = 100.0 * round_ + 10 * (attempt + 1)
            assert asked(watch, {"a"}, now).request == asked(watch, {"a"}, now + 1).request
            watch = asked(watch, {"a"}, now)
            names.append(watch.request)

    assert len(set(names)) == len(names)


def test_a_cursor_is_the_watch() -> None:
    watch = asked(notice(Watch(), {"a": "1", "ä/…": "2", SHARED: "3"}, (), now=1.5), {"a", "ä/…"}, now=2.5)

    assert Watch.loads(watch.dumps()) == watch


@dataclass
class World:
    """A source and an index, in which a run takes over what it is asked for, or fails."""

    tree: dict[str, int] = field(default_factory=dict)
    index: dict[str, int] = field(default_factory=dict)
    done_at: dict[str, float] = field(default_factory=dict)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.sampled_from("abcd"), st.integers(1, 3)),
            st.tuples(st.just("remove"), st.sampled_from("abcd"), st.just(0)),
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
        else:
            now += number
            listing = {key: str(version) for key, version in world.tree.items()}
            watch = notice(watch, listing, list(world.index), now)
            watch = settled(watch, {k for k, since in watch.pending.items() if world.done_at.get(k, -1) >= since})
            if is_due(watch, now, QUIET):
                wanted = sorted(watch.pending)
                watch = asked(watch, wanted, now)
                done = {"works": wanted, "fails": [], "half": wanted[::2]}[what]
                for key in done:
                    world.done_at[key] = now + 0.5
                    if key in world.tree:
                        world.index[key] = world.tree[key]
                    else:
                        world.index.pop(key, None)
                now += 1
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
