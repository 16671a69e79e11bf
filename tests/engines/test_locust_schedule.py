"""The schedule inside the engine is the plan of the scenario."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadctl.engines.locust.inside.load.schedule import LiveSchedule, Schedule, phase
from loadctl.engines.locust.inside.load.schedule import Stage as InsideStage
from loadctl.scenario.load import Load, Stage

level = st.one_of(st.integers(0, 60), st.floats(0, 60, allow_subnormal=False).map(lambda x: round(x, 3)))
stage = st.tuples(level, level, st.integers(1, 12))
stages = st.lists(stage, min_size=1, max_size=5)


def schedule(*wanted: tuple[float, float, float]) -> Schedule:
    return Schedule([InsideStage(*each) for each in wanted])


def load(wanted: list[tuple[float, float, int]]) -> Load:
    return Load("open", [Stage(start, end, duration, "s") for start, end, duration in wanted])


@given(stages)
def test_users_are_those_planned_a_second_before_or_after(wanted: list[tuple[float, float, int]]) -> None:
    plan, inside = load(wanted), schedule(*wanted)
    edges = [edge + d for start, end, _ in plan.spans() for edge in (start, end) for d in (-1e-6, 0, 1e-6)]
    for tenth in range(int(plan.duration_s * 10)):
        t = tenth / 10
        near = [t - 1, t, t + 1, *(edge for edge in edges if t - 1 <= edge <= t + 1)]
        around = [plan.level_at(moment) for moment in near if moment >= 0] + ([0.0] if t < 1 else [])
        allowed = max(2.0, 0.02 * max(around))
        assert min(around) - allowed <= inside.users_at(t) <= max(around) + allowed


def test_a_jump_is_handed_out_evenly_over_one_second_its_first_user_at_once() -> None:
    plan = schedule((10, 10, 5), (20, 20, 5), (18, 18, 5))
    assert [plan.users_at(t / 10) for t in (0, 1, 5, 9, 10, 49)] == [1, 2, 6, 10, 10, 10]
    assert [plan.users_at(5 + t / 10) for t in (0, 5, 9, 10)] == [11, 16, 20, 20]
    assert [plan.users_at(10 + t / 10) for t in (0, 4, 6, 10)] == [19, 19, 18, 18]
    assert plan.users_at(15) == 0
    assert schedule((1, 1, 1)).users_at(0) == 1


@given(stages)
def test_arrival_n_is_due_when_the_integral_of_the_rate_reaches_n(
    wanted: list[tuple[float, float, int]],
) -> None:
    plan, inside = load(wanted), schedule(*wanted)
    total = plan.arrivals_due(plan.duration_s)
    arrivals = [due for _, due in inside.arrivals(0, 1)]
    assert total - 1e-5 <= len(arrivals) <= total + 1
    assert arrivals == sorted(arrivals)
    for n in {0, 1, len(arrivals) // 2, len(arrivals) - 1}:
        if 0 <= n < len(arrivals):
            assert 0 <= arrivals[n] <= plan.duration_s
            assert abs(plan.arrivals_due(arrivals[n]) - n) < 1e-6 * max(1.0, total)


@given(stages, st.integers(1, 4))
def test_shards_share_the_arrivals_without_loss(wanted: list[tuple[float, float, int]], shards: int) -> None:
    inside = schedule(*wanted)
    shared = sorted(arrival for shard in range(shards) for arrival in inside.arrivals(shard, shards))
    assert shared == list(inside.arrivals(0, 1))


def test_fractional_rates_and_ramps_are_exact() -> None:
    assert [due for _, due in schedule((0.5, 0.5, 4)).arrivals(0, 1)] == [0.0, 2.0]
    assert [round(due, 6) for _, due in schedule((0, 4, 2)).arrivals(0, 1)] == [0.0, 1.0, 1.414214, 1.732051]
    assert len(list(schedule((300, 300, 0.1), (300, 300, 0.2)).arrivals(0, 1))) == 90
    assert [due for _, due in schedule((1, 1, 2), (0, 0, 5), (1, 1, 2)).arrivals(0, 1)] == [0, 1, 7, 8]


def test_users_begin_evenly_spread_over_their_pause_for_any_number_of_them() -> None:
    for count in (2, 7, 20, 100, 500):
        phases = sorted(phase(index) for index in range(count))
        gaps = [b - a for a, b in zip(phases, [*phases[1:], phases[0] + 1], strict=True)]
        assert max(gaps) < 2.7 / count


def test_a_number_of_users_settles_when_its_ramp_or_its_jump_is_over() -> None:
    plan = schedule((0, 10, 2), (10, 10, 3), (10, 4, 0), (4, 4, 2), (4, 4, 1), (4, 9, 1))
    settled = [t / 2 for t in range(18) if plan.settled(t / 2)]
    assert settled == [2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 6.0, 6.5, 7.0, 7.5]
    assert [plan.target_at(t) for t in (0, 1.9, 2, 4.9, 5, 7.9, 8, 99)] == [10, 10, 10, 10, 4, 4, 9, 9]
    assert schedule((1, 1, 1)).settled(0.0), "one user is there at once"


def test_wishes_lead_from_one_level_to_the_next_until_they_end() -> None:
    wishes = [(0.0, 4, 2.0), (5.0, 1, 10.0)]
    load = LiveSchedule(wishes)
    assert [load.users_at(t) for t in (0, 1, 1.5, 4, 5.0, 5.3)] == [1, 3, 4, 4, 3, 1]
    assert [load.settled(t) for t in (0, 1, 1.5, 4, 5.0, 5.3)] == [False, False, True, True, False, True]
    assert [load.target_at(t) for t in (-1, 0, 4.9, 5)] == [0, 4, 4, 1]
    wishes.append((6.0, 2, 1.0))
    assert load.target_at(6) == 2
    assert load.duration_s == float("inf")
    load.end(7.5)
    load.end(9.0)
    assert load.duration_s == 7.5
