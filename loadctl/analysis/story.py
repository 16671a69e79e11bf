"""The story of a run: the likeliest cause of its verdict, and what to do next. Chosen by evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadctl.analysis.cause import causes, commonest_error, error_kind
from loadctl.analysis.errors import slowest
from loadctl.analysis.next_steps import remedies
from loadctl.analysis.run_context import RunContext
from loadctl.results.decision import Decision, label, sentence
from loadctl.results.summary import failure_text
from loadctl.results.verdict import Finding, Score, Status, Verdict
from loadctl.scenario.units import format_count, format_limit, format_value

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
