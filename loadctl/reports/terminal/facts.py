"""The lines below the tables: errors, load, system, generator, what was noticed, what comes next. Record → str."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from loadctl.reports.printable import hanging, printable
from loadctl.results.decision import RESTATES, sentence
from loadctl.results.findings import FINDINGS, FindingId
from loadctl.results.profile import ProfileUse
from loadctl.results.recording import Example
from loadctl.results.result import LogUse, ResourceUse, Result
from loadctl.results.summary import Summary, failure_text
from loadctl.results.verdict import Finding, Status
from loadctl.scenario.units import format_bytes, format_count, format_moment, format_ms, format_percent

_CLASSES = 5
_ENDPOINTS = 3


def failure_lines(result: Result) -> list[str]:
    """The commonest class first."""
    classes: dict[str, dict[str, int]] = {}
    for row in result.summary.endpoints:
        unfinished = {"unfinished": row.unfinished} if row.unfinished else {}
        for name, count in {**row.errors, **unfinished}.items():
            classes.setdefault(name, {})[row.endpoint] = count
    commonest = sorted(classes.items(), key=lambda item: -sum(item[1].values()))
    lines = [_line(name, counts, result.examples, result.started_at) for name, counts in commonest[:_CLASSES]]
    if len(classes) > _CLASSES:
        left = len(classes) - _CLASSES
        lines.append(f"… and {left} more kind{'s' if left > 1 else ''}: loadctl report --json")
    return lines


def _line(name: str, counts: dict[str, int], examples: Sequence[Example], began: str | None) -> str:
    found = sorted(counts.items(), key=lambda item: -item[1])
    if len(found) == 1:
        where = printable(found[0][0], 60)
    else:
        where = ", ".join(f"{printable(one, 60)} {format_count(count)}" for one, count in found[:_ENDPOINTS])
        if len(found) > _ENDPOINTS:
            where += f" and {len(found) - _ENDPOINTS} more"
    head = f"{format_count(sum(counts.values()))} × {printable(name.replace('_', ' '), 60)}, {where}"
    first = min((e for e in examples if e.error_class == name), key=lambda e: e.t, default=None)
    return (
        head
        if first is None
        else f'{head}, first at {format_moment(first.t, began)}: "{printable(failure_text(first), 120)}"'
    )


_HEAD = f"{'NOTICED':<11}"


def noticed_lines(result: Result, width: int) -> Iterator[str]:
    """Wrapped under the names of the findings."""
    head = _HEAD
    for severity in ("invalid", "critical", "warning", "info", "good"):
        findings = [finding for finding in result.findings if finding.severity == severity]
        for text in _texts(findings, result):
            yield from hanging(f"{head}{severity:<9}", text, width)
            head = " " * len(_HEAD)


def _texts(findings: list[Finding], result: Result) -> Iterator[str]:
    named = [finding for finding in findings if finding.severity == "good" or _is_said(finding, result)]
    if named:
        yield ", ".join(dict.fromkeys(finding.id for finding in named))
    yield from (f"{f.id}: {printable(f.message)}" for f in findings if f not in named)


def _is_said(finding: Finding, result: Result) -> bool:
    """By the reasons, by the story, or by the table of the targets."""
    if finding.id in RESTATES and any(score.status is Status.FAIL for score in result.scores):
        return True
    shown = " ".join([*result.reasons, result.why or ""]).lower()
    return sentence(finding.message).lower().rstrip(".") in shown


_FAULTY = ("generator-faults", "invalid")
_HEALTH = {
    ("generator-saturated", "invalid"): "saturated",
    _FAULTY: "faulty",
    ("data-incomplete", "invalid"): "incomplete",
    ("generator-saturated", "warning"): "late",
    ("generator-lag", "info"): "late",
}
"""How the generator is described after its most severe finding."""
_GRAVE = ("invalid", "critical", "warning")
_NEXT = f"{'NEXT':<11}"
_BEHIND = ("generator-saturated", "generator-lag")


def facts(result: Result, width: int) -> Iterator[str]:
    yield from _section("ERRORS", failure_lines(result), width)
    if result.files:
        yield from _section("FILE", [_file(result)], width)
        yield from noticed_lines(result, width)
        yield from _next(result, width)
        return
    yield from _section("LOAD", _load(result), width)
    yield from _section(
        "SYSTEM", [_system(use) for use in (result.resources.system, *result.resources.companions)], width
    )
    yield from _section("LOGS", _logs(result.resources.logs), width)
    yield from _section("PROFILE", _profile(result.profile), width)
    yield from _section("GENERATOR", [_generator(result), *_users(result)], width)
    yield from noticed_lines(result, width)
    yield from _next(result, width)


def _section(head: str, lines: Sequence[str], width: int) -> Iterator[str]:
    for line in lines:
        yield from hanging(f"{head:<11}", line, width)
        head = ""


def _file(result: Result) -> str:
    """What was read instead of a recording."""
    counters, files = result.counters, printable(", ".join(result.files), 200)
    arrivals = "" if counters.begun is None else f" of {format_count(counters.begun)} virtual users"
    many = f"{format_count(counters.started)} requests{arrivals}"
    return f"{result.source} ({files}): {many}, measured by the engine itself"


def _load(result: Result) -> list[str]:
    counters = result.counters
    split = f"{_many(counters.started)} = {' + '.join(_parts(result))}"
    if counters.planned_arrivals is None:
        most = max((point.users for point in result.timeline), default=0)
        lines = [f"{format_count(most)} of {format_count(result.peak or 0)} users; {split}"]
    else:
        begun, dropped = format_count(counters.begun or 0), format_count(counters.dropped or 0)
        planned = format_count(counters.planned_arrivals)
        lines = [f"{planned} arrivals planned = {begun} begun + {dropped} dropped", split]
    if result.started_at is not None:
        lines.append(f"began {datetime.fromisoformat(result.started_at):%Y-%m-%d %H:%M:%S} UTC")
    if no_answer := result.summary.total.unfinished:
        lines.append(f"{_many(no_answer)} had no answer at the end and count as failed")
    if cut := _cut_off(result):
        lines.append(f"{_many(cut)} were lost with their engine process and do not count")
    if counters.rate_limited:
        lines.append(f"{_many(counters.rate_limited)} answered 429 within the declared rate limit")
    return lines


def _many(requests: int) -> str:
    return f"{format_count(requests)} request{'' if requests == 1 else 's'}"


def _parts(result: Result) -> Iterator[str]:
    """What the requests of the whole run consist of, so that it adds up."""
    left = result.counters.started - _requests(result.summary)
    yield f"{format_count(_requests(result.summary))} scored"
    warmup = sum(_requests(stage.summary) for stage in result.stages if stage.warmup)
    if warmup:
        yield f"{format_count(warmup)} warm-up"
    down = [
        stage
        for stage in result.stages
        if not stage.warmup and stage.start_s >= result.window.end_s < stage.end_s
    ]
    ramp_down = sum(_requests(stage.summary) for stage in down)
    if ramp_down:
        yield f"{format_count(ramp_down)} ramp-down"
    if cut := _cut_off(result):
        yield f"{format_count(cut)} cut off"
    if left > warmup + ramp_down + cut:
        yield f"{format_count(left - warmup - ramp_down - cut)} {_others(result)}"


def _others(result: Result) -> str:
    return "others" if result.profile is None or result.profile.profiled else "while profiled"


def _cut_off(result: Result) -> int:
    """Under way in an engine process that died: started, but in no stage's figures."""
    return result.counters.unfinished - sum(stage.summary.total.unfinished for stage in result.stages)


