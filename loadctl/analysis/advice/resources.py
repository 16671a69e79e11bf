"""Tips for a system that is short of CPU or memory, or that holds more and more of something."""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.advice.facts import AdviceFacts
from loadctl.scenario.units import format_bytes, format_ms, format_percent, format_rate

_LOADED_SHARE = 0.8
"""The share of its highest memory that it held from the beginning."""


def cpu_tips(facts: AdviceFacts) -> Iterator[str]:
    """One full core needs other advice than all of them."""
    one = facts.fills_one_core
    if one is None and not facts.fills_all_cores:
        return
    cost = facts.cpu_ms_a_request
    each = "" if cost is None else f" (a request costs {format_ms(cost)} of CPU)"
    cpu = format_percent(facts.cpu_pct or 0, 0)
    if one is not None:
        cores = "" if facts.cores is None else f" of {facts.cores:g} cores"
        many = (
            "one process does all its work"
            if facts.processes <= 1
            else f"one of its {facts.processes:.0f} processes has more work than it can do"
        )
        option = "uvicorn and gunicorn: --workers" if facts.is_python else "or threads, one per core"
        yield (
            f"{many}, at {format_percent(one, 0)} of one core, while CPU is at {cpu}{cores}: "
            f"add worker processes ({option}), and see whether max_throughput grows with them"
        )
    else:
        cores = "its cores" if facts.cores is None else f"all {facts.cores:g} cores"
        rate = facts.run.folded.summary.total.throughput_per_s
        at = "" if rate is None else f" at {format_rate(rate)}"
        yield (
            f"{cores} are at {cpu}{at}{each}, so more workers would only share them: scale out (a second machine or "
            "pod behind the same address), and see whether CPU halves"
        )
    named = facts.profile_named
    if named:
        yield f"make requests cheaper: {named} ran most; change that, and compare the CPU per request{each}"
    elif facts.is_python:
        yield (
            f"see what a request spends its CPU on{each}: {facts.run.invocation.again('--profile')}; for a model, try "
            "a smaller or quantized one, or batched predictions, then compare p95 and CPU"
        )
    else:
        yield (
            f"see what a request spends its CPU on{each}: profile it under this load, "
            "then compare CPU at the same load"
        )


def memory_tips(facts: AdviceFacts) -> Iterator[str]:
    """Held from the beginning, or added by the load."""
    if "memory-growing" in facts.findings:
        yield from growth_tips(facts)
        return
    use = facts.run.measured.system
    first, most = use.memory_first_bytes, use.memory_bytes
    if not first or not most:
        return
    if first >= _LOADED_SHARE * most:
        yield (
            f"{format_bytes(first)} of {format_bytes(most)} were in use before the load began, so it is what the "
            "system loads (models, caches), not traffic; load less (a smaller or quantized model, lazily), and "
            "compare memory before any load"
        )
    else:
        yield (
            f"memory went from {format_bytes(first)} to {format_bytes(most)} with the load: bound what a request holds "
            "and how many are in flight, then run with half the load and see whether the growth halves"
        )
    if facts.processes > 1:
        yield (
            f"{facts.processes:.0f} processes may each hold a copy of the same data: load models before the fork "
            "(gunicorn: --preload) or share them by memory mapping; PSS then counts shared pages once"
        )


def growth_tips(facts: AdviceFacts) -> Iterator[str]:
    """How much of it a request leaves behind."""
    growth = facts.evidence("memory-growing", "growth_bytes_per_h")
    rate = facts.run.folded.summary.total.throughput_per_s
    if growth and rate:
        tool = "tracemalloc snapshots" if facts.is_python else "heap snapshots"
        yield (
            f"each request leaves about {format_bytes(growth / 3600 / rate)} behind: look for unbounded caches, lists "
            f"that only grow, and sessions; compare {tool} of an early and a late minute; then run twice the load: "
            "a leak per request doubles with it"
        )
    for finding_id, what in (("descriptors-growing", "open files"), ("threads-growing", "threads")):
        if finding_id in facts.findings:
            yield (
                f"{what} grow as well: look for connections, files or tasks that are never closed (lsof -p PID, "
                "/proc/PID/task), and see whether they stay level afterwards"
            )
    if "latency-drift" in facts.findings and not growth:
        yield (
            "memory does not grow with latency: look at what a request reads (growing tables, files and logs), and "
            "compare with the first hour of a run on fresh data"
        )
