"""A second of a run with all endpoints together. Windows, levels and the timeline are made of these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from loadctl.results.interval import GENERATOR_FAULT, GeneratorState, Second
from loadctl.results.packed import NOTHING, Packable, Packed

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
