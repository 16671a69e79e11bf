"""Resources within their targets, the one that goes with the slow parts, and Nagle's delay."""

from __future__ import annotations

import random

import pytest

from loadctl.analysis.case import Case
from loadctl.analysis.resources import rank_correlation, resource_findings
from loadctl.results.finding import Finding
from loadctl.results.interval import Second
from loadctl.results.measured import measure
from loadctl.results.recording import Reading
from loadctl.results.scoring import score
from loadctl.scenario.target import Target
from tests.results.recorded import load, recording, scenario, steady

SECONDS = 90


def found(seconds: list[Second], readings: list[Reading], *targets: Target) -> list[Finding]:
    asked = scenario(load(f"10 {len(seconds)} hold"), targets)
    made = recording(seconds, readings=readings)
    measured = measure(asked, made)
    return resource_findings(Case(asked, made, measured, tuple(score(t, measured) for t in asked.targets)))


def seconds(ms: list[float]) -> list[Second]:
    return [second for t, value in enumerate(ms) for second in steady(1, (value,) * 20, start=t)]


def readings(name: str, values: list[float]) -> list[Reading]:
    return [
        Reading(t + 0.5, "system", "process", "api", {"cpu_pct": 5.0, "memory_bytes": 1e8, name: value})
        for t, value in enumerate(values)
    ]


def rising(low: float, high: float) -> list[float]:
    return [low + (high - low) * t / SECONDS for t in range(SECONDS)]


def test_the_resource_that_goes_with_the_slow_parts_is_a_suspect() -> None:
    told = found(seconds(rising(10, 100)), readings("open_fds", rising(100, 900)))
    [finding] = [one for one in told if one.id == "likely-limit"]
    assert finding.severity == "info"
    assert finding.message.startswith("open files is suspected to be the limit: it goes with the slow parts")
    assert finding.evidence["resource"] == "open_fds"


@pytest.mark.parametrize(
    ("latencies", "values"),
    [
        (rising(10, 15), rising(100, 900)),  # nothing became slow
        (rising(10, 100), [500.0] * SECONDS),  # it never moved
        (rising(10, 100), rising(900, 100)),  # it fell
    ],
)
def test_what_does_not_go_with_it_is_none(latencies: list[float], values: list[float]) -> None:
    assert not [
        one for one in found(seconds(latencies), readings("open_fds", values)) if one.id == "likely-limit"
    ]


def test_independent_noise_is_rarely_suspected() -> None:
    hits = 0
    for seed in range(200):
        chance = random.Random(seed)
        noisy = [chance.lognormvariate(3, 0.5) for _ in range(SECONDS)]
        values = [chance.uniform(100, 900) for _ in range(SECONDS)]
        hits += any(one.id == "likely-limit" for one in found(seconds(noisy), readings("open_fds", values)))
    assert hits <= 4


def test_rank_correlation() -> None:
    assert rank_correlation([(1, 10), (2, 20), (3, 30)]) == pytest.approx(1)
    assert rank_correlation([(1, 30), (2, 20), (3, 10)]) == pytest.approx(-1)
    assert rank_correlation([(1, 1), (1, 2), (1, 3)]) == 0


def test_a_floor_at_forty_milliseconds() -> None:
    [finding] = [one for one in found(seconds([41.0] * 30), []) if one.id == "nagle-delay"]
    assert finding.message.startswith("GET / never answers in less than 41")
    for ms in (30.0, 50.0):
        assert not found(seconds([ms] * 30), [])


def test_cpu_and_memory_within_their_targets() -> None:
    cpu = Target(metric="cpu", target=70, critical=90, unit="%")
    memory = Target(metric="memory", target=1e9, critical=2e9, unit="bytes")
    seen = readings("open_fds", [9.0] * 60)
    assert [one.id for one in found(seconds([5.0] * 60), seen, cpu, memory)] == ["resources-within-limits"]
    assert not found(seconds([5.0] * 60), seen, cpu)
    tight = Target(metric="memory", target=1e6, critical=2e6, unit="bytes")
    assert not found(seconds([5.0] * 60), seen, cpu, tight)
