"""A moment: one second of a run, all endpoints together. Windows, levels and the timeline are made of these."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from loadctl.results.interval import GENERATOR_FAULT, Second
from loadctl.results.packed import Packable, Packed

NO_ERRORS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Second `t`, [t, t+1) since t0; the counts, the users and the generator's state as in `Second`."""

    t: int
    ok: Packed = field(default_factory=Packed)
    first_bytes: Packable = field(default_factory=Packed)
    """Times to the first byte; few questions look at them."""
    failures: int = 0
    """With the generator's own faults, as in `errors`."""
    errors: Mapping[str, int] = field(default_factory=lambda: NO_ERRORS)
    rate_limited: int = 0
    in_flight: int = 0
    users: int = 0
    leaving: int = 0
    ended: int = 0
    lag_ms: Sequence[float] = ()
    late: Packed = field(default_factory=Packed)
    planned: int = 0
    begun: int = 0
    dropped: int = 0
    turns: int = 0
    faults: int = 0

    @classmethod
    def of(cls, second: Second) -> Moment:
        whole = second.together()
        return cls(
            t=second.t,
            ok=Packed.of(whole.ok),
            first_bytes=Packed.of(whole.ttfb),
            failures=whole.failed.count,
            errors=whole.errors or NO_ERRORS,
            rate_limited=whole.rate_limited,
            in_flight=whole.in_flight,
            users=second.users,
            leaving=second.leaving,
            ended=second.ended,
            lag_ms=array("d", second.lag_ms),
            late=Packed.of(second.late),
            planned=second.planned,
            begun=second.begun,
            dropped=second.dropped,
            turns=second.turns,
            faults=second.faults,
        )

    def __add__(self, other: Moment) -> Moment:
        """With what another shard said of the same second."""
        return Moment(
            t=self.t,
            ok=self.ok + other.ok,
            first_bytes=self.ttfb + other.ttfb,
            failures=self.failures + other.failures,
            errors=Counter(self.errors) + Counter(other.errors),
            rate_limited=self.rate_limited + other.rate_limited,
            in_flight=self.in_flight + other.in_flight,
            users=self.users + other.users,
            leaving=self.leaving + other.leaving,
            ended=self.ended + other.ended,
            lag_ms=array("d", [*self.lag_ms, *other.lag_ms]),
            late=self.late + other.late,
            planned=self.planned + other.planned,
            begun=self.begun + other.begun,
            dropped=self.dropped + other.dropped,
            turns=self.turns + other.turns,
            faults=self.faults + other.faults,
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
