"""Advice on findings. A tip is given only where this run shows the reason for it; it states that reason in numbers and
ends with what to measure next.

The occasions are those of the load-testing guide that loadctl began with (high latency, CPU, memory, rate limits) and
errors. A finding for which this run shows no particular reason keeps its own advice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from loadctl.analysis.advice.errors import error_tips, limit_tips, loose_limit_tips
from loadctl.analysis.advice.facts import AdviceFacts
from loadctl.analysis.advice.latency import latency_tips, queue_tips
from loadctl.analysis.advice.resources import cpu_tips, growth_tips, memory_tips
from loadctl.analysis.run_context import RunContext
from loadctl.results.verdict import Finding

MOST = 3
"""Nobody follows more."""
Tips = Callable[[AdviceFacts], Iterator[str]]
_TIPS: Mapping[str, Tips] = {
    "cpu-high": cpu_tips,
    "likely-limit": latency_tips,
    "limit-elsewhere": latency_tips,
    "slow-responses": latency_tips,
    "latency-knee": latency_tips,
    "latency-grows-linearly": latency_tips,
    "throughput-saturated": latency_tips,
    "breaking-point": latency_tips,
    "latency-drift": growth_tips,
    "spike-not-recovered": queue_tips,
    "memory-high": memory_tips,
    "memory-growing": growth_tips,
    "descriptors-growing": growth_tips,
    "threads-growing": growth_tips,
    "errors-over-target": error_tips,
    "errors-over-critical": error_tips,
    "rate-limit-not-working": loose_limit_tips,
    "rate-limit-working": limit_tips,
}


def advised(run: RunContext, findings: Sequence[Finding]) -> list[Finding]:
    """The same findings, with the tips that this run gives reasons for; at most three each."""
    facts = AdviceFacts(run, {finding.id: finding for finding in reversed(findings)})
    return [_advised(facts, finding) for finding in findings]


def _advised(facts: AdviceFacts, finding: Finding) -> Finding:
    tips = _TIPS.get(finding.id)
    given = list(dict.fromkeys(tips(facts)))[:MOST] if tips is not None else []
    return replace(finding, advice=tuple(given)) if given else finding
