"""Progress: the last half minute of a run that is still going, for the live view. Never scored."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from loadctl.results.histogram import Histogram
from loadctl.results.interval import GENERATOR_FAULT, Second, completed_of, failed_of
from loadctl.results.recording import Reading
from loadctl.scenario.load import Load

HISTORY_S = 30
"""Seconds of the window that all of its figures are of, but for the counts."""


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
    failures: deque[int] = field(default_factory=lambda: deque(maxlen=HISTORY_S))
    errors: deque[Counter[str]] = field(default_factory=lambda: deque(maxlen=HISTORY_S))
    system: Reading | None = None
    p95_ms: float | None = None
    """Of the successes of the last half minute; None while there are fewer than 200."""
    _recent: deque[Histogram] = field(default_factory=lambda: deque(maxlen=HISTORY_S))

    def add(self, second: Second) -> None:
        """The next second, or what one more shard says about a second that was added already."""
        cells = second.cells.values()
        done, failed = sum(map(completed_of, cells)), sum(map(failed_of, cells))
        self.completed += done
        self.failed += failed
        self.dropped += second.dropped
        behind = self.t - second.t
        if behind < 0:
            self.t = second.t
            for history, value in ((self.rates, done), (self.failures, failed), (self.levels, second.users)):
                history.append(value)
            self.errors.append(Counter())
            self._recent.append(Histogram())
            self.p95s.append(None)
            behind = 0
        elif behind < len(self.rates):
            self.rates[-1 - behind] += done
            self.failures[-1 - behind] += failed
            self.levels[-1 - behind] += second.users
        if behind < len(self._recent):
            for interval in cells:
                self._recent[-1 - behind].merge(interval.ok)
                self.errors[-1 - behind].update(interval.errors)
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
        return self.load.level_in(self.t)

    @property
    def stage(self) -> str:
        """Where the load is; "" after its end."""
        now = self.t + 0.999
        return next((stage.name for start, end, stage in self.load.spans() if start <= now < end), "")

    @property
    def rate_per_s(self) -> float:
        """Requests per second over the window."""
        return sum(self.rates) / len(self.rates) if self.rates else 0.0

    @property
    def error_pct(self) -> float | None:
        """Of the requests that ended in the window; None: none did."""
        done = sum(self.rates)
        return 100 * sum(self.failures) / done if done else None

    @property
    def commonest_error(self) -> str | None:
        """The class that most failures in the window are of."""
        counts = sum(self.errors, Counter[str]())
        del counts[GENERATOR_FAULT]
        return max(counts, key=lambda name: counts[name], default=None)
