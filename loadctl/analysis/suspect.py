"""Which resource was at its limit while the system was slow?

Saturation, as in the USE method (Gregg 2013), not correlation: in a load that rises, everything that grows with users
goes with latency. On synthetic runs with a cause that nobody watched rank correlation named an innocent resource in all
of them, and on the demo system it blamed open files (0.91 to 0.98). So: 5 s windows whose p95 is over twice that of the
calm half, and 20 ms above it; a resource is suspected where it was at its limit in half of them or more, and not in
half of the calm ones; where one was full in both, nothing is said. On synthetic runs that was right in 95 to 100 %.
Where another thing is harmlessly full and the cause is not watched it can still be wrong (12 % right there), so it is
worded as a suspect. It needs 6 slow windows and 6 calm ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import median

from loadctl.analysis.run_context import RunContext
from loadctl.results.level import NOISE_MS
from loadctl.results.packed import Packed, Pool
from loadctl.results.readings import Readings
from loadctl.results.usage import of_best_source
from loadctl.results.verdict import Evidence, Finding
from loadctl.scenario.units import format_ms, format_percent

WINDOW_S = 5
_ENOUGH_REQUESTS = 20
_WINDOWS = 6
_SLOW = 2.0
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class _Resource:
    """`use`: in % of its limit, None where a reading does not tell; `full`: from how many % on it is at its limit."""

    key: str
    words: str
    use: Callable[[Mapping[str, float]], float | None]
    full: float


def _share(name: str) -> Callable[[Mapping[str, float]], float | None]:
    return lambda values: values.get(name)


def _of(used: str, limit: str) -> Callable[[Mapping[str, float]], float | None]:
    def use(values: Mapping[str, float]) -> float | None:
        return 100 * values[used] / values[limit] if values.get(limit) and used in values else None

    return use


def _one_core(values: Mapping[str, float]) -> float | None:
    """Of several: one that is full says nothing more where there is only one."""
    return values.get("busiest_pct_of_one_core") if values.get("cores_available", 2.0) > 1 else None


_RESOURCES = (
    _Resource("cpu", "CPU", _share("cpu_pct"), 80.0),
    _Resource("one_core", "one CPU core (a single process or thread)", _one_core, 80.0),
    _Resource("cpu_quota", "the CPU quota (throttled periods)", _share("throttled_pct"), 20.0),
    _Resource("memory", "memory", _share("memory_pct"), 90.0),
    _Resource("memory", "memory", _of("memory_bytes", "memory_limit_bytes"), 90.0),
    _Resource("open_files", "open files", _of("process_open_fds", "process_max_fds"), 80.0),
)
_MACHINE = _Resource("machine_cpu", "CPU of the whole machine", _share("cpu_pct"), 95.0)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """`whose`: another container or pod; empty: the system's own."""

    key: str
    words: str
    whose: str
    slow_share: float
    slow_pct: float
    calm_pct: float


