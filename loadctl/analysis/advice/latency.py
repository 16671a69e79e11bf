"""Tips for a system that is slow, or slow under load: by what it does meanwhile."""

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
    """First what is at its limit, then where the time goes."""
    suspect = facts.findings.get("likely-limit")
    resource = suspect.evidence.get("resource") if suspect is not None else None
    if resource == "memory":
        yield from memory_tips(facts)
    elif suspect is not None and (whose := suspect.evidence.get("of")):
        yield (
            f"{whose} is full while requests are slow: look at what is asked of it (slow queries), "
            "and watch its cpu in the next run"
        )
    elif resource == "cpu_quota":
        yield "the cpu quota stops it while requests wait: raise the limit, then see whether throttled_pct falls to 0"
    elif resource == "machine_cpu":
        yield (
            "the whole machine is full, and the load generator is part of that: "
            "move the generator to another one, then measure again"
        )
    elif facts.fills_one_core is not None or facts.fills_all_cores:
        yield from cpu_tips(facts)
    elif facts.full_machine is not None:
        yield _full(facts, facts.full_machine)
    elif facts.waits is not None and "latency-stable" in facts.findings:
        yield (
            f"cpu is at {format_percent(facts.waits, 0)} and it is as slow at the lowest level: no queue, each request "
            "waits that long; look for a slow call (another service, a query, a sleep) and time it in its log"
        )
    elif facts.waits is not None:
        yield from _waiting(facts, facts.waits)
    yield from _where(facts)


def _full(facts: AdviceFacts, machine_pct: float) -> str:
    """It computes and does not get the core, or waits for something else: that cannot be told."""
    cores = facts.run.measured.system.cpu_cores
    had = "" if cores is None else f", and the system had {cores:.2g} of them"
    cost = facts.cpu_ms_a_request
    each = "" if cost is None else f" (a request costs {format_ms(cost)} of cpu)"
    return (
        f"the cores of this machine are {format_percent(machine_pct, 0)} busy{had}{each}: it may wait for a core; "
        "run the generator, and whatever else runs here, on another machine and measure again"
    )


def queue_tips(facts: AdviceFacts) -> Iterator[str]:
    """After a spike that is over."""
    shared = facts.evidence("spike-not-recovered", "errors_spike") or 0.0
    if shared > 0.01:
        yield (
            f"{format_percent(100 * shared)} of requests failed in the spike and it is not itself since: look for "
            "connections, locks or workers that failed requests never gave back; watch open files and pool use next"
        )
    if facts.waits is not None:
        yield (
            f"cpu is at {format_percent(facts.waits, 0)} while it is still slow: it waits for something that the "
            "spike used "
            "up (a pool, a queue, a cache that was emptied); watch that as a metric (watch: metrics), and run "
            "the spike again"
        )
    elif facts.fills_one_core is not None or facts.fills_all_cores:
        yield (
            "cpu stays full after the load is gone: it still works for clients that have left; drop requests "
            "older than "
            "their timeout, bound the queue, and see whether recovery_time falls"
        )


def _waiting(facts: AdviceFacts, cpu_pct: float) -> Iterator[str]:
    """Little's law at the most it served: how many requests it works on at a time."""
    most = facts.evidence("throughput-saturated", "max_per_s")
    calm = facts.evidence("throughput-saturated", "p50_calm_ms") or _calm_ms(facts)
    size = ""
    if most and calm:
        each = f"{format_rate(most)} at {format_ms(calm)} each"
        size = f" that serves about {max(1, round(most * calm / 1000))} at a time ({each})"
    yield (
        f"cpu is at {format_percent(cpu_pct, 0)} while requests wait: the limit is no computing, look for a "
        f"queue{size}: a pool "
        "of connections or threads, a lock, another service, a limit of its own; make blocking calls async or "
        "the pool "
        "larger, and watch its use next (watch: metrics or prometheus)"
    )


def _calm_ms(facts: AdviceFacts) -> float | None:
    """The median of the lowest level."""
    for stage in facts.run.folded.stages:
        if not stage.warmup and stage.summary.total.latency.p50 is not None:
            return stage.summary.total.latency.p50
    return None


def _where(facts: AdviceFacts) -> Iterator[str]:
    """The endpoint, and the part of the answer, that the time goes to."""
    heaviest = facts.heaviest
    row = heaviest[0] if heaviest is not None else _only(facts)
    if heaviest is not None and heaviest[1] >= _MOST_OF_TIME and row is not None:
        named = facts.profile_named
        how = f"the profile names {named}" if named else _profile_hint(facts)
        p95 = "" if row.latency.p95 is None else f", p95 {format_ms(row.latency.p95)}"
        yield (
            f"{format_percent(100 * heaviest[1], 0)} of all time is spent on {row.endpoint} "
            f"({format_count(row.completed)} "
            f"requests{p95}): begin there; {how}"
        )
    if row is None:
        return
    share = 1.0 if heaviest is None else heaviest[1]
    mean, ttfb = row.latency.mean, row.ttfb.mean if row.ttfb is not None else None
    if mean and ttfb and mean >= _SLOW_MS and ttfb < _BODY * mean:
        size = row.bytes / row.completed / 1000 if row.completed else 0.0
        yield (
            f"{row.endpoint} begins to answer after {format_ms(ttfb)} and needs {format_ms(mean)} to the end "
            f"({size:,.0f} kB): "
            "the body takes the time; compress it, page it or send it in one piece, and compare ttfb with "
            "latency again"
        )
    elif share >= _MUCH_OF_TIME and mean and mean >= _SLOW_MS and _is_repeated(facts, row):
        yield (
            f"{row.endpoint} is asked {format_count(row.completed)} times with the same address and takes "
            f"{format_ms(mean)} "
            "each time: keep its answer (in the process, or in Redis where several share it), then compare its "
            "p50 and the "
            "cpu of a request"
        )


def _only(facts: AdviceFacts) -> EndpointSummary | None:
    rows = facts.run.folded.summary.endpoints
    return rows[0] if len(rows) == 1 else None


def _is_repeated(facts: AdviceFacts, row: EndpointSummary) -> bool:
    """A GET without anything that changes from one to the next."""
    same = [r for r in facts.run.scenario.requests() if r.endpoint == row.endpoint]
    plain = all(r.method == "GET" and "{{" not in f"{r.url}{r.query}" for r in same)
    return bool(same) and plain and row.completed >= _OFTEN


def _profile_hint(facts: AdviceFacts) -> str:
    if facts.is_python:
        return f"which function takes it: {facts.run.invocation.again('--profile')}"
    return "profile it under this load to see what takes it"
