"""The phases of a spike: the level before it, all above that, and the time in which the load is back."""

from __future__ import annotations

import math
from dataclasses import dataclass

from loadctl.scenario.load import Load

NO_SPIKE = "it needs a load that holds a level, rises above it, and comes back to it"
WINDOW_S = 5
ENOUGH_REQUESTS = 100
"""In each window whose p95 is compared with the others."""
STEADY_S = 10
ENOUGH_BEFORE_S = 20
_ALIKE = 1.1


@dataclass(frozen=True, slots=True)
class Phases:
    """Spans in seconds: the level before, all above it, and the stage in which the load is back at the old level."""

    before: tuple[float, float]
    spike: tuple[float, float]
    after: tuple[float, float]

    def too_short(self, requests_before: float, end_s: float) -> str | None:
        """Why recovery cannot be told of a load that ends at `end_s`; None: it is long enough."""
        before_s, after_s = self.before[1] - self.before[0], end_s - self.after[0]
        if after_s < STEADY_S:
            return (
                f"the load must be back for at least {STEADY_S} s, and was so for {max(0.0, after_s):.0f} s"
            )
        if before_s < ENOUGH_BEFORE_S:
            return f"it needs a stage of at least {ENOUGH_BEFORE_S} s before the spike"
        width_s = window_s(requests_before, before_s)
        if width_s <= min(before_s, after_s / 2):
            return None
        return (
            f"{ENOUGH_REQUESTS} requests take {width_s} s at the load before the spike: the stages before and "
            f"after it must be at least {width_s} and {2 * width_s} s long, or that load higher"
        )


def window_s(requests: float, seconds: float) -> int:
    """How long a window is that holds ENOUGH_REQUESTS at this rate."""
    return max(WINDOW_S, math.ceil(ENOUGH_REQUESTS / max(1.0, requests / seconds)))


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
