"""The wall clock, which somebody may set while a run goes."""

from __future__ import annotations

import time
from datetime import UTC, datetime

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
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
