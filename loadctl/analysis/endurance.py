"""Does anything grow while the load stays the same? Memory, descriptors, threads. Method: analysis/trend.py.

Within a run a slow fill and a leak are the same curve: "growing steadily" is said, never "leak", and of less than
8 settled minutes (a run of 10) only by how much it grew and which length would tell whether it goes on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from loadctl.analysis.run_context import RunContext
from loadctl.analysis.trend import ENOUGH_S, Growth, growth
from loadctl.results.findings import FindingId
from loadctl.results.measures.usage import of_best_source
from loadctl.results.readings import Readings
from loadctl.results.verdict import Evidence, Finding
from loadctl.scenario.rescale import WARMUP_SHARE
from loadctl.scenario.units import format_bytes, format_duration, write_duration

SETTLE_SHARE = 0.2
"""The first fifth is left out: caches fill, pools grow."""
GREW_SHARE = 0.1
FEW_READINGS = 3
_SERIES = {"memory_bytes": ("memory", 8e6), "open_fds": ("open files", 20.0), "threads": ("threads", 10.0)}
"""Name, and the growth over the run that matters, in its units."""
_COUNTS: Mapping[str, FindingId] = {"open_fds": "descriptors-growing", "threads": "threads-growing"}
_GREW: Mapping[str, FindingId] = {
    "memory_bytes": "memory-grew",
    "open_fds": "open-files-grew",
    "threads": "threads-grew",
}
"""In a run that is too short to say more."""


def endurance_findings(run: RunContext) -> list[Finding]:
    found: list[Finding] = []
    for name in _SERIES:
        values, period = _settled(run, name)
        if not run.constant_load or len(values) * period < ENOUGH_S:
            found += _short(run, name)
        elif name in _COUNTS:
            found += _count(name, values, period)
        else:
            found.append(_memory(run, values, period))
    return found


@dataclass(frozen=True, slots=True)
class ShortGrowth:
    """What grew while the load was the same, for too short a time to say whether it goes on."""

    first: float
    last: float
    watched_s: float


def short_growth(run: RunContext, name: str) -> ShortGrowth | None:
    """All of the last third lies above the first, and its lowest is higher by GREW_SHARE and by what matters."""
    start, end = _longest_hold(run)
    points = [(t, value) for t, value in _speaker(run).series(name) if start < t <= end]
    if run.constant_load and (end - start) * (1 - SETTLE_SHARE) >= ENOUGH_S:
        return None
    third = len(points) // 3
    if third < FEW_READINGS:
        return None
    before = [value for _, value in points[:third]]
    after = min(value for _, value in points[-third:])
    if after <= max(before) or after - min(before) < max(_SERIES[name][1], GREW_SHARE * min(before)):
        return None
    return ShortGrowth(points[0][1], points[-1][1], points[-1][0] - points[0][0])


def _longest_hold(run: RunContext) -> tuple[float, float]:
    """The longest part of the window at one level."""
    start, end = run.window
    if run.constant_load:
        return start, end
    holds = [
        (max(first, start), min(last, end))
        for first, last, stage in run.scenario.load.spans()
        if stage.holds and first < end and last > start
    ]
    return max(holds, key=lambda span: span[1] - span[0], default=(start, start))


def _short(run: RunContext, name: str) -> Iterator[Finding]:
    grew = short_growth(run, name)
    if grew is None:
        return
    shown = _SERIES[name][0]
    size = format_bytes if name == "memory_bytes" else "{:.0f}".format
    message = (
        f"{shown} grew from {size(grew.first)} to {size(grew.last)} within "
        f"{format_duration(round(grew.watched_s))} at constant load; "
        f"{_would_tell(run)} would show whether that continues"
    )
    evidence: Evidence = {"first": grew.first, "last": grew.last, "watched_s": round(grew.watched_s)}
    yield Finding(_GREW[name], "info", message, evidence)


def _would_tell(run: RunContext) -> str:
    length_s = ENOUGH_S / (1 - SETTLE_SHARE)
    script = run.scenario.script
    if not run.planned or (script is not None and script.own_load):
        return f"{format_duration(length_s)} at constant load"
    if not run.constant_load:
        return f"a load that holds one level for {format_duration(length_s)}"
    if any(stage.warmup for stage in run.scenario.load.stages):
        length_s /= 1 - WARMUP_SHARE
    return f"a run with --duration {write_duration(math.ceil(length_s / 60) * 60)}"


def _settled(run: RunContext, name: str) -> tuple[list[float], float]:
    """Values and their period, from the one source that speaks for the system."""
    start, end = run.window
    edge = start + (end - start) * SETTLE_SHARE
    points = [(t, v) for t, v in _speaker(run).series(name) if t > edge]
    if len(points) < 2:
        return [], 1.0
    return [value for _, value in points], (points[-1][0] - points[0][0]) / (len(points) - 1)


def _speaker(run: RunContext) -> Readings:
    return of_best_source(run.readings("system"))


def _memory(run: RunContext, values: Sequence[float], period: float) -> Finding:
    found = growth(values, period, least=_SERIES["memory_bytes"][1])
    per_hour = found.per_s * 3600
    evidence: Evidence = {
        "growth_bytes_per_h": round(per_hour),
        "first_bytes": round(values[0]),
        "last_bytes": round(values[-1]),
        "watched_s": round(len(values) * period),
    }
    match found.trend:
        case "growing":
            shown = f"memory grew steadily, by {format_bytes(per_hour)} per hour, without slowing down"
            advice = (
                "run longer to see whether it stops, and compare heap snapshots from the start and the end"
            )
            message = f"{shown}{_until(run, values[-1], found)}"
            return Finding("memory-growing", "warning", message, evidence, (advice,))
        case "levelling off":
            grown = format_bytes(max(values) - values[0])
            return Finding("memory-stable", "info", f"memory grew by {grown} and then levelled off", evidence)
        case "no growth":
            shown = format_bytes(median(values))
            return Finding("memory-stable", "good", f"memory stayed at about {shown}", evidence)
        case _:
            message = (
                "not enough data to say whether memory grows: it rises and falls too slowly for this run"
            )
            advice = "run long enough for 10 of its rises and falls"
            return Finding("memory-undecided", "info", message, evidence, (advice,))


def _until(run: RunContext, last: float, found: Growth) -> str:
    """When it will reach its limit."""
    target, limits = run.target("memory"), _speaker(run).values("memory_limit_bytes")
    limit = target.critical if target else limits[-1] if limits else 0.0
    if limit <= last or found.per_s <= 0:
        return ""
    what, left_s = "the critical limit" if target else "its memory limit", (limit - last) / found.per_s
    return f"; at this rate {what} of {format_bytes(limit)} is reached in about {_roughly(left_s)}"


def _roughly(seconds: float) -> str:
    if seconds >= 72 * 3600:
        return f"{seconds / 86400:.0f} days"
    return (
        f"{seconds / 3600:.0f} h" if seconds >= 2 * 3600 else format_duration(round(seconds / 60) * 60 or 60)
    )


def _count(name: str, values: Sequence[float], period: float) -> Iterator[Finding]:
    shown, least = _SERIES[name]
    found = growth(values, period, least=least, least_share=0.10)
    if found.trend == "growing":
        message = f"{shown} grew steadily, from {values[0]:.0f} to {values[-1]:.0f}, without slowing down"
        evidence = {"first": values[0], "last": values[-1], "growth_per_h": round(found.per_s * 3600, 1)}
        advice = f"look for {shown} that are never released"
        yield Finding(_COUNTS[name], "warning", message, evidence, (advice,))
