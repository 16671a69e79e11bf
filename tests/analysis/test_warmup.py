"""The first part of the scored window, where nobody marked a warm-up."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from loadctl.analysis.run_context import RunContext
from loadctl.analysis.warmup import settles_after, warmup_findings
from loadctl.results.measures.measured import measure
from loadctl.results.verdict import Finding
from loadctl.scenario.load import Load, Stage
from tests.results.recorded import interval, load, recording, scenario, second


def course(ms: Callable[[int], float], n: int = 480, noise: float = 0.1, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [ms(t) * math.exp(chance.gauss(0, noise)) for t in range(n)]


def slow_start(t: int) -> float:
    return 20.0 * (1 + math.exp(-t / 15))


def test_a_slow_start_is_cut_where_it_ends() -> None:
    cuts = [settles_after(course(slow_start, seed=seed)) for seed in range(25)]
    assert all(cut is not None and 15 <= cut <= 120 for cut in cuts)


def test_a_steady_run_has_none() -> None:
    """A cut that changes nothing is no warm-up: what is said counts."""
    assert None not in [settles_after(course(lambda _: 20.0, seed=seed)) for seed in range(25)]
    said = [seed for seed in range(40) if findings(lambda _: 20.0, load("10 300 hold"), seed)]
    assert len(said) <= 1


def test_what_never_settles_has_no_warm_up_to_cut() -> None:
    assert settles_after(course(lambda t: 20.0 + t / 10)) is None
    assert settles_after([20.0] * 30) is None  # too short to tell


def findings(ms: Callable[[int], float], plan: Load, seed: int = 1) -> list[Finding]:
    values = course(ms, int(plan.duration_s), seed=seed)
    made = recording([second(t, {"GET /": interval([value] * 10)}) for t, value in enumerate(values)])
    asked = scenario(plan)
    return warmup_findings(RunContext(asked, made, measure(asked, made)))


@pytest.mark.parametrize("marked", [False, True])
def test_it_is_said_and_nothing_is_cut(marked: bool) -> None:
    first = [Stage(10, 10, 5, "warm", warmup=True)] if marked else []
    (found,) = findings(slow_start, Load("closed", [*first, Stage(10, 10, 300, "hold")]))
    assert (found.id, found.severity) == ("warmup-too-short", "warning")
    assert "of the scored part were still warming up" in found.message
    assert ("make the warm-up longer" in found.advice) is marked


def test_nothing_is_said_of_a_steady_or_a_rising_load() -> None:
    assert findings(lambda _: 20.0, load("10 300 hold")) == []
    assert findings(slow_start, Load("closed", [Stage(0, 10, 60, "up"), Stage(10, 10, 300, "hold")])) == []


def test_of_hours_the_first_counts() -> None:
    """What changes in the second has nothing to do with the warm-up."""
    (found,) = findings(lambda t: slow_start(t) * (2 if t > 3600 else 1), load("10 7200 hold"))
    assert found.evidence["warmup_s"] <= 120  # type: ignore[operator]
