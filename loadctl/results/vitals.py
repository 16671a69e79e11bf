"""How the system does right now: the last seconds of a run, for decisions while it goes. Never scored."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Second, completed_of, failed_of
from loadctl.results.recording import Reading

SPAN_S = 5
_ENOUGH = 20


@dataclass(frozen=True, slots=True)
class Vital:
    """Of the last SPAN_S seconds up to second `t`. None: too few requests, or not measured."""

    t: int = -1
    p95_ms: float | None = None
    error_rate: float | None = None
    """A ratio."""
    cpu_pct: float | None = None


@dataclass(slots=True)
class _Moment:
    t: int
    ok: Histogram
    completed: int = 0
    failed: int = 0


@dataclass(slots=True)
class Vitals:
    """Fed with merged seconds and readings as they come."""

    now: Vital = field(default_factory=Vital)
    _moments: deque[_Moment] = field(default_factory=deque)
    _cpu_pct: float | None = None

    def add(self, second: Second) -> None:
        """The next second, or what one more shard says about one that was added already."""
        moment = next((one for one in self._moments if one.t == second.t), None)
        if moment is None:
            if self._moments and second.t < self._moments[0].t:
                return
            moment = _Moment(second.t, Histogram())
            self._moments.append(moment)
        for cell in second.cells.values():
            moment.ok.merge(cell.ok)
            moment.completed += completed_of(cell)
            moment.failed += failed_of(cell)
        newest = max(one.t for one in self._moments)
        while self._moments[0].t <= newest - SPAN_S:
            self._moments.popleft()
        self.now = self._vital(newest)

    def read(self, reading: Reading) -> None:
        if reading.subject == "system" and "cpu_pct" in reading.values:
            self._cpu_pct = reading.values["cpu_pct"]

    def _vital(self, t: int) -> Vital:
        whole = Histogram()
        for moment in self._moments:
            whole.merge(moment.ok)
        completed = sum(one.completed for one in self._moments)
        failed = sum(one.failed for one in self._moments)
        p95_us = whole.nearest_rank_us(0.95) if whole.count >= _ENOUGH else None
        return Vital(
            t=t,
            p95_ms=None if p95_us is None else p95_us / 1000,
            error_rate=failed / completed if completed >= _ENOUGH else None,
            cpu_pct=self._cpu_pct,
        )
