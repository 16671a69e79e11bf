"""Resources within their targets, and Nagle's delay."""

from __future__ import annotations

from loadctl.analysis.resources import nagle_findings, resource_findings
from loadctl.analysis.run_context import RunContext
from loadctl.results.interval import Second
from loadctl.results.measures.measured import measure
from loadctl.results.recording import Reading
from loadctl.results.scoring import score
from loadctl.results.verdict import Finding
from loadctl.scenario.target import Target
from tests.results.recorded import load, recording, scenario, steady


def found(seconds: list[Second], readings: list[Reading], *targets: Target) -> list[Finding]:
    asked = scenario(load(f"10 {len(seconds)} hold"), targets)
    made = recording(seconds, readings=readings)
    measured = measure(asked, made)
    run = RunContext(asked, made, measured, tuple(score(t, measured) for t in asked.targets))
    return [*resource_findings(run), *nagle_findings(run)]


def seconds(ms: list[float]) -> list[Second]:
    return [second for t, value in enumerate(ms) for second in steady(1, (value,) * 20, start=t)]


def readings(name: str, values: list[float]) -> list[Reading]:
    return [
        Reading(t + 0.5, "system", "process", "api", {"cpu_pct": 5.0, "memory_bytes": 1e8, name: value})
        for t, value in enumerate(values)
    ]


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
    [high] = found(seconds([5.0] * 60), seen, cpu, tight)
    assert (high.id, high.message) == ("memory-high", "memory reached 100 MB, above its target of 1 MB")


def test_memory_near_the_limit_at_which_the_kernel_ends_it() -> None:
    [high] = found(seconds([5.0] * 60), readings("memory_limit_bytes", [1.05e8] * 60))
    assert high.message == "memory reached 100 MB of its limit of 105 MB"
    assert not found(seconds([5.0] * 60), readings("memory_limit_bytes", [2e8] * 60))
