"""Progress: the last half minute of a run that is still going, for the live view. Never scored."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Second, completed_of, failed_of
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
    p95s: deque[float | None] = field(default_factory=lambda: deque(maxlen=HISTORY_S))
    system: Reading | None = None
    p95_ms: float | None = None
    """Of the successes of the last half minute; None while there are fewer than 200."""
    _recent: deque[Histogram] = field(default_factory=lambda: deque(maxlen=HISTORY_S))

    def add(self, second: Second) -> None:
        """The next second, or what one more shard says about a second that was added already."""
        cells = second.cells.values()
        done = sum(map(completed_of, cells))
        self.completed += done
        self.failed += sum(map(failed_of, cells))
        self.dropped += second.dropped
        behind = self.t - second.t
        if behind < 0:
            self.t = second.t
            for history, value in ((self.rates, done), (self.levels, second.users)):
                history.append(value)
            self._recent.append(Histogram())
            self.p95s.append(None)
            behind = 0
        elif behind < len(self.rates):
            self.rates[-1 - behind] += done
            self.levels[-1 - behind] += second.users
        if behind < len(self._recent):
            for interval in cells:
                self._recent[-1 - behind].merge(interval.ok)
        self.users = self.levels[-1]
        self._take_p95()

    def _take_p95(self) -> None:
        merged = Histogram()
        for histogram in self._recent:
            merged.merge(histogram)
        found = merged.quantile_us(0.95)
        self.p95_ms = None if found is None else found / 1000
        self.p95s[-1] = self.p95_ms

    def read(self, reading: Reading) -> None:
        if reading.subject == "system":
            self.system = reading

    @property
    def planned(self) -> float:
        return self.load.level_at(self.t + 0.999)

    @property
    def stage(self) -> str:
        """Where the load is; "" after its end."""
        now = self.t + 0.999
        return next((stage.name for start, end, stage in self.load.spans() if start <= now < end), "")

    @property
    def rate_per_s(self) -> float:
        """Requests per second over the last five seconds."""
        last = list(self.rates)[-5:]
        return sum(last) / len(last) if last else 0.0
