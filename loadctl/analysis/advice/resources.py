"""Tips for a system that uses much: cpu, memory, whatever grows."""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.advice.facts import AdviceFacts
from loadctl.scenario.units import format_bytes, format_ms, format_percent, format_rate

_LOADED_SHARE = 0.8
"""Of its highest memory, what it held from the beginning."""


def cpu_tips(facts: AdviceFacts) -> Iterator[str]:
    """One full core is another matter than all of them."""
    cost = facts.cpu_ms_a_request
    each = "" if cost is None else f" (a request costs {format_ms(cost)} of cpu)"
    one = facts.fills_one_core
    if one is not None:
        cores = "" if facts.cores is None else f" of {facts.cores:g} cores"
        many = (
            "its work is done by one process"
            if facts.processes <= 1
            else f"one of its {facts.processes:.0f} processes has more than it can do"
        )
        option = "uvicorn and gunicorn: --workers" if facts.is_python else "or threads, one a core"
        yield (
            f"{many}, at {format_percent(one, 0)} of one core, while cpu is at "
            f"{format_percent(facts.cpu_pct or 0, 0)}{cores}: "
            f"add worker processes ({option}), and see whether max_throughput grows with them"
        )
    elif facts.fills_all_cores:
        cores = "its cores" if facts.cores is None else f"all {facts.cores:g} cores"
        rate = facts.run.folded.summary.total.throughput_per_s
        at = "" if rate is None else f" at {format_rate(rate)}"
        yield (
            f"{cores} are at {format_percent(facts.cpu_pct or 0, 0)}{at}{each}: more workers would only share "
            "them; scale out "
            "(a second machine or pod behind the same address), and see whether cpu halves"
        )
    if one is None and not facts.fills_all_cores:
        return
    named = facts.profile_named
    if named:
        yield f"make a request cheaper: {named} ran most; change that, and compare the cpu of a request{each}"
    elif facts.is_python:
        yield (
            f"see what a request spends its cpu on{each}: {facts.run.invocation.again('--profile')}; of a "
            "model: a "
            "smaller or quantized one, or predictions in batches, and then compare p95 and cpu"
        )
    else:
        yield (
            f"see what a request spends its cpu on{each}: profile it under this load, "
            "then compare cpu at the same load"
        )


def memory_tips(facts: AdviceFacts) -> Iterator[str]:
    """Held from the beginning, or come with the load."""
    if "memory-growing" in facts.findings:
        yield from growth_tips(facts)
        return
    use = facts.run.measured.system
    first, most = use.memory_first_bytes, use.memory_bytes
    if not first or not most:
        return
    if first >= _LOADED_SHARE * most:
        yield (
            f"{format_bytes(first)} of {format_bytes(most)} were there when the load began: it is what it loads "
            "(models, "
            "caches), not traffic; load less or smaller (a quantized model, lazily), and compare memory before "
            "any load"
        )
    else:
        yield (
            f"memory went from {format_bytes(first)} to {format_bytes(most)} with the load: bound what a "
            "request holds and "
            "how many are under way; run with half the load and see whether half of it remains"
        )
    if facts.processes > 1:
        yield (
            f"{facts.processes:.0f} processes may each hold a copy of the same: load models before the fork "
            "(gunicorn: "
            "--preload) or share them by memory mapping; PSS then counts shared pages once"
        )


def growth_tips(facts: AdviceFacts) -> Iterator[str]:
    """How much of it a request leaves behind."""
    growth = facts.evidence("memory-growing", "growth_bytes_per_h")
    rate = facts.run.folded.summary.total.throughput_per_s
    if growth and rate:
        tool = (
            "tracemalloc snapshots of an early and a late minute, compared by line"
            if facts.is_python
            else "heap snapshots of an early and a late minute, compared"
        )
        yield (
            f"about {format_bytes(growth / 3600 / rate)} stay behind per request: caches without bound, lists "
            "that only "
            f"grow, sessions; {tool}; then twice the load: a leak per request doubles with it"
        )
    for finding_id, what in (("descriptors-growing", "open files"), ("threads-growing", "threads")):
        if finding_id in facts.findings:
            yield (
                f"{what} grow as well: connections, files or tasks that are never closed (look at them: lsof -p PID, "
                "/proc/PID/task), then watch whether they stay level"
            )
    if "latency-drift" in facts.findings and not growth:
        yield (
            "memory does not grow with it: look at what a request reads (tables, files and logs that grow), and "
            "compare the "
            "first hour of a run on a fresh data set"
        )
