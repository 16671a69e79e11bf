"""The highest level that held, where the truth is known."""

from __future__ import annotations

import random

import pytest

from loadctl.results.interval import Second
from loadctl.results.measures.breaking_point import BreakingPoint, breaking_point, limits_of
from loadctl.results.measures.level import levels
from loadctl.results.measures.measured import measure
from loadctl.results.scoring import score
from loadctl.results.verdict import Status
from loadctl.scenario.load import Load, Stage
from tests.results.recorded import interval, moments, recording, scenario, second, target

P95_LIMIT = target("latency_p95", 200.0, 50.0)
LIMITS = limits_of([P95_LIMIT, target("error_rate", 1.0, 0.1)])
HOLD_S = 30


def staircase(steps: int = 10, hold_s: int = HOLD_S, *, back: bool = True) -> Load:
    ups = [Stage(level, level, hold_s, f"{level} users") for level in range(100, steps * 100 + 1, 100)]
    return Load("closed", [*ups, Stage(100, 100, hold_s, "recovery")] if back else ups)


def test_a_level_that_its_users_left_by_themselves_was_not_tried() -> None:
    load = staircase(back=False)
    seconds = run(load, [40.0] * 10)
    for one in seconds:
        if one.users > 700:
            one.ended, one.users = 100, one.users - 100
    tried = [level.level for level in levels(load, moments(seconds), load.duration_s)]
    assert tried == [100, 200, 300, 400, 500, 600, 700]


def run(
    load: Load, ms_at: list[float], *, failed_at: int = 99, bad_share: float = 1.0, seed: int = 1
) -> list[Second]:
    """Latency by level, half of it noise; from level `failed_at` on 5 % errors in `bad_share` of the seconds."""
    chance = random.Random(seed)
    made = []
    for start, end, stage in load.spans():
        level = int(stage.end / 100) - 1
        for t in range(int(start), int(end)):
            latencies = [ms_at[level] * chance.uniform(0.75, 1.25) for _ in range(40)]
            errors = {"reset": 3} if level >= failed_at and chance.random() < bad_share else {}
            made.append(second(t, {"GET /": interval(latencies, errors=errors)}, users=int(stage.end)))
    return made


def judged(load: Load, seconds: list[Second]) -> BreakingPoint:
    return breaking_point(levels(load, moments(seconds), load.duration_s), LIMITS)


@pytest.mark.parametrize("breaks", range(1, 10))
def test_the_level_where_latency_stays_beyond_its_limit(breaks: int) -> None:
    load = staircase()
    found = judged(load, run(load, [40.0] * breaks + [400.0] * (10 - breaks)))
    assert found.held == breaks * 100
    assert found.broke is not None
    assert found.broke.level.level == (breaks + 1) * 100
    assert found.broke.why[0].startswith("latency p95 4")
    assert found.broke.why[0].endswith("(limit 200 ms)")


def test_what_gave_way_first_and_what_followed() -> None:
    load = staircase()
    found = judged(load, run(load, [40.0] * 6 + [400.0] * 4, failed_at=6))
    assert found.broke is not None
    assert [why.split()[0] for why in found.broke.why] == ["latency", "errors"]
    assert [(gave.text.split()[0], gave.level) for gave in found.crossed] == [
        ("latency", 700),
        ("errors", 700),
    ]
    later = judged(load, run(load, [40.0] * 6 + [400.0] * 4, failed_at=8))
    assert [(gave.text.split()[0], gave.level) for gave in later.crossed] == [
        ("latency", 700),
        ("errors", 900),
    ]


def test_what_gave_way_first_is_told_by_time_not_by_the_order_of_targets() -> None:
    load = staircase()
    seconds = run(load, [40.0] * 6 + [400.0] * 4, failed_at=6)
    calm = run(load, [40.0] * 10, failed_at=6)
    start = 6 * HOLD_S
    seconds[start : start + 10] = calm[start : start + 10]  # errors at once, slow only after 10 s
    assert [gave.text.split()[0] for gave in judged(load, seconds).crossed] == ["errors", "latency"]


@pytest.mark.parametrize("seed", range(20))
def test_single_bad_seconds_break_nothing(seed: int) -> None:
    """Three seconds in a hundred, as a garbage collector has them."""
    load = staircase()
    assert judged(load, run(load, [40.0] * 10, failed_at=0, bad_share=0.03, seed=seed)).broke is None


