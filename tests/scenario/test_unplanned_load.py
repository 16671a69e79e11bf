"""A load changed by hand: its level changes become stages, and only what follows the last one is scored."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from loadctl.engines.locust.inside.load.schedule import LiveSchedule
from loadctl.scenario.load import LevelChange, load_by_hand

wishes = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 30), st.sampled_from([0.5, 1.0, 3.0, 7.5, 100.0])),
    min_size=1,
    max_size=5,
).map(
    lambda found: [
        LevelChange(float(t), users, per_s) for (t, users, per_s) in sorted(found, key=lambda w: w[0])
    ]
)


def told(wished: list[LevelChange], length_s: float) -> list[tuple[str, float, float, bool]]:
    load = load_by_hand(wished, length_s)
    return [(stage.name, start, end, stage.warmup) for start, end, stage in load.spans()]


def test_what_comes_after_the_last_change_is_scored() -> None:
    assert told([LevelChange(0, 10, 5), LevelChange(20, 30, 8)], 60) == [
        ("to 10 users", 0, 2, True),
        ("10 users", 2, 20, True),
        ("to 30 users", 20, 23, True),
        ("30 users", 23, 60, False),
    ]
    assert load_by_hand([LevelChange(0, 10, 5), LevelChange(20, 30, 8)], 60).window == (23, 60)


def test_users_who_were_still_coming_at_the_end_leave_nothing_to_score() -> None:
    assert told([LevelChange(0, 100, 1)], 30) == [("to 100 users", 0, 30, True)]
    assert load_by_hand([LevelChange(0, 100, 1)], 30).window == (30, 30)


def test_a_change_that_interrupts_another_begins_where_that_had_come() -> None:
    load = load_by_hand([LevelChange(0, 100, 10), LevelChange(4, 0, 20)], 20)
    assert [(stage.start, stage.end) for stage in load.stages] == [(0, 41), (41, 0), (0, 0)]


@given(wishes, st.integers(1, 60))
def test_the_load_inside_the_engine_follows_the_same_wishes(wished: list[LevelChange], length_s: int) -> None:
    """Where a level is held, exactly; on the way there, within one user."""
    inside = LiveSchedule([(wish.t, wish.users, wish.per_s) for wish in wished])
    if length_s <= wished[0].t:
        return
    load = load_by_hand(wished, length_s)
    for start, end, stage in load.spans():
        at = wished[0].t + start, wished[0].t + end
        for t in range(math.ceil(at[0]), math.ceil(at[1])):
            planned = stage.level_at(t - at[0]) if not stage.holds else stage.end
            if stage.holds:
                assert inside.users_at(t + 0.001) == planned
            else:
                low, high = sorted((stage.start, stage.end))
                assert low <= inside.users_at(t + 0.001) <= high


def test_nothing_wished_yet_is_no_user() -> None:
    assert LiveSchedule([]).users_at(5) == 0
    assert LiveSchedule([(10.0, 5, 1.0)]).users_at(9.9) == 0
    assert [LiveSchedule([(10.0, 5, 2.0)]).users_at(t) for t in (10, 10.4, 10.6, 12, 99)] == [1, 1, 2, 5, 5]