def _requests(summary: Summary) -> int:
    return summary.total.completed + summary.total.unfinished


def _system(use: ResourceUse) -> str:
    parts = []
    if use.cpu_pct is not None:
        cores = f" of {use.cores_available:g} cores" if use.cores_available is not None else ""
        parts.append(f"cpu {format_percent(use.cpu_pct, 0)}{cores}")
    if use.memory_bytes is not None:
        first, most = (format_bytes(size or 0) for size in (use.memory_first_bytes, use.memory_bytes))
        grown = use.memory_first_bytes is not None and first != most
        kind = f" ({use.memory_kind})" if use.memory_kind else ""
        parts.append(f"memory {f'{first}, up to {most}' if grown else most}{kind}")
    parts.extend(f"{name}: {why}" for name, why in use.reasons.items())
    return f"{printable(use.watched or 'not watched', 200)}: {printable(', '.join(parts)) or 'no readings'}"


def _logs(logs: LogUse | None) -> list[str]:
    if logs is None:
        return []
    found = f"{format_count(logs.errors)} errors in {format_count(logs.lines)} lines"
    lines = [f"{printable(logs.followed, 120)}: {found}"]
    lines += [f"{format_count(one.count)} × {printable(one.message, 120)}" for one in logs.frequent[:3]]
    return [*lines, *([printable(logs.unread, 200)] if logs.unread else [])]


