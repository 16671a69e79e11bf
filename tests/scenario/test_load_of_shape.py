"""The stages of a script's own shape, made from the levels that it said."""

from __future__ import annotations

import math
import random

from loadctl.scenario.load import LevelChange, load_of_shape, shape_boundaries

STEPS = [
    LevelChange(0.003, 10, 10.0),
    LevelChange(3.01, 20, 5.0),
    LevelChange(8.0, 5, 10.0),
    LevelChange(12.02, 20, 20.0),
    LevelChange(15.01, 0, 0.0),
]


def drawn(wishes: list[LevelChange], length_s: float) -> list[tuple[float, float, float, float, str]]:
    return [
        (start, end, one.start, one.end, one.name)
        for start, end, one in load_of_shape(wishes, length_s).spans()
    ]


def test_every_level_that_is_held_is_a_stage_and_the_way_to_it_a_ramp() -> None:
    assert drawn(STEPS, 17) == [
        (0, 1, 0, 10, "to 10 users"),
        (1, 3, 10, 10, "10 users"),
        (3, 5, 10, 20, "to 20 users"),
        (5, 8, 20, 20, "20 users"),
        (8, 10, 20, 5, "to 5 users"),
        (10, 12, 5, 5, "5 users"),
        (12, 13, 5, 20, "to 20 users (2)"),
        (13, 15, 20, 20, "20 users (2)"),
    ]


def test_all_of_it_is_scored() -> None:
    load = load_of_shape(STEPS, 17)
    assert not any(stage.warmup for stage in load.stages)
    assert load.window == (0, 15)


def test_a_shape_that_was_cut_off_lasts_as_long_as_the_recording() -> None:
    assert drawn(STEPS[:2], 7)[-1] == (5, 7, 20, 20, "20 users")


def test_a_level_that_was_never_reached_is_no_hold() -> None:
    assert drawn([LevelChange(0, 100, 10.0), LevelChange(5.0, 20, 10.0)], 20) == [
        (0, 5, 0, 50, "to 50 users"),
        (5, 8, 50, 20, "to 20 users"),
        (8, 20, 20, 20, "20 users"),
    ]


def test_users_who_come_at_once_need_no_ramp() -> None:
    assert drawn([LevelChange(0.02, 3, 1000.0)], 6) == [(0, 6, 3, 3, "3 users")]


def test_a_late_tick_costs_the_level_before_it_its_last_second() -> None:
    assert drawn([LevelChange(0, 3, 100.0), LevelChange(4.5, 5, 100.0)], 8) == [
        (0, 4, 3, 3, "3 users"),
        (4, 5, 3, 5, "to 5 users"),
        (5, 8, 5, 5, "5 users"),
    ]


def test_nothing_is_left_of_a_load_that_ends_at_once() -> None:
    assert drawn([LevelChange(0, 0, 0.0)], 1) == []


def wave(length_s: int) -> list[LevelChange]:
    """Locust's double wave: other users in nearly each second."""
    levels = [round(60 + 50 * math.sin(t / 20)) for t in range(length_s)]
    changes = [t for t in range(length_s) if not t or levels[t] != levels[t - 1]]
    return [LevelChange(t + 0.01, levels[t], float(levels[t])) for t in changes]


def test_a_curve_becomes_a_few_ramps_that_stay_near_it() -> None:
    load = load_of_shape(wave(600), 600)
    assert len(load.stages) < 100
    assert load.duration_s == 600
    for t in range(1, 599):
        assert abs(load.level_at(t + 0.5) - (60 + 50 * math.sin((t + 0.5) / 20))) < 10


def test_a_shape_of_many_hours_that_never_rests_has_few_stages() -> None:
    chance = random.Random(1)
    load = load_of_shape(
        [LevelChange(t + 0.01, chance.randrange(1, 100), 100.0) for t in range(14_400)], 14_400
    )
    assert (len(load.stages) <= 500, load.duration_s) == (True, 14_400)


def test_its_edges_are_known_before_its_end() -> None:
    """Whatever comes later, the stages meet at no others."""
    for wishes, length in ((STEPS, 17), (wave(600), 600)):
        for known in range(1, len(wishes) + 1):
            edges = {start for start, _, _ in load_of_shape(wishes[:known], length).spans()}
            assert edges <= {*shape_boundaries(wishes[:known]), 0.0}
    assert shape_boundaries(STEPS) == [0, 1, 3, 5, 8, 10, 12, 13, 15]
