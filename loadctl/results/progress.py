"""Progress: the last half minute of a run that is still going, for the live view. Never scored."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Second
from loadctl.results.recording import Reading
from loadctl.scenario.load import Load

HISTORY_S = 30


@dataclass(slots=True)
class Progress:
    """Fed with merged seconds and readings as they come; memory does not grow with the run."""

    load: Load
    t: int = -1
    users: int = 0
    completed: int = 0
    failed: int = 0
    dropped: int = 0
    rates: deque[int] = field(default_factory=lambda: deque(maxlen=HISTORY_S))
    levels: deque[int] = field(default_factory=lambda: deque(maxlen=HISTORY_S))
    p95s: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY_S))
    system: Reading | None = None
    _recent: deque[Histogram] = field(default_factory=lambda: deque(maxlen=HISTORY_S))

    def add(self, second: Second) -> None:
        latency = Histogram()
        done = 0
        for interval in second.cells.values():
            latency.merge(interval.ok)
            done += interval.completed
            self.failed += interval.failed.count
        self.t = max(self.t, second.t)
        self.users = second.users
        self.completed += done
        self.dropped += second.dropped
        self.rates.append(done)
        self.levels.append(second.users)
        self._recent.append(latency)
        self.p95s.append(self.p95_ms or 0.0)

    def read(self, reading: Reading) -> None:
        if reading.subject == "system":
            self.system = reading

    @property
    def planned(self) -> float:
        return self.load.level_at(self.t + 0.999)

    @property
    def rate_per_s(self) -> float:
        """Requests per second over the last five seconds."""
        last = list(self.rates)[-5:]
        return sum(last) / len(last) if last else 0.0

    @property
    def p95_ms(self) -> float | None:
        """Of the successes of the last half minute; None while there are fewer than 200."""
        merged = Histogram()
        for histogram in self._recent:
            merged.merge(histogram)
        found = merged.quantile_us(0.95)
        return None if found is None else found / 1000