def _profile(use: ProfileUse | None) -> list[str]:
    """What ran most when it was worst, and where to look."""
    if use is None:
        return []
    lines = []
    for one in use.top[:3]:
        calm = "" if one.calm_pct is None else f" ({format_percent(one.calm_pct, 0)} when calm)"
        lines.append(f"{format_percent(one.self_pct, 0)} in {printable(one.name, 100)}{calm}")
    seconds = sum(one.end_s - one.start_s for one in use.samples)
    scored = "the whole run, scored with it" if use.profiled else f"{seconds:.0f} s that are not scored"
    files = ", ".join(use.files) or "the flame graphs could not be written; the raw stacks are in profile/"
    return [*lines, f"{scored}: {files}"]


def _generator(result: Result) -> str:
    use = result.resources.generator
    complaints = _complaints(result)
    found = next((found for found in _HEALTH if found in complaints), None)
    health = "healthy" if found is None else _HEALTH[found]
    if found == _FAULTY and complaints[_FAULTY] == "script":
        health = "faults in the script"
    behind = next((found for found in result.findings if found.id in _BEHIND), None)
    at = str(behind.evidence.get("percentile", "p95")) if behind else "p95"
    busy, lag, late = (use.extra.get(key) for key in ("cpu_pct_of_one_core", f"lag_{at}_ms", "late_p95_ms"))
    which = "the busiest of its processes: " if result.engine.shards > 1 else ""
    wanted = None if behind is None else behind.evidence.get("cpu_pct_of_one_core_max")
    parts = [f"{which}{format_percent(busy, 0)} of a core" if busy is not None else "cpu not measured"]
    if isinstance(wanted, float) and busy is not None:
        most = format_percent(wanted, 0)
        parts = [f"{which}needed up to {most} of a core, got {format_percent(busy, 0)} over 30 s"]
    if lag is not None:
        parts.append(
            f"timers {format_ms(lag)} late at {at}" if behind else f"on time ({format_ms(lag)} at {at})"
        )
    if late is not None:
        parts.append(f"arrivals began {format_ms(late)} late at p95")
    return f"{health}: {', '.join(parts)}"


def _users(result: Result) -> list[str]:
    """What the engine's name stands for."""
    if result.engine.users is None:
        return []
    return [f"{result.engine.label}: {printable(result.engine.users, 200)}{_virtual_users(result)}"]


def _virtual_users(result: Result) -> str:
    """In the open model these are places, and each serves many arrivals."""
    count = result.engine.virtual_users
    if count is None:
        return ""
    failed = f", {format_count(count.failed)} failed" if count.failed else ""
    return f"; {format_count(count.created)} virtual users, {format_count(count.completed)} completed{failed}"


def _complaints(result: Result) -> dict[tuple[str, str], object]:
    """With whose they are, where the finding says so."""
    return {(finding.id, finding.severity): finding.evidence.get("of") for finding in result.findings}


def _gravest(result: Result) -> list[FindingId]:
    """The id of the finding to ask about first; none where there are only notes."""
    grave = [one for one in result.findings if one.severity in _GRAVE and one.id in FINDINGS]
    return [one.id for one in sorted(grave, key=lambda one: _GRAVE.index(one.severity))][:1]


def _next(result: Result, width: int) -> Iterator[str]:
    """Commands, never wrapped, and what they are good for: beside them or, where one has no room for that, below."""
    steps = [(printable(step.command, 1000), printable(step.purpose)) for step in result.next]
    steps += [(f"loadctl explain {one}", "what it means") for one in _gravest(result)]
    room = max((len(command) for command, _ in steps), default=0)
    beside = all(len(_NEXT) + room + 2 + len(purpose) <= width for _, purpose in steps)
    head = _NEXT
    for command, purpose in steps:
        yield f"{head}{command:<{room}}  {purpose}" if beside else f"{head}{command}"
        head = " " * len(_NEXT)
        if not beside:
            yield f"{head}  {purpose}"
