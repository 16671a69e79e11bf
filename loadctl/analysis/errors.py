"""What failed, and did it all fail the same way? Limits come from the targets where they exist, else 0.1 % and 1 %."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from loadctl.analysis.run_context import RunContext
from loadctl.results.decision import label
from loadctl.results.interval import GENERATOR_FAULT
from loadctl.results.summary import failure_text
from loadctl.results.verdict import Evidence, Finding, Score, Severity, Status
from loadctl.scenario.units import format_count, format_limit, format_ms, format_percent, format_value

TARGET_PCT = 0.1
CRITICAL_PCT = 1.0
SLOW_MS = 500.0
ALIKE_SHARE = 0.9
_CONNECTION = {"timeout", "connect_refused", "connect_timeout", "reset", "dns", "tls", "protocol"}


def error_findings(run: RunContext) -> list[Finding]:
    return [*_errors(run), *_all_failed(run), *_slow(run)]


def _errors(run: RunContext) -> Iterator[Finding]:
    total = run.folded.summary.total
    if total.error_rate is None:
        return
    requests, failed = total.completed + total.unfinished, total.failed + total.unfinished
    percent = total.error_rate * 100
    evidence: Evidence = {"error_rate_pct": round(percent, 4), "failed": failed, "requests": requests}
    if not failed:
        yield Finding("no-errors", "good", f"none of {format_count(requests)} requests failed", evidence)
        return
    target = run.target("error_rate")
    target = None if target is None or target.unit != "%" else target
    critical = CRITICAL_PCT if target is None else target.critical
    wanted = TARGET_PCT if target is None else target.target
    counts = f"{format_count(failed)} of {format_count(requests)}"
    share = f"{format_percent(percent)} of requests failed ({counts})"
    advice = [
        f"look first at {name.replace('_', ' ')} ({format_count(count)} times)"
        for name, count in Counter(total.errors).most_common(1)
    ]
    if percent > critical:
        message = f"{share}, above the critical limit of {format_limit(critical, '%')}"
        # a limit that the scenario does not judge must not decide the verdict through a back door
        severity: Severity = "critical" if target is not None and target.judged else "warning"
        yield Finding("errors-over-critical", severity, message, evidence, tuple(advice))
    elif wanted is not None and percent > wanted:
        message = f"{share}, above the target of {format_limit(wanted, '%')}"
        yield Finding("errors-over-target", "warning", message, evidence, tuple(advice))


def _all_failed(run: RunContext) -> Iterator[Finding]:
    """Every request failed; where nearly all failed alike by an answer, the scenario is wrong, not the load."""
    total = run.folded.summary.total
    requests = total.completed + total.unfinished
    if not requests or total.failed + total.unfinished < requests:
        return
    errors = Counter({name: n for name, n in total.errors.items() if name != GENERATOR_FAULT})
    error_class, count = errors.most_common(1)[0] if errors else ("unfinished", total.unfinished)
    words = "no answer" if error_class == "unfinished" else error_class.replace("_", " ")
    evidence: Evidence = {"requests": requests, "error_class": error_class, "of_this_class": count}
    message = f"all {format_count(requests)} requests failed"
    advice = []
    if count < ALIKE_SHARE * requests:
        message += f", most often with {words}"
    else:
        message += f" the same way: {words}"
        example = next((e for e in run.recording.examples if e.error_class == error_class), None)
        if example is not None:
            message += f' on {example.endpoint}, "{failure_text(example)}"'
        advice = [f"see one with: {run.look_closer}"]
        if error_class.startswith("status_4") or error_class == "check_failed":
            message += "; this points to the scenario, not the load"
        elif error_class in _CONNECTION or error_class == "unfinished":
            advice = [f"check that the system is up and that {run.scenario.shown_host} is its address"]
    yield Finding("all-requests-failed", "critical", message, evidence, tuple(advice))


def _slow(run: RunContext) -> Iterator[Finding]:
    """Responses beyond the critical limit: of the targets; 500 ms where the scenario has no latency limit."""
    failed = [score for score in run.scores if score.status is Status.FAIL and not score.void]
    slow = [score for score in failed if score.target.metric.startswith("latency_")]
    if slow:
        message = "latency is beyond its critical limit: " + ", ".join(map(_beyond, slow))
        severity: Severity = "critical" if any(score.judged for score in slow) else "warning"
        evidence: Evidence = {f"{label(score.target)} ({score.target.unit})": score.value for score in slow}
        yield Finding("slow-responses", severity, message, evidence, tuple(slowest(run)))
    p95 = run.folded.summary.total.latency.p95
    limited = any(target.metric.startswith("latency_") for target in run.scenario.targets)
    if not limited and p95 is not None and p95 > SLOW_MS:
        message = f"5 % of requests took {format_ms(p95)} or longer"
        advice = ("set a limit of your own: --target latency_p95=200ms",)
        yield Finding("slow-responses", "warning", message, {"latency_p95_ms": p95}, advice)


def slowest(run: RunContext) -> Iterator[str]:
    """Where to look first, if there is more than one place."""
    endpoints = run.folded.summary.endpoints
    known = [(one.latency.p95, one.endpoint) for one in endpoints if one.latency.p95 is not None]
    if len(endpoints) > 1 and known:
        p95, name = max(known)
        yield f"look first at {name}: p95 {format_ms(p95)}"


def _beyond(score: Score) -> str:
    unit = score.target.unit
    value = "unknown" if score.value is None else format_value(score.value, unit)
    return f"{label(score.target)} {value} (limit {format_limit(score.target.critical, unit)})"


_SHOWN = 160


def log_findings(run: RunContext) -> list[Finding]:
    """`log-errors`: a warning, whether or not a target limits them; the target decides what they are worth."""
    logs = run.measured.logs
    if logs is None or not logs.errors:
        return []
    errors = f"{format_count(logs.errors)} error{'' if logs.errors == 1 else 's'}"
    message = f"the system logged {errors} in {format_count(logs.lines)} lines"
    evidence: Evidence = {"errors": logs.errors, "lines": logs.lines}
    start, end = run.window
    first = next((e for e in run.recording.events if e.kind == "log_error" and start < e.t <= end), None)
    if first is not None:
        message += f', first at {run.at(first.t)}: "{first.message[:_SHOWN]}"'
        evidence["first_at_s"] = first.t
    often = max(logs.frequent, key=lambda one: one.count, default=None)
    if often is not None and often.count > 1 and logs.errors > often.count:
        message += f'; the most frequent ({format_count(often.count)} times): "{often.message[:_SHOWN]}"'
    at = f" at {run.at(first.t)}" if first is not None else ""
    return [Finding("log-errors", "warning", message, evidence, (f"read {logs.followed}{at}",))]
