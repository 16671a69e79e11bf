"""The likeliest cause of a verdict, in one sentence, and what to do about it.

It is the most severe finding among those that explain what failed.

A process that ended explains everything that failed after it. Wrong requests and faults of the system explain the error
rate; what the system ran short of explains its latency, its throughput and the failures of an overload. What is wrong
with the measurement explains why there is no verdict, never a FAIL or a WARN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from loadctl.analysis.errors import slowest
from loadctl.analysis.next_steps import remedies
from loadctl.analysis.run_context import RunContext
from loadctl.results.decision import Decision, label, sentence
from loadctl.results.histogram import Pool
from loadctl.results.interval import GENERATOR_FAULT
from loadctl.results.summary import failure_text
from loadctl.results.verdict import Finding, Score, Status, Verdict
from loadctl.scenario.units import format_count, format_limit, format_value

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


_BROKEN = (Verdict.FAIL, Verdict.WARN)
_LATENCY = ("--target", "latency_p95=200ms")


def story(
    run: RunContext, findings: Sequence[Finding], decision: Decision
) -> tuple[str | None, tuple[str, ...]]:
    """Why (None where the reasons say all), and what to do, as commands or short sentences."""
    if decision.verdict is Verdict.PASS:
        return None, tuple(_after_pass(run))
    if decision.verdict is Verdict.INTERRUPTED:
        return None, ()
    found = causes(run, findings, decision.verdict)
    why = _of_cause(run, found[0]) if found else ""
    if not found and decision.verdict in _BROKEN:
        why = worst(run.scores)
    elif not found and decision.verdict is Verdict.ERROR:
        why = _commonest_error(run)
    slow = [one for one in findings if one.id == "slow-responses" and decision.verdict in _BROKEN]
    advice = next((finding.advice for finding in [*found[:1], *slow] if finding.advice), ())
    advice = advice or tuple(_next_step(run, decision.verdict))
    return (None if _said(why, decision) else why or None), tuple(dict.fromkeys(advice))


def _of_cause(run: RunContext, finding: Finding) -> str:
    """Which failures they were says more than how many."""
    return _commonest_error(run) if finding.id.startswith("errors-over-") else sentence(finding.message)


def _said(part: str, decision: Decision) -> bool:
    return any(part.rstrip(".").lower() in reason.lower() for reason in decision.reasons)


def worst(scores: Sequence[Score]) -> str:
    """The score furthest beyond its limit, with its numbers."""
    beyond = (Status.FAIL, Status.WARN)
    bad = [one for one in scores if one.decides and one.status in beyond and one.value is not None]
    score = max(bad, key=lambda one: (one.status is Status.FAIL, one.distance or 0.0), default=None)
    if score is None:
        return ""
    target, failed = score.target, score.status is Status.FAIL
    limit = target.critical if failed or target.target is None else target.target
    kind = "critical limit" if failed else "target"
    shown = format_value(score.value or 0.0, target.unit)
    name = label(target)
    name = "CPU" if name == "cpu" else f"{name[:1].upper()}{name[1:]}"
    return f"{name} is {shown}; its {kind} is {format_limit(limit, target.unit)}."


def _commonest_error(run: RunContext) -> str:
    commonest = commonest_error(run)
    if commonest is None:
        return ""
    error_class, count = commonest
    if error_class == "unfinished":
        total = run.folded.summary.total
        of = format_count(total.completed + total.unfinished)
        return f"{format_count(count)} of {of} requests had no answer when the run ended."
    alike = [one for one in run.recording.examples if one.error_class == error_class]
    first = min(alike, key=lambda one: one.t, default=None)
    words = "" if first is None else f', first at {run.at(first.t)}: "{failure_text(first)}"'
    most, name = max((one.errors.get(error_class, 0), one.endpoint) for one in run.folded.summary.endpoints)
    where = f" on {name}" if most == count else f", {format_count(most)} of them on {name}"
    return f"{format_count(count)} × {error_class.replace('_', ' ')}{where}{words}."


def _next_step(run: RunContext, verdict: Verdict) -> Iterator[str]:
    short = [score for score in run.scores if score.judged and score.status is Status.NO_DATA]
    longer = next(remedies(run.scenario, run.lacking, run.argv), None)
    if verdict is Verdict.INCONCLUSIVE and longer is not None:
        yield f"{longer.purpose}: {longer.command}"
    elif verdict is Verdict.INCONCLUSIVE and any("needs" in (score.reason or "") for score in short):
        yield f"see how long a run must be for every target: {run.invocation.command('show', place=False)}"
    elif not run.scores:
        yield run.invocation.again(*_LATENCY)
    elif verdict in _BROKEN and error_kind(run) == "scenario":
        yield run.look_closer
    elif verdict is Verdict.WARN:
        yield from slowest(run)


def _after_pass(run: RunContext) -> Iterator[str]:
    if not any(target.metric.startswith("latency_") for target in run.scenario.targets):
        yield f"set a latency limit: {run.invocation.again(*_LATENCY)}"