def suspect_findings(run: RunContext) -> list[Finding]:
    """`likely-limit`; or `limit-elsewhere`, where nothing that was watched was at its limit."""
    p95 = _p95_by_window(run)
    lower = sorted(p95.values())[: (len(p95) + 1) // 2]
    if not lower:
        return []
    calm_ms = median(lower)
    slow = {t for t, ms in p95.items() if ms > _SLOW * calm_ms and ms > calm_ms + 2 * NOISE_MS}
    calm = set(p95) - slow
    if min(len(slow), len(calm)) < _WINDOWS:
        return []
    slow_ms = median(p95[t] for t in slow)
    evidence: Evidence = {
        "slow_windows": len(slow),
        "windows": len(p95),
        "p95_calm_ms": round(calm_ms, 1),
        "p95_slow_ms": round(slow_ms, 1),
    }
    seen = list(_seen(run, slow, calm))
    suspects = [s for s, calm_share in seen if s.slow_share >= _HALF > calm_share]
    if suspects:
        return [_named(max(suspects, key=lambda suspect: suspect.slow_share), evidence)]
    if any(s.slow_share >= _HALF for s, _ in seen):
        return []  # something was full all along: it may be the limit, and may not
    return [_elsewhere([s for s, _ in seen], evidence)] if seen else []


def _named(suspect: _Suspect, evidence: Evidence) -> Finding:
    whose = f" of {suspect.whose}" if suspect.whose else ""
    message = (
        f"the likely bottleneck is {suspect.words}{whose}: at {format_percent(suspect.slow_pct, 0)} while p95 was "
        f"{format_ms(float(evidence['p95_slow_ms'] or 0))}, at {format_percent(suspect.calm_pct, 0)} while it was "
        f"{format_ms(float(evidence['p95_calm_ms'] or 0))}"
    )
    found: Evidence = {
        "resource": suspect.key,
        "of": suspect.whose,
        "slow_pct": round(suspect.slow_pct, 1),
        "calm_pct": round(suspect.calm_pct, 1),
        "full_in_slow_windows": round(suspect.slow_share, 2),
    }
    advice = ("change only this, and run again to confirm it",)
    return Finding("likely-limit", "info", message, {**found, **evidence}, advice)


def _elsewhere(seen: Sequence[_Suspect], evidence: Evidence) -> Finding:
    own = [one for one in seen if not one.whose]
    shown = ", ".join(f"{one.words} {format_percent(one.slow_pct, 0)}" for one in own[:3])
    message = (
        f"while p95 was {format_ms(float(evidence['p95_slow_ms'] or 0))}, no watched resource was at its limit "
        f"({shown}): requests wait for something else"
    )
    return Finding(
        "limit-elsewhere",
        "info",
        message,
        {**evidence, **{f"{s.key}_pct": round(s.slow_pct, 1) for s in own}},
    )


def _p95_by_window(run: RunContext) -> dict[int, float]:
    parts: dict[int, list[Packed]] = defaultdict(list)
    for second in run.seconds:
        parts[second.t // WINDOW_S].append(second.ok)
    found = {}
    for window, part in parts.items():
        pool = Pool(part)
        us = pool.nearest_rank_us(0.95) if pool.count >= _ENOUGH_REQUESTS else None
        if us is not None:
            found[window] = us / 1000
    return found


def _seen(run: RunContext, slow: set[int], calm: set[int]) -> Iterator[tuple[_Suspect, float]]:
    """Everything that was watched, and in which share of the calm windows it was at its limit."""
    system = of_best_source(run.readings("system"))
    yield from _of_readings(_RESOURCES, system, "", slow, calm)
    for entity, readings in run.readings("companion").split(attrgetter("entity")).items():
        yield from _of_readings(_RESOURCES, readings, entity, slow, calm)
    if run.same_host:
        yield from _of_readings((_MACHINE,), run.readings("host"), "", slow, calm)


def _of_readings(
    resources: Sequence[_Resource], readings: Readings, whose: str, slow: set[int], calm: set[int]
) -> Iterator[tuple[_Suspect, float]]:
    records = list(readings)
    for resource in resources:
        windows: dict[int, list[float]] = defaultdict(list)
        for reading in records:
            use = resource.use(reading.values)
            if use is not None:
                windows[int((reading.t - 0.5) // WINDOW_S)].append(use)  # it tells of the second before it
        means = {window: sum(values) / len(values) for window, values in windows.items()}
        in_slow, in_calm = ([means[t] for t in part if t in means] for part in (slow, calm))
        if 2 * len(in_slow) < len(slow) or 2 * len(in_calm) < len(calm):
            continue
        suspect = _Suspect(
            resource.key,
            resource.words,
            whose,
            _full(in_slow, resource),
            median(in_slow),
            median(in_calm),
        )
        yield suspect, _full(in_calm, resource)


def _full(values: Sequence[float], resource: _Resource) -> float:
    return sum(value >= resource.full for value in values) / len(values)
