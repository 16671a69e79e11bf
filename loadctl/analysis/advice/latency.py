"""Tips for a system that is slow, or slow under load, by what it does meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.advice.facts import AdviceFacts
from loadctl.analysis.advice.resources import cpu_tips, memory_tips
from loadctl.results.summary import EndpointSummary
from loadctl.scenario.units import format_count, format_ms, format_percent, format_rate

_MOST_OF_TIME = 0.6
_MUCH_OF_TIME = 0.3
_SLOW_MS = 20.0
_OFTEN = 100
_BODY = 0.5


def latency_tips(facts: AdviceFacts) -> Iterator[str]:
    """What is at its limit, then where the time goes."""
    suspect = facts.findings.get("likely-limit")
    resource = suspect.evidence.get("resource") if suspect is not None else None
    if resource == "memory":
        yield from memory_tips(facts)
    elif suspect is not None and (whose := suspect.evidence.get("of")):
        yield (
            f"{whose} is at its limit while requests are slow: look at the work it is given (slow queries), "
            "and watch its CPU in the next run"
        )
    elif resource == "cpu_quota":
        yield "its CPU quota throttles it while requests wait: raise it, and see whether throttled_pct drops to 0"
    elif resource == "machine_cpu":
        yield (
            "the whole machine is busy, partly with the load generator: "
            "move the generator to another machine, then measure again"
        )
    elif facts.fills_one_core is not None or facts.fills_all_cores:
        yield from cpu_tips(facts)
    elif facts.full_machine is not None:
        yield _full(facts, facts.full_machine)
    elif facts.waits is not None and "latency-stable" in facts.findings:
        yield (
            f"CPU is at {format_percent(facts.waits, 0)}, and the lowest level is just as slow, so requests do not "
            "queue; look for a slow call in each request (another service, a query, a sleep) and time it in the log"
        )
    elif facts.waits is not None:
        yield _waiting(facts, facts.waits)
    yield from _where(facts)


def _full(facts: AdviceFacts, machine_pct: float) -> str:
    """The system wants CPU and does not get it, or it waits for something else: the readings fit both."""
    cores = facts.run.measured.system.cpu_cores
    had = "" if cores is None else f", of which the system had {cores:.2g}"
    cost = facts.cpu_ms_a_request
    each = "" if cost is None else f" (a request costs {format_ms(cost)} of CPU)"
    return (
        f"the cores of this machine are {format_percent(machine_pct, 0)} busy{had}{each}, so the system may be waiting "
        "for a core; move the generator and everything else to another machine, and measure again"
    )


def queue_tips(facts: AdviceFacts) -> Iterator[str]:
    """After a spike that is over."""
    shared = facts.evidence("spike-not-recovered", "errors_spike") or 0.0
    if shared > 0.01:
        yield (
            f"{format_percent(100 * shared)} of requests failed in the spike: look for connections, locks or workers "
            "that failed requests never released, and watch open files and pool use in the next run"
        )
    if facts.waits is not None:
        yield (
            f"CPU is at {format_percent(facts.waits, 0)} while it is still slow, so it waits for something that the "
            "spike exhausted (a pool, a queue, an emptied cache); watch that (watch: metrics), and repeat the spike"
        )
    elif facts.fills_one_core is not None or facts.fills_all_cores:
        yield (
            "CPU stays at its limit after the load has dropped: it still works for clients that have left; drop "
            "requests older than their timeout, bound the queue, and see whether recovery_time drops"
        )


def _waiting(facts: AdviceFacts, cpu_pct: float) -> str:
    """Little's law at the highest throughput: how many requests it works on at a time."""
    most = facts.evidence("throughput-saturated", "max_per_s")
    calm = facts.evidence("throughput-saturated", "p50_calm_ms") or _calm_ms(facts)
    size = ""
    if most and calm:
        each = f"{format_rate(most)} at {format_ms(calm)} each"
        size = f" that serves about {max(1, round(most * calm / 1000))} at a time ({each})"
    return (
        f"CPU is not the bottleneck: it is at {format_percent(cpu_pct, 0)} while requests wait. Look for a "
        f"queue{size}: a pool of connections or threads, a lock, another service, a configured limit. Make "
        "blocking calls async or enlarge the pool, and watch its use in the next run (watch: metrics or prometheus)"
    )


def _calm_ms(facts: AdviceFacts) -> float | None:
    """The median of the lowest level."""
    for stage in facts.run.folded.stages:
        if not stage.warmup and stage.summary.total.latency.p50 is not None:
            return stage.summary.total.latency.p50
    return None


def _where(facts: AdviceFacts) -> Iterator[str]:
    """The endpoint, and the part of the answer, that the time goes to."""
    rows = facts.run.folded.summary.endpoints
    heaviest = facts.heaviest
    if heaviest is None:
        if len(rows) != 1:
            return
        row, share = rows[0], 1.0
    else:
        row, share = heaviest
        if share >= _MOST_OF_TIME:
            named = facts.profile_named
            how = f"the profile names {named}" if named else _profile_hint(facts)
            p95 = "" if row.latency.p95 is None else f", p95 {format_ms(row.latency.p95)}"
            yield (
                f"{format_percent(100 * share, 0)} of all time is spent on {row.endpoint} "
                f"({format_count(row.completed)} requests{p95}): start there; {how}"
            )
    mean, ttfb = row.latency.mean, row.ttfb.mean if row.ttfb is not None else None
    if mean is None or mean < _SLOW_MS:
        return
    if ttfb and ttfb < _BODY * mean:
        size = row.bytes / row.completed / 1000 if row.completed else 0.0
        yield (
            f"{row.endpoint} sends its first byte after {format_ms(ttfb)} and its last after {format_ms(mean)} "
            f"({size:,.0f} kB), so the body takes the time; compress it, page it or send it in one piece, and compare "
            "ttfb with latency again"
        )
    elif share >= _MUCH_OF_TIME and _is_repeated(facts, row):
        yield (
            f"{row.endpoint} is requested {format_count(row.completed)} times with the same URL and takes "
            f"{format_ms(mean)} each time: cache its response (in the process, or in Redis where several share it), "
            "then compare its p50 and the CPU per request"
        )


def _is_repeated(facts: AdviceFacts, row: EndpointSummary) -> bool:
    """A GET without anything that changes from one to the next."""
    same = [r for r in facts.run.scenario.requests() if r.endpoint == row.endpoint]
    plain = all(r.method == "GET" and "{{" not in f"{r.url}{r.query}" for r in same)
    return bool(same) and plain and row.completed >= _OFTEN


def _profile_hint(facts: AdviceFacts) -> str:
    if facts.is_python:
        return f"to see which function takes it: {facts.run.invocation.again('--profile')}"
    return "profile it under this load to see what takes it"
