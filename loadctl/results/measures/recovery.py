"""Recovery after a spike: how long after the load is back at its old level the system is as it was before.

Before: rolling windows of at least 5 s and 100 requests in the stage before the spike; their p95 gives the normal
range: 1.5 times the median, or the 95 % quantile of the windows where that is more, at most twice the median, but
always NOISE_MS above it. A second is well when the window around it is within that range and its errors are at most one
percentage point above those before. Recovered: a second from which 9 of 10 s, and 90 % of all seconds to the end, are
well. Where half of the seconds before it are well already (where there is none: half of the later half), nothing is
said. On synthetic spikes this reported 82 to 90 % of true recoveries, the median within 1 to 5 s of the truth, and
falsely 5 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from loadctl.results.histogram import Pool
from loadctl.results.interval import SecondTotal
from loadctl.results.measures.level import NOISE_MS, Total, total
from loadctl.scenario.load import NO_SPIKE, STEADY_S, Load, Phases, phases, window_s

UNSTEADY_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Recovery:
    """`took_s` after the load was back; None: not within the `watched_s` that the run goes on for."""

    phases: Phases
    took_s: float | None
    watched_s: float
    p95_before_ms: float
    p95_worst_ms: float
    limit_ms: float
    """The upper end of the normal range."""
    errors_before: float
    errors_spike: float
    """Shares of requests."""


def recovery(load: Load, seconds: Sequence[SecondTotal], ended_s: float) -> Recovery | str:
    """How it went, or why that is not known."""
    found = phases(load)
    if found is None:
        return NO_SPIKE
    end = min(ended_s, found.after[1])
    by_t = {second.t: second for second in seconds}
    timeline = _Timeline([by_t.get(t) or SecondTotal(t=t) for t in range(int(end))], found)
    if (short := found.too_short(timeline.requests_before, end)) is not None:
        return short
    if any(second.ok.untimed for second in seconds):
        return "loadctl could not measure the latency of some successes"
    if not timeline.normal:
        return "no request was answered before the spike"
    return timeline.result()


class _Timeline:
    def __init__(self, seconds: Sequence[SecondTotal], found: Phases) -> None:
        self._seconds, self._phases = seconds, found
        start, end = (int(edge) for edge in found.before)
        self._before = total(seconds[start:end])
        self._width = window_s(self._before.completed, found.before[1] - found.before[0])
        windows = (self._p95(i, i + self._width) for i in range(start, end - self._width + 1))
        self.normal = sorted(p95 for p95 in windows if p95 is not None)

    @property
    def requests_before(self) -> int:
        return self._before.completed

    def result(self) -> Recovery | str:
        start, end = int(self._phases.after[0]), len(self._seconds)
        typical, high = median(self.normal), self.normal[int(0.95 * (len(self.normal) - 1))]
        limit = max(min(max(1.5 * typical, high), 2 * typical), typical + NOISE_MS)
        errors = _share(self._before)
        well = [self._is_well(t, limit, errors + 0.01) for t in range(start, end)]
        took = next(
            (
                i
                for i in range(len(well) - STEADY_S + 1)
                if well[i]
                and sum(well[i : i + STEADY_S]) >= STEADY_S - 1
                and sum(well[i:]) >= 0.9 * (len(well) - i)
            ),
            None,
        )
        unsteady = self._unsteady(well[len(well) // 2 :] if took is None else well[:took])
        if unsteady is not None:
            return unsteady
        spike = range(int(self._phases.spike[0]), start)
        worst = max((p95 for t in spike if (p95 := self._around(t)) is not None), default=typical)
        return Recovery(
            self._phases,
            None if took is None else float(took),
            float(end - start),
            typical,
            worst,
            limit,
            errors,
            _share(total(self._seconds[spike.start : spike.stop])),
        )

    def _unsteady(self, part: Sequence[bool]) -> str | None:
        """Well at most times, and now and then not: what a spike leaves behind goes away or stays."""
        if len(part) < STEADY_S or sum(part) < UNSTEADY_SHARE * len(part):
            return None
        return (
            f"latency was unsteady after the spike: within its normal range in {sum(part)} of {len(part)} s"
        )

    def _is_well(self, t: int, limit: float, errors: float) -> bool:
        low, high = self._window(t)
        part = total(self._seconds[low:high])
        p95 = _p95_ms(part.ok)
        return p95 is not None and p95 <= limit and part.failed <= errors * part.completed

    def _around(self, t: int) -> float | None:
        return self._p95(*self._window(t))

    def _window(self, t: int) -> tuple[int, int]:
        low = max(0, t - self._width // 2)
        return low, min(len(self._seconds), low + self._width)

    def _p95(self, start: int, end: int) -> float | None:
        return _p95_ms(total(self._seconds[start:end]).ok)


def _p95_ms(pool: Pool) -> float | None:
    """Of however few: windows are compared with each other, not with a limit of the user's."""
    us = pool.nearest_rank_us(0.95)
    return None if us is None else us / 1000


def _share(part: Total) -> float:
    return part.failed / part.completed if part.completed else 0.0
