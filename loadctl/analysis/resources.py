"""Did the system stay within what it may use, and is there Nagle's delay?

`nagle-delay`: a floor at 40 to 44 ms is Linux's delayed acknowledgement (40 ms) meeting Nagle's algorithm (RFC 896,
RFC 1122 §4.2.3.2); told where nothing is faster, and half of the answers are hardly slower.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.case import Case
from loadctl.results.finding import Evidence, Finding
from loadctl.results.score import Status
from loadctl.scenario.units import format_ms

_NAGLE_MS = (39.0, 45.0)
_NAGLE_REQUESTS = 50


def resource_findings(case: Case) -> list[Finding]:
    return [*_within_limits(case), *_nagle(case)]


def _within_limits(case: Case) -> Iterator[Finding]:
    """Both were judged, and both met their targets."""
    scores = {score.target.metric: score for score in case.scores if score.target.scope.kind == "run"}
    chosen = [scores.get(name) for name in ("cpu", "memory")]
    if any(score is None or score.status is not Status.PASS or score.void for score in chosen):
        return
    use = case.measured.system
    evidence: Evidence = {
        "cpu_pct": None if use.cpu_pct is None else round(use.cpu_pct, 1),
        "memory_bytes": use.memory_bytes,
    }
    yield Finding("resources-within-limits", "good", "cpu and memory stayed within their targets", evidence)


def _nagle(case: Case) -> Iterator[Finding]:
    low, high = _NAGLE_MS
    for row in case.folded.summary.endpoints:
        cell = row.latency
        if cell.n < _NAGLE_REQUESTS or cell.min is None or cell.p50 is None:
            continue
        if low <= cell.min <= high and cell.p50 <= high + 5:
            message = (
                f"{row.endpoint} never answers in less than {format_ms(cell.min)}: a floor at 40 to 44 ms is "
                "the mark of Nagle's algorithm and delayed acknowledgements, not of work"
            )
            evidence: Evidence = {"endpoint": row.endpoint, "min_ms": cell.min, "p50_ms": cell.p50}
            advice = (
                "set TCP_NODELAY on the server's sockets (or write head and body in one piece), and run again",
            )
            yield Finding("nagle-delay", "warning", message, evidence, advice)
            return
