"""How often a comparison is wrong, on 2,000 simulated pairs a row: the table of loadctl/analysis/comparison.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest

from loadctl.analysis.comparison import PRIOR_SD, changes, outcome
from tests.analysis.simulated_runs import Service, staircase

pytestmark = pytest.mark.bench

PAIRS = 2_000
SHORT = Service(seconds=120)
SERVICES = {
    "steady": SHORT,
    "no spread between runs": Service(seconds=120, run_sd=0.0),
    "half as much again": Service(seconds=120, run_sd=1.5 * PRIOR_SD),
    "staircase": Service(seconds=120, shape=staircase),
    "heavy tail": Service(seconds=120, sigma=1.0, wander=0.2),
    "slow wander": Service(seconds=120, memory=0.98),
}

BEYOND = {"half as much again", "slow wander"}
"""Runs that differ by more than the method expects, and runs too short for the time in which their latency wanders."""


def told(
    service: Service, pairs: int, *, runs: int = 1, change: float = 0.0, more_errors: float = 0.0
) -> Mapping[str, float]:
    """Shares of the outcomes of all gated rows together; and of "faster", said of one of them."""
    found: Counter[str] = Counter()
    for seed in range(pairs):
        chance = Random(seed)
        before = [service.run(chance) for _ in range(runs)]
        after = [service.run(chance, change, more_errors) for _ in range(runs)]
        rows = changes(before, after)
        found[outcome(rows)] += 1
        found["faster"] += any(row.gated and row.decision == "better" for row in rows)
    return {word: count / pairs for word, count in found.items()}


@pytest.mark.parametrize(
    ("name", "runs"), [*((name, 1) for name in SERVICES), ("steady", 3), ("half as much again", 3)]
)
def test_identical_systems_are_seldom_called_different(name: str, runs: int) -> None:
    shares = told(SERVICES[name], PAIRS, runs=runs)
    show(name, runs, "identical", shares)
    bound = 0.08 if name in BEYOND else 0.05
    assert shares.get("worse", 0.0) <= bound
    assert shares["faster"] <= max(bound, 0.07)


@pytest.mark.parametrize(
    ("change", "more_errors", "runs", "least"),
    [
        (0.1, 0.0, 1, 0.0),
        (0.2, 0.0, 1, 0.3),
        (0.5, 0.0, 1, 0.98),
        (0.1, 0.0, 3, 0.3),
        (0.2, 0.0, 3, 0.9),
        (0.0, 0.03, 1, 0.9),
    ],
)
def test_what_became_worse_is_found(change: float, more_errors: float, runs: int, least: float) -> None:
    shares = told(SHORT, PAIRS // 4, runs=runs, change=change, more_errors=more_errors)
    show("steady", runs, f"{change:+.0%} latency, {100 * more_errors:+g} points of errors", shares)
    assert shares.get("worse", 0.0) >= least


def show(name: str, runs: int, truth: str, shares: Mapping[str, float]) -> None:
    words = ("worse", "faster", "same", "cannot tell")
    print(
        f"\n{name}, {runs} a side, {truth}: "
        + ", ".join(f"{word} {100 * shares.get(word, 0):.1f} %" for word in words)
    )
