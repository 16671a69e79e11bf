"""Recovery after a spike whose truth is known."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import median

import pytest

from loadctl.results.interval import Second
from loadctl.results.measures.measured import measure
from loadctl.results.measures.recovery import Recovery, recovery
from loadctl.results.scoring import score
from loadctl.results.verdict import Status
from loadctl.scenario.load import Load, Stage, phases
from tests.results.recorded import interval, load, moments, recording, scenario, second, target

SPIKE = Load(
    "closed",
    [
        Stage(0, 10, 5, "warm-up", warmup=True),
        Stage(10, 10, 5, "warm-up", warmup=True),
        Stage(10, 10, 60, "before"),
        Stage(10, 500, 60, "spike"),
        Stage(500, 500, 60, "spike"),
        Stage(500, 10, 10, "drop"),
        Stage(10, 10, 120, "recovery"),
    ],
)
BACK = 200


def run(ms: Callable[[int], float], *, per_s: int = 20, noise: float = 0.25, seed: int = 1) -> list[Second]:
    chance = random.Random(seed)
    return [
        second(t, {"GET /": interval([ms(t) * chance.lognormvariate(0, noise) for _ in range(per_s)])})
        for t in range(int(SPIKE.duration_s))
    ]


def back_after(seconds: float) -> Callable[[int], float]:
    return lambda t: 20.0 if t < 75 or t >= BACK + seconds else 280.0


def found(seconds: list[Second]) -> Recovery:
    told = recovery(SPIKE, moments(seconds), SPIKE.duration_s)
    assert isinstance(told, Recovery)
    return told


def test_the_phases_are_read_off_the_load() -> None:
    spans = phases(SPIKE)
    assert spans is not None
    assert (spans.before, spans.spike, spans.after) == ((10, 70), (70, 200), (200, 320))


@pytest.mark.parametrize("truth", [0, 8, 31, 60])
def test_the_time_is_within_a_window_of_the_truth(truth: int) -> None:
    """Median of 5 within 5 s or a window of 100 requests, whichever is longer."""
    times = [found(run(back_after(truth), seed=seed)).took_s for seed in range(5)]
    assert all(time is not None for time in times)
    assert abs(median(time for time in times if time is not None) - truth) <= 5


def test_how_far_it_was_thrown() -> None:
    told = found(run(back_after(20)))
    assert told.p95_worst_ms / told.p95_before_ms == pytest.approx(14, rel=0.2)


def test_a_system_that_stays_slow_has_not_recovered() -> None:
    assert found(run(back_after(500))).took_s is None
    relapses = found(run(lambda t: 20.0 if t < 75 or (BACK <= t < BACK + 30) else 100.0))
    assert relapses.took_s is None


@pytest.mark.parametrize("seed", range(20))
def test_a_machine_that_is_noisy_now_and_then_says_nothing_of_recovery(seed: int) -> None:
    """A third of the later windows are disturbed: neither recovered nor not."""
    chance = random.Random(seed)
    busy = {t for start in range(BACK, 320, 12) for t in range(start + chance.randint(0, 8), start + 4)}
    told = recovery(SPIKE, moments(run(lambda t: 60.0 if t in busy else 20.0, seed=seed)), SPIKE.duration_s)
    assert not isinstance(told, Recovery) or told.took_s is not None


def test_what_is_told_of_an_unsteady_end() -> None:
    told = recovery(
        SPIKE, moments(run(lambda t: 90.0 if t > BACK and t % 20 < 4 else 20.0)), SPIKE.duration_s
    )
    assert isinstance(told, str)
    assert told.startswith("latency was unsteady after the spike: within its normal range in ")


@pytest.mark.parametrize("seed", range(40))
def test_falsely_recovered_is_rare(seed: int) -> None:
    """It stays at three times normal: never called recovered."""
    assert found(run(lambda t: 20.0 if t < 75 else 60.0, seed=seed)).took_s is None


def test_errors_keep_it_from_being_well() -> None:
    seconds = run(back_after(0))
    for each in seconds[BACK : BACK + 40]:
        each.cells["GET /"].merge(interval([], errors={"reset": 5}))
    took = found(seconds).took_s
    assert took is not None
    assert 35 <= took <= 45


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (load("10 60 hold"), "it needs a load that holds a level, rises above it, and comes back to it"),
        (
            load("10 5 before", "50 20 spike", "10 60 after"),
            "it needs a stage of at least 20 s before the spike",
        ),
        (
            load("10 30 before", "50 20 spike", "10 5 after", "10 0 after"),
            "the load must be back for at least 10 s, not 5 s",
        ),
    ],
)
def test_what_cannot_be_told_has_its_reason(plan: Load, reason: str) -> None:
    seconds = [second(t, {"GET /": interval([10.0] * 20)}) for t in range(int(plan.duration_s))]
    assert recovery(plan, moments(seconds), plan.duration_s) == reason


@pytest.mark.parametrize(
    ("truth", "limit", "status"),
    [
        (20, 60.0, Status.PASS),
        (60, 30.0, Status.FAIL),
        (500, 30.0, Status.FAIL),
        (500, 300.0, Status.NO_DATA),
    ],
)
def test_it_is_a_target(truth: int, limit: float, status: Status) -> None:
    aim = target("recovery_time", limit, unit="s")
    measured = measure(scenario(SPIKE, [aim]), recording(run(back_after(truth))))
    assert score(aim, measured).status is status


def test_too_few_requests_cannot_tell_seconds_apart() -> None:
    told = recovery(SPIKE, moments(run(back_after(20), per_s=1)), SPIKE.duration_s)
    assert told == (
        "100 requests take 100 s at the load before the spike: the stages before and after it must be at least "
        "100 and 200 s long, or that load higher"
    )


def test_a_recovery_with_latencies_that_nobody_knows_is_not_told() -> None:
    seconds = run(back_after(20))
    seconds[80].cells["POST /chat"] = interval(untimed=1)
    told = recovery(SPIKE, moments(seconds), SPIKE.duration_s)
    assert told == "loadctl could not measure the latency of some successes"
