"""The story of a run: the likeliest cause of its verdict, and what to do next. Chosen by evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadctl.analysis.case import Case
from loadctl.analysis.errors import slowest
from loadctl.analysis.remedy import remedies
from loadctl.results.answer import said
from loadctl.results.decision import Decision, label, sentence
from loadctl.results.finding import Finding
from loadctl.results.interval import GENERATOR_FAULT
from loadctl.results.score import Score, Status
from loadctl.results.verdict import Verdict
from loadctl.scenario.units import format_clock, format_count, format_limit, format_value

_CAUSES = (
    "all-requests-failed",
    "service-crashed",
    "service-restarted",
    "service-unreachable",
    "script_fault",
    "script_verdict",
    "generator-saturated",
    "generator-faults",
    "cpu-high",
    "data-incomplete",
    "load-not-reached",
    "closed-model-stall",
)
"""Likeliest cause first, of what may be the cause of a verdict that is not PASS."""
_NO_CAUSE_OF_FAIL = {"generator-saturated", "generator-faults", "data-incomplete", "load-not-reached"}
"""A limit that is broken in spite of them was broken by the system: what they spoil is voided."""
_BROKEN = (Verdict.FAIL, Verdict.WARN)


def story(case: Case, findings: Sequence[Finding], decision: Decision) -> tuple[str | None, tuple[str, ...]]:
    """Why (None where the reasons say all), and what to do, as commands or short sentences."""
    if decision.verdict is Verdict.PASS:
        return None, tuple(_after_pass(case))
    if decision.verdict is Verdict.INTERRUPTED:
        return None, ()
    causes = sorted(
        (
            finding
            for finding in findings
            if finding.id in _CAUSES
            and not (decision.verdict is Verdict.FAIL and finding.id in _NO_CAUSE_OF_FAIL)
        ),
        key=lambda finding: _CAUSES.index(finding.id),
    )
    parts = [sentence(finding.message) for finding in causes[:1]]
    if not causes:
        parts.extend(_worst(case, findings) if decision.verdict in _BROKEN else _commonest_error(case))
    fresh = [part for part in dict.fromkeys(parts) if part and not _said(part, decision)]
    slow = [finding for finding in findings if finding.id == "slow-responses"]
    advice = next((finding.advice for finding in [*causes, *slow] if finding.advice), None)
    advice = advice or list(_next_step(case, decision.verdict))
    return " ".join(fresh) or None, tuple(dict.fromkeys(advice))


def _said(part: str, decision: Decision) -> bool:
    return any(part.rstrip(".").lower() in reason.lower() for reason in decision.reasons)


_TELLS = {"breaking_point": "breaking-point", "recovery_time": "spike-not-recovered"}
"""Findings that say what a metric's value consists of."""


def _worst(case: Case, findings: Sequence[Finding]) -> Iterator[str]:
    """What the score furthest beyond its limit consists of; else its numbers."""
    score = _furthest(case.scores)
    metric = None if score is None else score.target.metric
    told = [sentence(finding.message) for finding in findings if finding.id == _TELLS.get(metric or "")]
    if metric in {"error_rate", None}:
        told = list(_commonest_error(case))
    yield from told[:1] or [worst(case.scores)]


def worst(scores: Sequence[Score]) -> str:
    """The score furthest beyond its limit, with its numbers."""
    score = _furthest(scores)
    if score is None:
        return ""
    target, failed = score.target, score.status is Status.FAIL
    limit = target.critical if failed or target.target is None else target.target
    kind = "critical limit" if failed else "target"
    shown = format_value(score.value or 0.0, target.unit)
    return f"{_capital(label(target))} is {shown}; its {kind} is {format_limit(limit, target.unit)}."


def _furthest(scores: Sequence[Score]) -> Score | None:
    bad = [
        score
        for score in scores
        if score.judged
        and not score.void
        and score.status in {Status.FAIL, Status.WARN}
        and score.value is not None
    ]
    return max(bad, key=lambda one: (one.status is Status.FAIL, one.distance or 0.0), default=None)


def _capital(name: str) -> str:
    return "CPU" if name == "cpu" else f"{name[:1].upper()}{name[1:]}"


def _commonest_error(case: Case) -> Iterator[str]:
    total = case.folded.summary.total
    counts = {name: count for name, count in total.errors.items() if name != GENERATOR_FAULT}
    if total.unfinished > max(counts.values(), default=0):
        yield (
            f"{format_count(total.unfinished)} of {format_count(total.completed + total.unfinished)} requests "
            "had no answer when the run ended."
        )
        return
    if not counts:
        return
    error_class, count = max(counts.items(), key=lambda item: item[1])
    alike = [one for one in case.recording.examples if one.error_class == error_class]
    first = min(alike, key=lambda one: one.t, default=None)
    words = "" if first is None else f', first at {format_clock(first.t)}: "{said(first)}"'
    yield f"{format_count(count)} × {error_class.replace('_', ' ')}{_where(case, error_class, count)}{words}."


def _where(case: Case, error_class: str, count: int) -> str:
    most, name = max((one.errors.get(error_class, 0), one.endpoint) for one in case.folded.summary.endpoints)
    return f" on {name}" if most == count else f", {format_count(most)} of them on {name}"


def _next_step(case: Case, verdict: Verdict) -> Iterator[str]:
    short = [score for score in case.scores if score.judged and score.status is Status.NO_DATA]
    longer = next(remedies(case.scenario, case.lacking, case.argv), None)
    if verdict is Verdict.INCONCLUSIVE and longer is not None:
        yield f"{longer.purpose}: {longer.command}"
    elif verdict is Verdict.INCONCLUSIVE and any("needs" in (score.reason or "") for score in short):
        yield f"loadctl show {case.scenario.name} says how long a run must be for every target"
    elif not case.scores:
        yield f"loadctl run {case.scenario.name}{case.place} --target latency_p95=200ms"
    elif case.folded.summary.total.failed or case.folded.summary.total.unfinished:
        yield case.look_closer
    elif verdict is Verdict.WARN:
        yield from slowest(case)


def _after_pass(case: Case) -> Iterator[str]:
    if not any(target.metric.startswith("latency_") for target in case.scenario.targets):
        yield f"no latency limit is set: loadctl run {case.scenario.name}{case.place} --target latency_p95=200ms"
