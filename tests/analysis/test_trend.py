"""Rules for growth on seeded synthetic series: how often they are wrong is asserted, with generous bounds."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.analysis.trend import cycle_samples, floors, growth, kendall_p, sen_slope

MB = 1e6
TEN_MINUTES = 600


def series(
    seed: int, course: Callable[[float], float], n: int = TEN_MINUTES, noise: float = 0.02
) -> list[float]:
    """Around 200 MB, with noise that hangs together (AR 0.8); `course`: of the share of the run → MB on top."""
    chance = random.Random(seed)
    wander, found = 0.0, []
    for i in range(n):
        wander = 0.8 * wander + chance.gauss(0, noise * 200 * 0.6)
        found.append((200 + wander + course(i / n)) * MB)
    return found


def sawtooth(share: float) -> float:
    return 60 * ((share * 20) % 1)


FLAT: list[Callable[[float], float]] = [
    lambda _: 0.0,
    sawtooth,
    lambda x: 20 * math.sin(2 * math.pi * 3 * x),
    lambda x: 60 * (1 - math.exp(-x / 0.05)),
]


@pytest.mark.parametrize("course", FLAT, ids=["flat", "sawtooth", "waves", "filled early"])
def test_what_does_not_grow_is_not_said_to(course: Callable[[float], float]) -> None:
    wrong = [seed for seed in range(60) if growth(series(seed, course), 1.0, least=8 * MB).trend == "growing"]
    assert len(wrong) <= 2


@pytest.mark.parametrize(
    "course", [lambda x: 80 * x, lambda x: 80 * x + sawtooth(x)], ids=["steady", "under a sawtooth"]
)
def test_steady_growth_is_found_and_its_rate_is_right(course: Callable[[float], float]) -> None:
    found = [growth(series(seed, course), 1.0, least=8 * MB) for seed in range(40)]
    growing = [one for one in found if one.trend == "growing"]
    assert len(growing) >= 30
    rates = sorted(one.per_s * TEN_MINUTES / MB for one in growing)
    assert rates[len(rates) // 2] == pytest.approx(80, rel=0.15)


def test_growth_that_ended_is_levelling_off() -> None:
    trends = [
        growth(series(seed, lambda x: 100 * min(1.0, x / 0.4)), 1.0, least=8 * MB).trend for seed in range(30)
    ]
    assert "growing" not in trends
    assert set(trends) <= {"levelling off", "cannot tell"}
    assert trends.count("levelling off") >= 12


def test_a_short_series_is_never_said_to_grow_steadily() -> None:
    assert growth(series(1, lambda x: 100 * x, 120), 1.0, least=8 * MB).trend == "growing, too short"
    assert growth([1.0] * 20, 1.0, least=1).trend == "cannot tell"


def test_the_parts() -> None:
    assert sen_slope([1.0, 3.0, 5.0, 7.0]) == 2.0
    assert kendall_p([1, 2, 3, 4]) == pytest.approx(1 / 24)
    assert kendall_p([4, 3, 2, 1]) == 1.0
    assert floors([5.0, 1.0, 9.0, 7.0], 2) == [1.0, 7.0]
    assert cycle_samples([(200 + sawtooth(i / 600)) * MB for i in range(600)]) == pytest.approx(30, rel=0.2)


@given(st.lists(st.floats(0, 1e12), max_size=300), st.floats(0.1, 60))
def test_any_series_has_an_answer(values: list[float], period_s: float) -> None:
    assert growth(values, period_s, least=1.0).trend
