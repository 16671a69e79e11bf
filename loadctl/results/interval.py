"""One second of a run: an `Interval` for each endpoint, and what the generator itself was doing.

A `Second` is what one frame of one shard says, and also what frames of several shards for the same second add up to:
merging is adding, so the same record serves storage (a line of intervals.ndjson), the live view and the analysis.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from loadctl.results.histogram import Histogram

GENERATOR_FAULT = "generator"
"""The error class of the generator's own faults: not requests that the system failed (DESIGN §5)."""
SCRIPT_ENDPOINT = "(script)"
"""Stands where an endpoint would, for exceptions of a script between its requests."""


@dataclass(slots=True)
class Interval:
    """One second of one endpoint: requests that *ended* in it. Latencies in microseconds."""

    ok: Histogram = field(default_factory=Histogram)
    """Successes; `ok.untimed` of them have no latency that loadctl could see."""
    failed: Histogram = field(default_factory=Histogram)
    ttfb: Histogram = field(default_factory=Histogram)
    errors: Counter[str] = field(default_factory=Counter)
    """Failures by class; `failed.count == errors.total()`."""
    rate_limited: int = 0
    """Expected 429s: completed, but neither failed nor in latency nor in throughput."""
    in_flight: int = 0
    """Requests under way at the end of the second."""
    bytes: int = 0

    @property
    def completed(self) -> int:
        return self.ok.count + self.failed.count + self.rate_limited

    def merge(self, other: Interval) -> None:
        """Add another shard's same second, or another second of the same endpoint (then `in_flight` means nothing)."""
        self.ok.merge(other.ok)
        self.failed.merge(other.failed)
        self.ttfb.merge(other.ttfb)
        self.errors.update(other.errors)
        self.rate_limited += other.rate_limited
        self.in_flight += other.in_flight
        self.bytes += other.bytes


@dataclass(slots=True)
class Second:
    """`t` whole seconds since t0: the intervals of the requests that ended in [t, t+1), and the generator's state."""

    t: int
    cells: dict[str, Interval] = field(default_factory=dict)
    users: int = 0
    """Users active at the end of the second; open model: turns under way."""
    leaving: int = 0
    """Users finishing their last request after the plan took them away."""
    ended: int = 0
    """Users of the plan that ended by themselves and have not been replaced."""
    lag_ms: list[float] = field(default_factory=list)
    """Overshoots of a timer inside the engine that is due once in each tenth of a second, at a random moment."""
    late: Histogram = field(default_factory=Histogram)
    """Open model: how late arrivals began after they were due."""
    planned: int = 0
    begun: int = 0
    dropped: int = 0
    """Open model: arrivals due in this second = begun + dropped."""
    turns: int = 0
    faults: int = 0
    """Turns ended, and how many of them ended by the generator's own fault (EMFILE, an exception in a script)."""

    def together(self) -> Interval:
        """All endpoints of this second."""
        whole = Interval()
        for interval in self.cells.values():
            whole.merge(interval)
        return whole

    def merge(self, other: Second) -> None:
        """Add another shard's frame for the same second."""
        for endpoint, interval in other.cells.items():
            self.cells.setdefault(endpoint, Interval()).merge(interval)
        self.users += other.users
        self.leaving += other.leaving
        self.ended += other.ended
        self.lag_ms.extend(other.lag_ms)
        self.late.merge(other.late)
        self.planned += other.planned
        self.begun += other.begun
        self.dropped += other.dropped
        self.turns += other.turns
        self.faults += other.faults


def completed_of(interval: Interval) -> int:
    """Requests that ended with any outcome that is the system's."""
    return interval.completed - interval.errors[GENERATOR_FAULT]


def failed_of(interval: Interval) -> int:
    return interval.failed.count - interval.errors[GENERATOR_FAULT]
