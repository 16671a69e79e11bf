"""The levels of a load that rises in steps: what the system did while each was held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Second
from loadctl.results.portion import completed_of, failed_of
from loadctl.scenario.load import STAIRCASE_LEVELS, Load

SETTLE_SHARE = 1 / 3
"""The first third of a level still shows the step that led to it."""
KNOWN_SHARE = 2 / 3
"""Of a level's seconds; one of which less is known (the rest went to a profiler) was not tried."""


@dataclass(frozen=True, slots=True)
class Level:
    """`level`: users, or arrivals a second. `seconds`: all of [start_s, end_s) that were recorded, in order of time."""

    level: float
    name: str
    start_s: float
    end_s: float
    seconds: Sequence[Second]

    @property
    def settled(self) -> Sequence[Second]:
        edge = self.start_s + (self.end_s - self.start_s) * SETTLE_SHARE
        return [second for second in self.seconds if second.t >= edge]

    @property
    def throughput_per_s(self) -> float:
        """Median successes per second, settled; a second without any is 0."""
        counts = [sum(cell.ok.count for cell in second.cells.values()) for second in self.settled]
        return float(median(counts)) if counts else 0.0


def levels(load: Load, seconds: Sequence[Second], ended_s: float) -> tuple[Level, ...]:
    """The steps of the staircase (Load.steps) that were carried out to their end; of too few of them, none.

    `seconds`: those that may be scored. A level of which most is missing there is left out: nothing is known of it.
    """
    steps = [
        Level(stage.end, stage.name, start, end, [second for second in seconds if start <= second.t < end])
        for start, end, stage in load.steps()
        if end <= ended_s
    ]
    known = tuple(step for step in steps if len(step.seconds) >= KNOWN_SHARE * (step.end_s - step.start_s))
    return known if len({step.level for step in known}) >= STAIRCASE_LEVELS else ()


@dataclass(slots=True)
class Total:
    """All endpoints of some seconds together."""

    ok: Histogram
    ttfb: Histogram
    completed: int = 0
    failed: int = 0


def total(seconds: Sequence[Second]) -> Total:
    found = Total(Histogram(), Histogram())
    for second in seconds:
        for cell in second.cells.values():
            found.ok.merge(cell.ok)
            found.ttfb.merge(cell.ttfb)
            found.completed += completed_of(cell)
            found.failed += failed_of(cell)
    return found
