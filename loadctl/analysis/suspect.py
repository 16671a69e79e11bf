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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean, median

from loadctl.analysis.run_context import RunContext
from loadctl.results.histogram import Packed, Pool
from loadctl.results.measures.level import NOISE_MS
from loadctl.results.measures.usage import of_best_source
from loadctl.results.readings import Readings
from loadctl.results.verdict import Evidence, Finding
from loadctl.scenario.units import format_ms, format_percent

WINDOW_S = 5
_ENOUGH_REQUESTS = 20
_WINDOWS = 6
_SLOW = 2.0
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class _Resource:
    """`used`: a value in % or, with `limit`, in its unit; `full`: from how many % on it is at its limit."""

    key: str
    words: str
    full: float
    used: str
    limit: str = ""

    def use(self, values: Mapping[str, float]) -> float | None:
        """In % of the limit; None where a reading does not say."""
        used, limit = values.get(self.used), values.get(self.limit) if self.limit else 100.0
        if self.key == "one_core" and values.get("cores_available", 2.0) <= 1:
            return None  # of one core, it says no more than cpu
        return 100 * used / limit if limit and used is not None else None


_RESOURCES = (
    _Resource("cpu", "CPU", 80.0, "cpu_pct"),
    _Resource("one_core", "one CPU core (a single process or thread)", 80.0, "busiest_pct_of_one_core"),
    _Resource("cpu_quota", "the CPU quota (throttled periods)", 20.0, "throttled_pct"),
    _Resource("memory", "memory", 90.0, "memory_pct"),
    _Resource("memory", "memory", 90.0, "memory_bytes", "memory_limit_bytes"),
    _Resource("open_files", "open files", 80.0, "process_open_fds", "process_max_fds"),
)
_MACHINE = _Resource("machine_cpu", "CPU of the whole machine", 95.0, "cpu_pct")


@dataclass(frozen=True, slots=True)
class _Suspect:
    """`whose`: another container or pod; empty: the system's own. `slow_share`: of the slow windows, in which it was at
    its limit; `slow_pct`: its median use in them; `calm_…`: of the others."""

    key: str
    words: str
    whose: str
    slow_share: float
    calm_share: float
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
    full = [one for one in seen if one.slow_share >= _HALF]
    suspects = [one for one in full if one.calm_share < _HALF]
    if suspects:
        return [_named(max(suspects, key=lambda suspect: suspect.slow_share), evidence)]
    # what was full all along may be the limit, and may not
    return [_elsewhere(seen, evidence)] if seen and not full else []


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
    uses = {f"{one.key}_pct": round(one.slow_pct, 1) for one in own}
    return Finding("limit-elsewhere", "info", message, {**evidence, **uses})


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


def _seen(run: RunContext, slow: set[int], calm: set[int]) -> Iterator[_Suspect]:
    """Everything that was watched."""
    system = of_best_source(run.readings("system"))
    yield from _of_readings(_RESOURCES, system, "", slow, calm)
    for entity, readings in run.readings("companion").split(attrgetter("entity")).items():
        yield from _of_readings(_RESOURCES, readings, entity, slow, calm)
    if run.same_host:
        yield from _of_readings((_MACHINE,), run.readings("host"), "", slow, calm)


def _of_readings(
    resources: Sequence[_Resource], readings: Readings, whose: str, slow: set[int], calm: set[int]
) -> Iterator[_Suspect]:
    records = list(readings)
    for resource in resources:
        windows: dict[int, list[float]] = defaultdict(list)
        for reading in records:
            use = resource.use(reading.values)
            if use is not None:
                windows[int((reading.t - 0.5) // WINDOW_S)].append(use)  # it tells of the second before it
        means = {window: fmean(values) for window, values in windows.items()}
        in_slow, in_calm = ([means[t] for t in part if t in means] for part in (slow, calm))
        if 2 * len(in_slow) < len(slow) or 2 * len(in_calm) < len(calm):
            continue
        slow_share, calm_share = (fmean(use >= resource.full for use in part) for part in (in_slow, in_calm))
        yield _Suspect(
            resource.key, resource.words, whose, slow_share, calm_share, median(in_slow), median(in_calm)
        )
