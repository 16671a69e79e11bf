"""Which questions does this load raise without enough time or requests to answer them?

Only questions that a run of its kind is made for: a test of two minutes says nothing about memory growth. One finding
covers all of them and says what would be enough.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadctl.analysis.drift import is_spike
from loadctl.analysis.endurance import SETTLE_SHARE, short_growth
from loadctl.analysis.latency_shape import ENOUGH_LEVELS, ENOUGH_REQUESTS, ENOUGH_S, mark_of
from loadctl.analysis.run_context import RunContext
from loadctl.analysis.trend import ENOUGH_S as GROWTH_S
from loadctl.results.verdict import Finding
from loadctl.scenario.load import phases
from loadctl.scenario.units import format_duration

_ASKED_S = 120.0


def undecided_findings(run: RunContext) -> list[Finding]:
    """`undecided`: at most one."""
    open_questions = [*_shape(run), *_recovery(run), *_growth(run)]
    if not open_questions:
        return []
    message = f"not enough data to say {'; '.join(open_questions)}"
    return [Finding("undecided", "info", message, {"questions": len(open_questions)})]


def _shape(run: RunContext) -> Iterator[str]:
    levels = run.measured.levels
    if levels and (len(levels) < ENOUGH_LEVELS or any(mark_of(level) is None for level in levels)):
        yield (
            f"how latency scales with load (needs {ENOUGH_LEVELS} levels of {ENOUGH_S:.0f} s and "
            f"{ENOUGH_REQUESTS} requests each)"
        )


def _recovery(run: RunContext) -> Iterator[str]:
    found = phases(run.scenario.load)
    if found is not None and isinstance(run.measured.recovery, str) and is_spike(run, found):
        yield f"how the system recovers ({run.measured.recovery})"


def _growth(run: RunContext) -> Iterator[str]:
    start, end = run.window
    enough = GROWTH_S / (1 - SETTLE_SHARE)
    watched = "memory_bytes" in run.readings("system").names
    grew = short_growth(run, "memory_bytes") is not None
    if run.constant_load and watched and not grew and _ASKED_S <= end - start < enough:
        yield f"whether memory grows (needs {format_duration(enough)} at constant load)"
