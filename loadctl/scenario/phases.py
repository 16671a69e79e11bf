"""The phases of a spike: the level before it, all above that, and the time in which the load is back."""

from __future__ import annotations

from dataclasses import dataclass

from loadctl.scenario.load import Load

NO_SPIKE = "it needs a load that holds a level, rises above it, and comes back to it"
_ALIKE = 1.1


@dataclass(frozen=True, slots=True)
class Phases:
    """Spans in seconds: the level before, all above it, and the stage in which the load is back at the old level."""

    before: tuple[float, float]
    spike: tuple[float, float]
    after: tuple[float, float]


def phases(load: Load) -> Phases | None:
    """Where a load holds a level, rises above it, and comes back: None where it does not."""
    first, last = load.window
    holds = [(s, e, stage) for s, e, stage in load.spans() if stage.holds and s >= first and e <= last]
    top = next((i for i, (_, _, stage) in enumerate(holds) if stage.end >= load.peak), None)
    peaks = [(s, e) for s, e, stage in load.spans() if max(stage.start, stage.end) >= load.peak]
    if not peaks or not holds:
        return None
    begins = peaks[0][0]
    after = next(((s, e, g) for s, e, g in holds if s >= peaks[-1][1] and g.end < load.peak), None)
    if after is None:
        return None
    level = after[2].end
    earlier = [h for h in holds[:top] if h[1] <= begins and level / _ALIKE <= h[2].end <= level * _ALIKE]
    if not earlier:
        return None
    before = earlier[-1]
    return Phases(before[:2], (before[1], after[0]), (after[0], last))
