"""The likeliest cause of a verdict: the most severe finding among those that explain what failed.

A process that ended explains everything that failed after it. Wrong requests and faults of the system explain the error
rate; what the system ran short of explains its latency, its throughput and the failures of an overload. What is wrong
with the measurement explains why there is no verdict, never a FAIL or a WARN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from loadctl.analysis.run_context import RunContext
from loadctl.results.histogram import Pool
from loadctl.results.interval import GENERATOR_FAULT
from loadctl.results.verdict import Finding, Status, Verdict

ErrorKind = Literal["scenario", "system", "overload"]
_OVERLOAD = frozenset({"timeout", "connect_timeout", "connect_refused", "reset", "unfinished", "protocol"})
_OVERLOAD_STATUS = frozenset({"status_408", "status_429", "status_502", "status_503", "status_504"})
_TIME = frozenset({"time", "breaking_point", "recovery_time"})
"""What depends on how quickly the system answers."""
_SLOW = _TIME | {"overload"}
_ALL = _SLOW | {"errors", "cpu", "memory", "log_errors", "other"}
_EXPLAINS: Mapping[str, frozenset[str]] = {
    "service-crashed": _ALL,
    "service-restarted": _ALL,
    "service-unreachable": _ALL,
    "script_fault": _ALL,
    "script_verdict": _ALL,
    "all-requests-failed": _ALL,
    "errors of the scenario or the system": _ALL,
    "rate-limit-not-working": frozenset({"errors", "overload"}),
    "worker-lost": _SLOW,
    "worker-restarted": _SLOW,
    "system-stalls": _SLOW,
    "cpu-high": _SLOW | {"cpu"},
    "cpu-throttled": _SLOW | {"cpu"},
    "memory-growing": frozenset({"memory"}),
    "memory-high": frozenset({"memory"}),
    "throughput-saturated": _SLOW,
    "errors-over-critical": frozenset({"errors", "overload", "breaking_point"}),
    "errors-over-target": frozenset({"errors", "overload"}),
    "breaking-point": frozenset({"breaking_point"}),
    "spike-not-recovered": frozenset({"recovery_time"}),
    "log-errors": frozenset({"log_errors"}),
}
"""The most severe first; each with what it can cause."""
_RANK = {finding_id: rank for rank, finding_id in enumerate(_EXPLAINS)}
_ERRORS = ("errors-over-critical", "errors-over-target")
_NO_VERDICT = ("generator-saturated", "generator-faults", "data-incomplete", "load-not-reached")
_SEVERITIES = ("invalid", "critical", "warning", "info", "good")


def by_gravity(run: RunContext, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """By severity, and within it by what explains most."""
    kind = error_kind(run)
    return tuple(sorted(findings, key=lambda one: (_SEVERITIES.index(one.severity), _rank(one, kind))))


def causes(run: RunContext, findings: Sequence[Finding], verdict: Verdict) -> list[Finding]:
    """The causes, the most severe first; `findings` are ordered by gravity."""
    if verdict is Verdict.INCONCLUSIVE:
        doubts = [
            finding for name in _NO_VERDICT for finding in findings if finding.id == name and finding.voids
        ]
        stalls = [one for one in findings if one.id == "system-stalls" and run.measured.break_doubt]
        return doubts or stalls
    kind = error_kind(run)
    failed = {
        _what(score.target.metric, kind) for score in run.scores if score.judged and _missed(score.status)
    }
    found = [
        finding
        for finding in findings
        if finding.id in _EXPLAINS and (finding.severity == "critical" or _EXPLAINS[finding.id] & failed)
        if finding.severity in {"critical", "warning"}
        if finding.id != "system-stalls" or _stalls_explain(run)
    ]
    if verdict is Verdict.ERROR:
        found += [finding for finding in findings if finding.id in _NO_VERDICT]
    return sorted(found, key=lambda finding: _rank(finding, kind))


def _stalls_explain(run: RunContext) -> bool:
    """Whether at least half of the requests that were too slow or got no answer waited in a stall."""
    late = [
        score
        for score in run.scores
        if score.target.metric.startswith(("latency_", "ttfb_"))
        and _missed(score.status)
        and score.target.unit == "ms"
    ]
    if not late:
        return True
    limit_ms = max(score.target.critical for score in late)
    slow = Pool([second.ok for second in run.seconds]).beyond(limit_ms)
    return 2 * sum(stall.waiting for stall in run.measured.stalls) >= slow


def error_kind(run: RunContext) -> ErrorKind | None:
    """Of the commonest failure: a request that is wrong, a fault of the system, or what an overload brings."""
    commonest = commonest_error(run)
    if commonest is None:
        return None
    name = commonest[0]
    if name in _OVERLOAD or name in _OVERLOAD_STATUS:
        return "overload"
    return "system" if name.startswith("status_5") else "scenario"


def commonest_error(run: RunContext) -> tuple[str, int] | None:
    """Its class and how often; "unfinished": no answer when the run ended."""
    total = run.folded.summary.total
    counts = {name: count for name, count in total.errors.items() if name != GENERATOR_FAULT}
    if total.unfinished:
        counts["unfinished"] = total.unfinished
    return max(counts.items(), key=lambda item: item[1], default=None)


def _rank(finding: Finding, kind: ErrorKind | None) -> int:
    """Failures that overload does not cause come before what the system ran short of."""
    if finding.id in _ERRORS and kind in {"scenario", "system"}:
        return _RANK["errors of the scenario or the system"]
    return _RANK.get(finding.id, len(_RANK))


def _missed(status: Status) -> bool:
    return status in {Status.FAIL, Status.WARN}


def _what(metric: str, kind: ErrorKind | None) -> str:
    if metric == "error_rate":
        return "overload" if kind == "overload" else "errors"
    if metric.startswith(("latency_", "ttfb_")) or metric in {"throughput", "max_throughput"}:
        return "time"
    return metric if metric in _ALL else "other"
