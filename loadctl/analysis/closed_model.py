"""Did a stall hide behind waiting users? In the closed model users that wait send nothing, so stalls are under-counted.

Where users keep a pace, the corrected latencies say by how much. Otherwise there is nothing to correct from, and only
the stall itself can be shown (analysis/stall.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.case import Case
from loadctl.results.finding import Finding
from loadctl.results.level import NOISE_MS
from loadctl.scenario.units import format_ms

RATIO = 1.25
_ADVICE = ("an open load (rate: in the scenario) measures the stall itself",)


def closed_model_findings(case: Case) -> list[Finding]:
    if case.scenario.load.model != "closed":
        return []
    return list(_corrected(case))


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