def test_one_bad_level_with_a_good_one_after_it_is_no_break() -> None:
    load = staircase()
    assert judged(load, run(load, [40.0] * 4 + [400.0] + [40.0] * 5)).held == 1000


def test_the_last_level_may_break_alone_and_the_first_leaves_nothing() -> None:
    load = staircase()
    assert judged(load, run(load, [40.0] * 9 + [400.0])).held == 900
    assert judged(load, run(load, [400.0] * 10)).held == 0


def test_a_system_that_answers_nothing_is_broken() -> None:
    load = staircase(3)
    seconds = [s if s.t < HOLD_S else second(s.t, users=s.users) for s in run(load, [40.0] * 3)]
    found = judged(load, seconds)
    assert found.held == 100
    assert found.broke is not None
    assert found.broke.why == ("no request was answered", "no request was answered")


def test_levels_of_a_run_that_ended_early_do_not_count() -> None:
    load = staircase()
    seconds = [s for s in run(load, [40.0] * 10) if s.t < 100]
    assert [level.level for level in levels(load, moments(seconds), 100)] == [100, 200, 300]
    assert levels(load, moments(seconds), 70) == ()  # two levels are no staircase


def test_the_step_back_is_no_step_of_the_staircase() -> None:
    load = staircase(3)
    found = levels(load, moments(run(load, [40.0] * 3)), load.duration_s)
    assert [level.name for level in found] == ["100 users", "200 users", "300 users"]


def test_a_level_that_went_to_the_profiler_is_not_called_broken() -> None:
    load = staircase(4)
    seconds = [s for s in run(load, [40.0] * 4) if not 2 * HOLD_S <= s.t < 3 * HOLD_S - 2]
    assert [level.level for level in levels(load, moments(seconds), load.duration_s)] == [100, 200, 400]
    found = judged(load, seconds)
    assert (found.held, found.broke) == (400, None)


@pytest.mark.parametrize(("breaks", "status"), [(10, Status.PASS), (7, Status.WARN), (4, Status.FAIL)])
def test_it_is_a_target(breaks: int, status: Status) -> None:
    load = staircase()
    aim = target("breaking_point", 500, 1000, unit="users")
    measured = measure(
        scenario(load, [aim, P95_LIMIT]), recording(run(load, [40.0] * breaks + [400.0] * (10 - breaks)))
    )
    found = score(aim, measured)
    assert (found.status, found.value) == (status, breaks * 100)


@pytest.mark.parametrize(
    ("steps", "broke", "status"),
    [
        (10, 10, Status.PASS),
        (7, 7, Status.NO_DATA),
        (7, 6, Status.WARN),
        (7, 3, Status.FAIL),
        (3, 3, Status.NO_DATA),
        (3, 1, Status.NO_DATA),
    ],
)
def test_nothing_is_known_of_a_limit_beyond_the_highest_planned_level(
    steps: int, broke: int, status: Status
) -> None:
    load = staircase(steps)
    aim = target("breaking_point", 500, 1000, unit="users")
    measured = measure(
        scenario(load, [aim, P95_LIMIT]), recording(run(load, [40.0] * broke + [400.0] * (steps - broke)))
    )
    found = score(aim, measured)
    assert (found.status, found.value) == (status, None if status is Status.NO_DATA else broke * 100)
    if status is Status.NO_DATA:
        assert found.reason == f"the load ends at {steps * 100} users"


def test_a_level_that_was_planned_and_not_carried_out_is_not_exercised() -> None:
    load = staircase()
    aim = target("breaking_point", 500, 1000, unit="users")
    measured = measure(
        scenario(load, [aim, P95_LIMIT]), recording([s for s in run(load, [40.0] * 10) if s.t < 100])
    )
    found = score(aim, measured)
    assert found.status is Status.NOT_EXERCISED
    assert found.reason == "it held 300, the highest level that was tried"


def test_levels_with_latencies_that_nobody_knows_have_not_held() -> None:
    load, aim = staircase(), target("breaking_point", 500, 1000, unit="users")
    seconds = run(load, [40.0] * 10)
    seconds[200].cells["POST /chat"] = interval(untimed=1)
    found = score(aim, measure(scenario(load, [aim, P95_LIMIT]), recording(seconds)))
    assert (found.status, found.reason) == (
        Status.NO_DATA,
        "loadctl could not measure the latency of some successes",
    )
