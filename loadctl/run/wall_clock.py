"""The wall clock, which somebody may set while a run goes."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from loadctl.results.cell import MOST_S
from loadctl.results.recording import Event

_STEP_S = 1.0


class WallClock:
    """Notices when somebody sets the wall clock: durations are not touched, times of day are."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def step(self, t: float) -> list[Event]:
        offset = time.time() - time.monotonic()
        step = offset - self._offset
        if abs(step) <= _STEP_S:
            return []
        self._offset = offset
        return [
            Event(t, "clock_step", f"the wall clock was set by {step:+.1f} s", {"step_s": round(step, 3)})
        ]


def utc(wall_s: float) -> str:
    """ISO 8601, to the millisecond."""
    whole_s, ms = divmod(round(wall_s * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole_s))}.{ms:03}Z"


def moment(stamp: str) -> str | None:
    """`stamp`, where it and the end of the longest run after it are times that a calendar has."""
    try:
        _ = datetime.fromisoformat(stamp) + timedelta(seconds=MOST_S)
    except (ValueError, OverflowError):
        return None
    return stamp
