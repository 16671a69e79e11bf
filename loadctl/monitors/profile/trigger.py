"""When to profile: a short sample while it is calm, one when it first turns bad, else one at the end of the load.

Rule: latency p95 over its limit, or over twice the calm one (and 5 ms more), errors over their limit, or CPU over 90 %,
over the last five seconds and in two looks one after the other. At most three, with a minute between them.
It misses the onset by design; `continuous` keeps chunks all along instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadctl.results.live import SPAN_S, Vital
from loadctl.results.profile import CALM

CALM_S = 5.0
BAD_S = 10.0
_MOST = 3
_COOL_DOWN_S = 60.0
_LOOKS = 2
_CPU_PCT = 90.0
_MORE_MS = 5.0
_SETTLED_S = 3.0
_LAST_S = 2.0
_LEAST_S = 3.0
"""What is profiled is not scored: of a short run no more than a tenth when calm, and a fifth when bad."""


@dataclass(frozen=True, slots=True)
class Limits:
    p95_ms: float | None = None
    error_rate: float | None = None
    """A ratio."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One sample to take now."""

    label: str
    seconds: float
    why: str


class Trigger:
    """`window`: the scored part of the plan, in seconds after t0."""

    def __init__(self, limits: Limits, window: tuple[float, float]) -> None:
        self._limits = limits
        self._start, self._end = window
        length = self._end - self._start
        self._calm_s = max(_LEAST_S, min(CALM_S, length / 10))
        self._bad_s = max(_LEAST_S, min(BAD_S, length / 5))
        self._calm: Vital | None = None
        self._bad_looks = 0
        self._bad = 0
        self._late = False
        self._seen = -1
        self._free_from = 0.0
        self._next_bad = 0.0

    def next(self, vital: Vital, now: float) -> Wanted | None:
        """What to take at `now` (seconds after t0), None: nothing. What it returns counts as taken."""
        if vital.t < max(self._start, self._free_from):
            return None
        why = self.bad(vital)
        if vital.t != self._seen:
            self._seen = vital.t
            self._bad_looks = self._bad_looks + 1 if why else 0
        if why and self._bad_looks >= _LOOKS and self._bad < _MOST and now >= self._next_bad:
            self._bad += 1
            self._next_bad = now + self._bad_s + _COOL_DOWN_S
            return self._taken(Wanted(f"bad-{self._bad}", self._bad_s, why), now)
        if not why and self._calm is None and vital.t >= self._start + _SETTLED_S:
            self._calm = vital
            return self._taken(Wanted(CALM, self._calm_s, "a calm phase"), now)
        if now >= self._end - self._bad_s - _LAST_S and not self._bad and not self._late:
            self._late = True
            return self._taken(Wanted("late", self._bad_s, "nothing degraded: the end of the load"), now)
        return None

    def bad(self, vital: Vital) -> str | None:
        """Why it is bad, as a sentence; None while it is not."""
        p95, limit = vital.p95_ms, self._limits.p95_ms
        if p95 is not None and limit is not None and p95 > limit:
            return f"p95 {p95:.0f} ms is over {limit:g} ms"
        calm = None if self._calm is None else self._calm.p95_ms
        if p95 is not None and calm is not None and p95 > max(2 * calm, calm + _MORE_MS):
            return f"p95 {p95:.0f} ms, {calm:.0f} ms when calm"
        errors, most = vital.error_rate, self._limits.error_rate
        if errors is not None and most is not None and errors > most:
            return f"{100 * errors:.1f} % errors"
        if vital.cpu_pct is not None and vital.cpu_pct > _CPU_PCT:
            return f"cpu {vital.cpu_pct:.0f} %"
        return None

    def _taken(self, wanted: Wanted, now: float) -> Wanted:
        """A slowdown by the profiler itself is not a reason for another sample."""
        self._free_from = now + wanted.seconds + SPAN_S
        return wanted
