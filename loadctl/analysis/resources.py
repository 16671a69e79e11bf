"""Did the system stay within what it may use, is its memory near its limit, and is there Nagle's delay?

`nagle-delay`: a floor at 40 to 44 ms is Linux's delayed acknowledgement (40 ms) meeting Nagle's algorithm (RFC 896,
RFC 1122 §4.2.3.2); told where nothing is faster, and half of the answers are hardly slower.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.run_context import RunContext
from loadctl.results.measures.usage import of_best_source
from loadctl.results.verdict import Evidence, Finding, Status
from loadctl.scenario.units import format_bytes, format_ms

_NEAR_LIMIT = 0.9
_NAGLE_MS = (39.0, 45.0)
_NAGLE_REQUESTS = 50


def resource_findings(run: RunContext) -> list[Finding]:
    return [*_within_limits(run), *_memory(run)]


def _within_limits(run: RunContext) -> Iterator[Finding]:
    """Both were judged, and both met their targets."""
    scores = {score.target.metric: score for score in run.scores if score.target.scope.kind == "run"}
    chosen = [scores.get(name) for name in ("cpu", "memory")]
    if any(score is None or score.status is not Status.PASS or score.void for score in chosen):
        return
    use = run.measured.system
    evidence: Evidence = {
        "cpu_pct": None if use.cpu_pct is None else round(use.cpu_pct, 1),
        "memory_bytes": use.memory_bytes,
    }
    yield Finding("resources-within-limits", "good", "CPU and memory stayed within their targets", evidence)


def _memory(run: RunContext) -> Iterator[Finding]:
    """`memory-high`: beyond its target, or near the limit at which the kernel ends it."""
    most = run.measured.system.memory_bytes
    if most is None:
        return
    wanted = run.first_limit("memory")
    limits = of_best_source(run.readings("system")).values("memory_limit_bytes")
    evidence: Evidence = {"memory_bytes": most, "limit_bytes": limits[-1] if limits else None}
    if limits and most > _NEAR_LIMIT * limits[-1]:
        of = f" of its limit of {format_bytes(limits[-1])}"
    elif wanted is not None and most > wanted:
        of = f", above its target of {format_bytes(wanted)}"
    else:
        return
    yield Finding("memory-high", "warning", f"memory reached {format_bytes(most)}{of}", evidence)


def nagle_findings(run: RunContext) -> list[Finding]:
    low, high = _NAGLE_MS
    for row in run.folded.summary.endpoints:
        cell = row.latency
        if cell.n < _NAGLE_REQUESTS or cell.min is None or cell.p50 is None:
            continue
        if low <= cell.min <= high and cell.p50 <= high + 5:
            message = (
                f"{row.endpoint} never answers in less than {format_ms(cell.min)}: a floor at 40 to 44 ms is "
                "typical of Nagle's algorithm with delayed acknowledgements, not of real work"
            )
            evidence: Evidence = {"endpoint": row.endpoint, "min_ms": cell.min, "p50_ms": cell.p50}
            advice = (
                "set TCP_NODELAY on the server's sockets (or write head and body in one piece), and run again",
            )
            return [Finding("nagle-delay", "warning", message, evidence, advice)]
    return []
