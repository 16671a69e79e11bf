"""How far did a spike throw it, and did it come back? The method: results/recovery.py."""

from __future__ import annotations

from loadctl.analysis.case import Case
from loadctl.results.finding import Evidence, Finding
from loadctl.results.recovery import Recovery
from loadctl.scenario.phases import Phases
from loadctl.scenario.units import format_duration, format_ms, format_percent

SPIKE = 2.0
"""A load that no more than doubles is no spike: nothing is said of it unless a target asks."""


def spike_findings(case: Case) -> list[Finding]:
    found = case.measured.recovery
    if not isinstance(found, Recovery) or not is_spike(case, found.phases):
        return []
    evidence: Evidence = {
        "recovery_time_s": found.took_s,
        "watched_s": found.watched_s,
        "p95_before_ms": round(found.p95_before_ms, 1),
        "p95_worst_ms": round(found.p95_worst_ms, 1),
        "normal_up_to_ms": round(found.limit_ms, 1),
        "errors_before": round(found.errors_before, 5),
        "errors_spike": round(found.errors_spike, 5),
    }
    times = found.p95_worst_ms / found.p95_before_ms
    worst = f"p95 rose to {format_ms(found.p95_worst_ms)} ({times:.1f} times normal)"
    if found.p95_worst_ms <= found.limit_ms:
        worst = f"p95 stayed normal, up to {format_ms(found.p95_worst_ms)}"
    if found.errors_spike > found.errors_before + 0.001:
        worst += f" with {format_percent(100 * found.errors_spike)} errors"
    if found.took_s is None:
        message = (
            f"after the spike it was not itself again within {format_duration(found.watched_s)}: in the spike {worst}, "
            f"and later it did not stay below {format_ms(found.limit_ms)}"
        )
        return [Finding("spike-not-recovered", "warning", message, evidence, _advice(found))]
    back = "at once" if found.took_s == 0 else f"{format_duration(found.took_s)} after the load was back"
    return [Finding("spike-recovered", "good", f"in the spike {worst}; normal again {back}", evidence)]


def is_spike(case: Case, found: Phases) -> bool:
    before = case.scenario.load.level_at(found.before[0])
    asked = any(target.metric == "recovery_time" for target in case.scenario.targets)
    return asked or case.scenario.load.peak >= SPIKE * before


def _advice(found: Recovery) -> tuple[str, ...]:
    errors = "errors went on after it: look for connections or workers that were not given back"
    queue = (
        "a queue that is still being worked off keeps latency up: bound it, or reject early under overload"
    )
    return (errors if found.errors_spike > 0.01 else queue,)
