"""Latency, throughput and errors that change while the load does not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import pytest

from loadctl.analysis.drift import drift_findings, how_it_rises
from loadctl.analysis.run_context import RunContext
from loadctl.results.interval import Second
from loadctl.results.measures.measured import measure
from loadctl.results.verdict import Finding
from loadctl.scenario.load import Load
from tests.results.recorded import interval, load, recording, scenario, second

LENGTH = 600


def course(
    ms: Callable[[int], float] = lambda _: 20.0,
    rate: Callable[[int], float] = lambda _: 20.0,
    errors: Callable[[int], int] = lambda _: 0,
    length: int = LENGTH,
) -> list[Second]:
    return [
        second(t, {"GET /": interval([ms(t)] * round(rate(t)), errors={"status_500": errors(t)})})
        for t in range(length)
    ]


def found(seconds: Sequence[Second], plan: Load | None = None) -> list[Finding]:
    asked = scenario(plan or load(f"10 {len(seconds)} hold"))
    made = recording(seconds)
    return drift_findings(RunContext(asked, made, measure(asked, made)))


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (lambda t: 20 + t / 20, "at constant load, p95 rose steadily: from 2"),
        (
            lambda t: 20.0 if t < 300 else 35.0,
            "stepped up and stayed there: from 20.0 ms at the start to 35",
        ),
    ],
)
def test_latency(ms: Callable[[int], float], said: str) -> None:
    [finding] = found(course(ms))
    assert (finding.id, finding.severity) == ("latency-drift", "warning")
    assert said in finding.message


@pytest.mark.parametrize(
    "ms",
    [
        lambda _: 20.0,
        lambda t: 1 + t / 120,  # what neighbours on the machine add
        lambda t: 20 + 40 * (200 < t < 300),  # it came back
        lambda t: 200 + t / 60,  # 5 %
        lambda t: 60 - t / 20,
    ],
)
def test_latency_that_does_not_drift(ms: Callable[[int], float]) -> None:
    assert found(course(ms)) == []


def test_throughput_of_users_that_wait_longer() -> None:
    [finding] = found(course(rate=lambda t: 40 - t / 30))
    assert (finding.id, finding.severity) == ("throughput-drift", "warning")
    assert finding.message.startswith("at constant load, throughput fell steadily: from 38.")
    [stepped] = found(course(rate=lambda t: 40 if t < 300 else 20))
    assert "stepped down and stayed there: from 40.0/s to 20.0/s" in stepped.message
    assert found(course(rate=lambda t: 20 + t / 30)) == []
    open_load = load(f"10 {LENGTH} hold", model="open")
    assert (
        found(course(rate=lambda t: 40 - t / 30), open_load) == []
    )  # arrivals that were not made: load-not-reached


def test_errors_that_become_more() -> None:
    [finding] = found(course(errors=lambda t: t // 150))
    assert (finding.id, finding.severity) == ("errors-growing", "warning")
    assert "of requests failed in the first third" in finding.message


@pytest.mark.parametrize(
    "errors",
    [
        lambda _: 0,
        lambda _: 1,
        lambda t: 20 * (540 < t < 560),  # one burst, late
        lambda t: 1 * (t > 590),  # few
        lambda t: 1 * (t % 97 == 0),
        lambda t: 5 * (t < 100),
    ],
)
def test_errors_that_do_not(errors: Callable[[int], int]) -> None:
    assert found(course(errors=errors)) == []


def test_nothing_is_said_of_a_short_run_or_while_the_load_changes() -> None:
    assert found(course(lambda t: 20 + t / 2, length=200)) == []
    assert found(course(lambda t: 20 + t / 2), load("10 300 a", "20 300 b")) == []


def said_of(rise: Callable[[float], float], noise: float, swing: float = 0.0) -> float:
    """The share of 200 seeded courses that something is said of: noise that hangs together (AR 0.5), a daily swing."""
    said = 0
    for seed in range(200):
        chance = random.Random(seed)
        wander, course = 0.0, []
        for i in range(24):
            wander = 0.5 * wander + chance.gauss(0, noise)
            daily = 1 + swing * math.sin(2 * math.pi * i / 24)
            course.append(40 * rise(i / 23) * daily * math.exp(wander))
        said += how_it_rises(course) is not None
    return said / 200


def test_how_often_it_is_wrong() -> None:
    """Steady runs: at most 2 % at noise up to 5 %, few at more, also with a daily swing of ±10 %."""
    assert said_of(lambda _: 1.0, 0.05) <= 0.02
    assert said_of(lambda _: 1.0, 0.05, swing=0.1) <= 0.02
    assert said_of(lambda _: 1.0, 0.15) <= 0.06


def test_how_often_it_is_found() -> None:
    assert said_of(lambda x: 1 + 0.2 * x, 0.03) >= 0.85
    assert said_of(lambda x: 1.3 if x > 0.5 else 1.0, 0.03) >= 0.95
