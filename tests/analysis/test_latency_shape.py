"""How latency goes with load, where the truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from loadctl.analysis.latency_shape import Mark, latency_shape_findings, shape_of
from loadctl.analysis.run_context import RunContext
from loadctl.results.measures.measured import measure
from loadctl.results.verdict import Finding
from tests.results.measures.test_breaking_point import run, staircase
from tests.results.recorded import recording, scenario


def marks(course: Callable[[float], float], noise: float, seed: int) -> list[Mark]:
    """Ten levels; `course`: of the share of the highest level → p95."""
    chance = random.Random(seed)
    return [Mark(i * 100.0, course(i / 10) * math.exp(chance.gauss(0, noise)), noise) for i in range(1, 11)]


def share(course: Callable[[float], float], shape: str, noise: float) -> float:
    return sum(shape_of(marks(course, noise, seed)) == shape for seed in range(200)) / 200


def test_flat_latency_is_stable() -> None:
    """False-positive rate at most 2 % at noise up to 5 %, and no worse than the hold-out figures at 10 %."""
    assert share(lambda _: 40.0, "stable", 0.05) >= 0.98
    assert share(lambda _: 40.0, "stable", 0.10) >= 0.95
    assert share(lambda x: 40.0 * (1 + 0.08 * x), "stable", 0.05) >= 0.95


def test_a_straight_line_and_a_knee_are_told_apart() -> None:
    assert share(lambda x: 40.0 * (1 + 2 * x), "linear", 0.05) >= 0.80
    assert share(lambda x: 40.0 + 1200 * max(0.0, x - 0.6), "knee", 0.05) >= 0.90


def findings(ms: list[float], *, after: float | None = None) -> list[Finding]:
    load = staircase()
    seconds = run(load, ms)
    if after is not None:
        back = run(load, [after] * 10)
        seconds = [back[s.t] if s.t >= 300 else s for s in seconds]
    asked, made = scenario(load), recording(seconds)
    return latency_shape_findings(RunContext(asked, made, measure(asked, made)))


def test_what_is_said_of_each() -> None:
    (stable,) = findings([40.0] * 10)
    assert (stable.id, stable.severity) == ("latency-stable", "good")
    assert "between 100 and 1000 users" in stable.message
    (line,) = findings([40.0 + 8 * i for i in range(10)])
    assert line.id == "latency-grows-linearly"
    assert "requests wait in a queue" in line.message
    (knee,) = findings([40.0] * 6 + [80.0, 160.0, 240.0, 320.0])
    assert knee.id == "latency-knee"
    assert knee.evidence["flat_up_to"] == 600


def test_latency_that_does_not_come_back_with_the_load_goes_with_time() -> None:
    rising = [40.0 + 8 * i for i in range(10)]
    (drift,) = findings(rising, after=112.0)
    assert drift.id == "latency-drift"
    (line,) = findings(rising, after=40.0)
    assert line.id == "latency-grows-linearly"


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_three_levels_cannot_tell(levels: int) -> None:
    load = staircase(levels, back=False)
    asked, made = scenario(load), recording(run(load, [40.0, 80.0, 160.0]))
    assert latency_shape_findings(RunContext(asked, made, measure(asked, made))) == []
