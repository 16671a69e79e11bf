"""Did the system die, restart, or stop answering?

Proof of a crash is its process (events from the monitors). Without one: two seconds or more in which nothing succeeded
and at least half of what failed was the connection, worded "unreachable", never "crashed": no false alarm on pauses,
network blips and bursts of 5xx, but a restart in under a second is not seen (simulated, 100 runs each).
Workers end on purpose too (gunicorn's max_requests, pools that shrink), so the end of one is critical only where
connections failed within 5 s of it, and more of them than elsewhere in the run. Stalls: results/measures/outage.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from loadctl.analysis.run_context import RunContext
from loadctl.results.findings import FindingId
from loadctl.results.measures.level import NOISE_MS
from loadctl.results.measures.outage import CONNECTION_ERRORS, is_unreachable, period_s
from loadctl.results.recording import Event
from loadctl.results.verdict import Evidence, Finding, Severity
from loadctl.scenario.units import format_count, format_duration, format_ms

DROPPED_ERRORS = CONNECTION_ERRORS | {"protocol"}
"""What a client sees of a process that ends under its requests."""
UNREACHABLE_S = 2
WITHIN_S = 5
SAME_INCIDENT_S = 10.0
"""A page is asked every second or five, and waits for another scrape before it says that a process is new."""


def service_findings(run: RunContext) -> list[Finding]:
    return [*_process(run), *_workers(run), *_unreachable(run), *_silent(run)]


def _process(run: RunContext) -> Iterator[Finding]:
    """`service-restarted` and `service-crashed`, of the system as a whole."""
    kinds = ("service_restarted", "service_crashed", "service_down")
    restarts, crashes, downs = ([e for e in run.recording.events if e.kind == kind] for kind in kinds)
    finding_id: FindingId
    for events, finding_id, what in (
        (_each_once(restarts), "service-restarted", "the system restarted"),
        (_each_once(crashes), "service-crashed", "the system crashed"),
        ([] if restarts or crashes else downs, "service-crashed", "the system went down"),
    ):
        if events:
            times = "" if len(events) == 1 else f" {format_count(len(events))} times, first"
            yield _finding(run, events, finding_id, "critical", what + times)


def _workers(run: RunContext) -> Iterator[Finding]:
    """`worker-restarted` for workers that were replaced, `worker-lost` for the others."""
    ends = {e.detail.get("pid"): e for e in run.recording.events if e.kind == "worker_ended"}
    restarted = []
    for event in run.recording.events:
        if event.kind == "worker_restarted":
            end = ends.pop(event.detail.get("pid"), event)
            restarted.append(replace(event, t=end.t))
    finding_id: FindingId
    severity: Severity
    for events, finding_id, severity, replaced in (
        (restarted, "worker-restarted", "warning", "replaced"),
        (list(ends.values()), "worker-lost", "info", "not replaced"),
    ):
        if not events:
            continue
        what = f"a worker process of the system ended and was {replaced}"
        if len(events) > 1:
            many = format_count(len(events))
            what = f"{many} worker processes of the system ended and were {replaced}, first"
        found = _finding(run, events, finding_id, severity, what)
        if failed := _failed_with(run, events):
            message = f"{found.message}; {format_count(failed)} requests failed at that time"
            evidence = {**found.evidence, "failed": failed}
            found = replace(found, severity="critical", message=message, evidence=evidence)
        yield found


def _finding(
    run: RunContext, events: list[Event], finding_id: FindingId, severity: Severity, what: str
) -> Finding:
    first, at = events[0], run.at(events[0].t)
    message = f"{what} at {at}" + (f": {first.message}" if first.message else "")
    evidence: Evidence = {"times": len(events), "first_at_s": first.t}
    return Finding(finding_id, severity, message, evidence, (f"read the system's log at {at}",))


def _failed_with(run: RunContext, events: list[Event]) -> int:
    """Requests cut off within 5 s of one of these; 0 where that is no more than happens all along."""
    cut = {
        second.t: sum(second.errors.get(name, 0) for name in DROPPED_ERRORS)
        for second in run.recording.seconds
    }
    near = {t for t in cut if any(abs(t - event.t) <= WITHIN_S for event in events)}
    there = sum(cut[t] for t in near)
    usual = (sum(cut.values()) - there) / max(1, len(cut) - len(near)) * len(near)
    return there if there > usual + 2 * usual**0.5 else 0


def _each_once(events: list[Event]) -> list[Event]:
    """The first event of each incident: what several sources report within a few seconds is one incident."""
    incidents: list[tuple[Event, set[object]]] = []
    for event in sorted(events, key=lambda event: event.t):
        source = event.detail.get("source")
        for first, tellers in incidents:
            if source is not None and source not in tellers and event.t - first.t <= SAME_INCIDENT_S:
                tellers.add(source)
                break
        else:
            incidents.append((event, {source, None}))
    return [first for first, _ in incidents]


def _unreachable(run: RunContext) -> Iterator[Finding]:
    spells: list[list[int]] = []
    for t in (second.t for second in run.recording.seconds if is_unreachable(second)):
        if spells and spells[-1][-1] == t - 1:
            spells[-1].append(t)
        else:
            spells.append([t])
    long = [spell for spell in spells if len(spell) >= UNREACHABLE_S]
    if long:
        total = sum(map(len, long))
        at = run.at(long[0][0])
        message = f"the system was unreachable for {format_duration(total)}, first at {at}"
        advice = (f"read the system's log at {at}",)
        evidence = {"unreachable_s": total, "first_at_s": long[0][0]}
        yield Finding("service-unreachable", "critical", message, evidence, advice)


def _silent(run: RunContext) -> Iterator[Finding]:
    """Requests were made and not one was ever answered."""
    total = run.folded.summary.total
    silent = total.errors.get("timeout", 0) + total.unfinished
    requests = total.completed + total.unfinished
    if requests and silent == requests:
        message = f"the system answered none of {format_count(requests)} requests"
        evidence = {"timeouts": total.errors.get("timeout", 0), "unfinished": total.unfinished}
        advice = (f"check whether it answers at all: {run.look_closer}",)
        yield Finding("service-unreachable", "critical", message, evidence, advice)


_OPEN = "waiting users send nothing, so these figures are optimistic: use an open load (rate:) to measure the stall"


def stall_findings(run: RunContext) -> list[Finding]:
    """`system-stalls`: at most one. What a process that ended did to requests is told of that process."""
    found = run.measured.stalls
    if not found:
        return []
    first, waiting = found[0], max(stall.waiting for stall in found)
    lengths = [stall.end_s - stall.start_s for stall in found if stall.end_s is not None]
    every = period_s(found)
    evidence: Evidence = {
        "stalls": len(found),
        "first_at_s": round(first.start_s, 1),
        "longest_s": round(max(lengths), 1) if lengths else None,
        "period_s": None if every is None else round(every, 1),
        "waiting": waiting,
    }
    at, under_way = run.at(first.start_s), f"{format_count(waiting)} requests in flight"
    if not lengths:
        message = f"the system stopped answering at {at}: {under_way} were never answered"
        advice: tuple[str, ...] = (
            f"look at what it waited for at {at}: its log, its threads (py-spy dump), its pools",
        )
        return [Finding("system-stalls", "warning", message, evidence, advice)]
    times = f"for {format_duration(round(max(lengths), 1))} at {at}"
    if len(found) > 1:
        often = f"{format_count(len(found))} times" + ("" if every is None else f", every {every:.0f} s")
        times = f"{often}, for up to {format_duration(round(max(lengths), 1))}, first at {at}"
    message = f"the system stalled {times}: up to {under_way} waited without an answer"
    what = "what runs then" if every is None else f"what runs every {every:.0f} s"
    advice = (
        f"look for {what}: garbage collection, a checkpoint, a job, a lock; read its log at {at}",
        *((_OPEN,) if run.scenario.load.model == "closed" else ()),
    )
    return [Finding("system-stalls", "warning", message, evidence, advice)]


RATIO = 1.25
_ADVICE = ("use an open load (rate:) to measure the stall itself",)


def closed_model_findings(run: RunContext) -> list[Finding]:
    if run.scenario.load.model != "closed":
        return []
    return list(_corrected(run))


def _corrected(run: RunContext) -> Iterator[Finding]:
    total = run.folded.summary.total
    raw, corrected = total.latency, total.corrected
    if corrected is None:
        return
    for name, seen, real in (("p95", raw.p95, corrected.p95), ("p99", raw.p99, corrected.p99)):
        if seen is not None and real is not None and real > RATIO * seen and real - seen > NOISE_MS:
            message = f"users that waited sent fewer requests: {name} is {format_ms(seen)}, corrected {format_ms(real)}"
            evidence = {
                f"{name}_ms": seen,
                f"corrected_{name}_ms": real,
                "requests_added": corrected.n - raw.n,
            }
            yield Finding("closed-model-stall", "warning", message, evidence, _ADVICE)
            return
