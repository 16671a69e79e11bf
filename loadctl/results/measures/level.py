"""The levels of a load that rises in steps: what the system did while each was held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from loadctl.results.histogram import Pool
from loadctl.results.interval import SecondTotal
from loadctl.scenario.load import STAIRCASE_LEVELS, Load

SETTLE_SHARE = 1 / 3
"""The first third of a level still shows the step that led to it."""
NOISE_MS = 10.0
"""What is no change of a p95, however large a share: neighbours on the machine add as much. Over 12 minutes on two
busy cores the p95 of an idle system (30 s windows) wandered between 1.4 and 18 ms, most of it below 10."""
KNOWN_SHARE = 2 / 3
"""Of a level's seconds; one of which less is known (the rest went to a profiler) was not tried."""
AWAY_SHARE = 0.05
"""Of a level's users; where more have ended by themselves, that level was not held."""


@dataclass(frozen=True, slots=True)
class Level:
    """`level`: users, or arrivals a second. `seconds`: all of [start_s, end_s) that were recorded, in order of time."""

    level: float
    name: str
    start_s: float
    end_s: float
    seconds: Sequence[SecondTotal]

    @property
    def settled(self) -> Sequence[SecondTotal]:
        edge = self.start_s + (self.end_s - self.start_s) * SETTLE_SHARE
        return [second for second in self.seconds if second.t >= edge]

    @property
    def throughput_per_s(self) -> float:
        """Median successes per second, settled; a second without any is 0."""
        counts = [second.ok.count for second in self.settled]
        return float(median(counts)) if counts else 0.0


def levels(load: Load, seconds: Sequence[SecondTotal], ended_s: float) -> tuple[Level, ...]:
    """The steps of the staircase (Load.steps) that were carried out to their end; of too few of them, none.

    `seconds`: those that may be scored. A level of which most is missing there is left out: nothing is known of it. So
    is one whose users have ended by themselves: nothing has carried it.
    """
    steps = [
        Level(stage.end, stage.name, start, end, [second for second in seconds if start <= second.t < end])
        for start, end, stage in load.steps()
        if end <= ended_s
    ]
    known = tuple(
        step
        for step in steps
        if len(step.seconds) >= KNOWN_SHARE * (step.end_s - step.start_s)
        and sum(second.ended for second in step.seconds) <= AWAY_SHARE * step.level * len(step.seconds)
    )
    return known if len({step.level for step in known}) >= STAIRCASE_LEVELS else ()


@dataclass(frozen=True, slots=True)
class Total:
    """All endpoints of some seconds together."""

    seconds: Sequence[SecondTotal]
    ok: Pool
    completed: int
    failed: int

    @property
    def ttfb(self) -> Pool:
        return Pool(second.ttfb for second in self.seconds)


def total(seconds: Sequence[SecondTotal]) -> Total:
    return Total(
        seconds=seconds,
        ok=Pool(second.ok for second in seconds),
        completed=sum(second.completed for second in seconds),
        failed=sum(second.failed for second in seconds),
    )
