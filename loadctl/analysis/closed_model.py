"""Did a stall hide behind waiting users? In the closed model users that wait send nothing, so stalls are under-counted.

Where users keep a pace, the corrected latencies say by how much. Otherwise there is nothing to correct from, and only
the stall itself can be shown: seconds of a hold stage with less than a quarter of its usual requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from loadctl.analysis.case import Case
from loadctl.results.finding import Finding
from loadctl.results.level import NOISE_MS
from loadctl.scenario.units import format_duration, format_ms

RATIO = 1.25
MIN_RATE = 20
STALL_SHARE = 0.25
_ADVICE = ("an open load (rate: in the scenario) measures the stall itself",)


def closed_model_findings(case: Case) -> list[Finding]:
    if case.scenario.load.model != "closed":
        return []
    return list(_corrected(case) if case.folded.summary.total.corrected else _stalls(case))


def _corrected(case: Case) -> Iterator[Finding]:
    total = case.folded.summary.total
    raw, corrected = total.latency, total.corrected
    if corrected is None:
        return
    for name, seen, real in (("p95", raw.p95, corrected.p95), ("p99", raw.p99, corrected.p99)):
        if seen is not None and real is not None and real > RATIO * seen and real - seen > NOISE_MS:
            message = (
                f"users waited and skipped turns: {name} is {format_ms(seen)}, corrected {format_ms(real)}"
            )
            evidence = {
                f"{name}_ms": seen,
                f"corrected_{name}_ms": real,
                "requests_added": corrected.n - raw.n,
            }
            yield Finding("closed-model-stall", "warning", message, evidence, _ADVICE)
            return


def _stalls(case: Case) -> Iterator[Finding]:
    stalled = 0
    first: int | None = None
    start, end = case.window
    for begin, finish, stage in case.scenario.load.spans():
        if not stage.holds or begin < start or finish > end:
            continue
        inside = [second for second in case.seconds if begin <= second.t < finish]
        # Without users nobody waits.
        counts = {second.t: second.completed for second in inside if not second.ended}
        usual = median(counts.values()) if counts else 0
        if usual < MIN_RATE:
            continue
        low = [t for t, count in counts.items() if count < STALL_SHARE * usual]
        stalled += len(low)
        first = low[0] if low and first is None else first
    if first is not None:
        message = f"users waited: for {format_duration(stalled)} less than a quarter of the usual requests came back"
        evidence = {"stalled_s": stalled, "first_at_s": first}
        yield Finding("closed-model-stall", "warning", message, evidence, _ADVICE)
