"""Did the system die, restart, or stop answering?

Proof of a crash is its process (events from the monitors). Without one: two seconds or more in which nothing succeeded
and at least half of what failed was the connection, worded "unreachable", never "crashed": no false alarm on pauses,
network blips and bursts of 5xx, but a restart in under a second is not seen (simulated, 100 runs each).
"""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.case import Case
from loadctl.results.finding import Finding, Severity
from loadctl.results.interval import Second
from loadctl.results.recording import Event
from loadctl.scenario.units import format_clock, format_count, format_duration

CONNECTION_ERRORS = frozenset({"connect_refused", "connect_timeout", "reset", "dns"})
UNREACHABLE_S = 2


def service_findings(case: Case) -> list[Finding]:
    return [*_restarts(case), *_crashes(case), *_workers(case), *_unreachable(case), *_silent(case)]


def _restarts(case: Case) -> Iterator[Finding]:
    yield from _of_events(case, "service_restarted", "service-restarted", "critical", "the system restarted")


def _crashes(case: Case) -> Iterator[Finding]:
    yield from _of_events(case, "service_crashed", "service-crashed", "critical", "the system crashed")
    downs = [event for event in case.recording.events if event.kind == "service_down"]
    known = any(event.kind in {"service_crashed", "service_restarted"} for event in case.recording.events)
    if downs and not known:
        yield _finding(downs, "service-crashed", "critical", "the system went down")


def _workers(case: Case) -> Iterator[Finding]:
    """Workers are also recycled on purpose, so a new one is a note."""
    what = "a worker process of the system was replaced"
    yield from _of_events(case, "worker_restarted", "worker-restarted", "warning", what)


def _of_events(case: Case, kind: str, finding_id: str, severity: Severity, what: str) -> Iterator[Finding]:
    events = [event for event in case.recording.events if event.kind == kind]
    if events:
        yield _finding(events, finding_id, severity, what)


def _finding(events: list[Event], finding_id: str, severity: Severity, what: str) -> Finding:
    times = "" if len(events) == 1 else f" {format_count(len(events))} times, first"
    first = events[0]
    said = f" ({first.message})" if first.message else ""
    message = f"{what}{times} at {format_clock(first.t)}{said}"
    advice = (f"read the system's own log at {format_clock(first.t)} of the run",)
    return Finding(finding_id, severity, message, {"times": len(events), "first_at_s": first.t}, advice)


def _unreachable(case: Case) -> Iterator[Finding]:
    spells: list[list[int]] = []
    for second in case.recording.seconds:
        if not _cut_off(second):
            continue
        if spells and spells[-1][-1] == second.t - 1:
            spells[-1].append(second.t)
        else:
            spells.append([second.t])
    long = [spell for spell in spells if len(spell) >= UNREACHABLE_S]
    if long:
        total = sum(map(len, long))
        message = (
            f"the system was unreachable for {format_duration(total)}, first at {format_clock(long[0][0])}"
        )
        advice = (f"read the system's own log at {format_clock(long[0][0])} of the run",)
        evidence = {"unreachable_s": total, "first_at_s": long[0][0]}
        yield Finding("service-unreachable", "critical", message, evidence, advice)


def _cut_off(second: Second) -> bool:
    cells = second.cells.values()
    if any(cell.ok.count or cell.rate_limited for cell in cells):
        return False
    failed = sum(cell.errors.total() for cell in cells)
    cut = sum(cell.errors[name] for cell in cells for name in CONNECTION_ERRORS)
    return failed > 0 and 2 * cut >= failed


def _silent(case: Case) -> Iterator[Finding]:
    """Requests were made and not one was ever answered."""
    total = case.folded.summary.total
    silent = total.errors.get("timeout", 0) + total.unfinished
    requests = total.completed + total.unfinished
    if requests and silent == requests:
        message = f"the system answered none of {format_count(requests)} requests"
        evidence = {"timeouts": total.errors.get("timeout", 0), "unfinished": total.unfinished}
        advice = (f"see whether it answers at all: {case.look_closer}",)
        yield Finding("service-unreachable", "critical", message, evidence, advice)
