"""One second of a run: an `Interval` for each endpoint, and what the generator itself was doing.

A `Second` is what one frame of one shard says, and also what frames of several shards for the same second add up to:
merging is adding, so the same record serves storage (a line of intervals.ndjson), the live view and the analysis.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import msgspec

from loadctl.results.histogram import NOTHING, Histogram, Packable, Packed
from loadctl.results.wire.record import Number, Whole

GENERATOR_FAULT = "generator"
"""The error class of the generator's own faults: not requests that the system failed."""
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


class GeneratorState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the generator itself was doing in one second."""

    users: Whole = 0
    """Users active at the end of the second; open model: turns under way."""
    leaving: Whole = 0
    """Users finishing their last request after the plan took them away."""
    ended: Whole = 0
    """Users of the plan that ended by themselves and have not been replaced."""
    lag_ms: Sequence[Number] = []
    """Overshoots of a timer inside the engine that is due once in each tenth of a second, at a random moment."""
    planned: Whole = 0
    begun: Whole = 0
    dropped: Whole = 0
    """Open model: arrivals due in this second = begun + dropped."""
    turns: Whole = 0
    faults: Whole = 0
    """Turns ended, and how many of them ended by the generator's own fault (EMFILE, an exception in a script)."""

    def state(self) -> dict[str, Any]:
        """For another record of the same second."""
        return dict(zip(_STATE, _state_of(self), strict=True))

    def state_with(self, other: GeneratorState) -> dict[str, Any]:
        """Of this generator and another one together."""
        mine, others = self.state(), other.state()
        return {name: value + others[name] for name, value in mine.items()}


_STATE = GeneratorState.__struct_fields__
_state_of = attrgetter(*_STATE)


class Second(GeneratorState):
    """`t` whole seconds since t0: the intervals of the requests that ended in [t, t+1), and the generator's state."""

    t: int
    cells: dict[str, Interval] = {}
    late: Histogram = msgspec.field(default_factory=Histogram)
    """Open model: how late arrivals began after they were due."""

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
        self.late.merge(other.late)
        for name, value in self.state_with(other).items():
            setattr(self, name, value)


def completed_of(interval: Interval) -> int:
    """Requests that ended with any outcome that is the system's."""
    return interval.completed - interval.errors[GENERATOR_FAULT]


def failed_of(interval: Interval) -> int:
    return interval.failed.count - interval.errors[GENERATOR_FAULT]


NO_ERRORS: Mapping[str, int] = MappingProxyType({})


class SecondTotal(GeneratorState, kw_only=True):
    """Second `t`, [t, t+1) since t0; the counts as in `Interval`, the generator's state as in `Second`."""

    t: int
    ok: Packed = NOTHING
    first_bytes: Packable = NOTHING
    """Times to the first byte; few questions look at them."""
    failures: int = 0
    """With the generator's own faults, as in `errors`."""
    errors: Mapping[str, int] = NO_ERRORS
    rate_limited: int = 0
    in_flight: int = 0
    late: Packed = NOTHING

    def __post_init__(self) -> None:
        self.lag_ms = array("d", self.lag_ms)  # hours of them are held: a quarter of a list's memory

    @classmethod
    def of(cls, second: Second) -> SecondTotal:
        whole = second.together()
        return cls(
            t=second.t,
            ok=Packed.of(whole.ok),
            first_bytes=Packed.of(whole.ttfb),
            failures=whole.failed.count,
            errors=whole.errors or NO_ERRORS,
            rate_limited=whole.rate_limited,
            in_flight=whole.in_flight,
            late=Packed.of(second.late),
            **second.state(),
        )

    def __add__(self, other: SecondTotal) -> SecondTotal:
        """With what another shard said of the same second."""
        return SecondTotal(
            t=self.t,
            ok=self.ok + other.ok,
            first_bytes=self.ttfb + other.ttfb,
            failures=self.failures + other.failures,
            errors=Counter(self.errors) + Counter(other.errors),
            rate_limited=self.rate_limited + other.rate_limited,
            in_flight=self.in_flight + other.in_flight,
            late=self.late + other.late,
            **self.state_with(other),
        )

    @property
    def ttfb(self) -> Packed:
        return self.first_bytes.packed()

    @property
    def generator_faults(self) -> int:
        """Failures that are the generator's own, not the system's."""
        return self.errors.get(GENERATOR_FAULT, 0)

    @property
    def completed(self) -> int:
        """Requests that ended with any outcome that is the system's."""
        return self.ok.count + self.failures + self.rate_limited - self.generator_faults

    @property
    def failed(self) -> int:
        return self.failures - self.generator_faults
