"""Rates of counters that only grow."""

from __future__ import annotations

import time


class Rate:
    """Increase a second since the call before; None the first time, and when the counter was set back."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None

    def update(self, counter: float) -> float | None:
        at = time.monotonic()
        before, self._before = self._before, (counter, at)
        if before is None or counter < before[0] or at <= before[1]:
            return None
        return (counter - before[0]) / (at - before[1])
