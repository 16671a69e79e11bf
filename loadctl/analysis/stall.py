"""Did the system stall: did it stop answering, now and then or for good? The method: results/measures/outage.py."""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.run_context import RunContext
from loadctl.results.measures.level import NOISE_MS
from loadctl.results.measures.outage import period_s
from loadctl.results.verdict import Evidence, Finding
from loadctl.scenario.units import format_count, format_duration, format_ms

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
