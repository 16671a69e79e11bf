"""A tally: what a run has counted so far, for whoever asks while it goes. Never scored.

Counters are exact and only grow. Histograms are cut down to fixed edges, without ever making a latency look shorter
than it was. Names are made safe for labels here, because two that become alike must be counted together.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from loadctl.results.histogram import Histogram, upper_edge_us
from loadctl.results.interval import GENERATOR_FAULT, Interval, Second, failed_of
from loadctl.results.recording import Event, Reading

EDGES_US = tuple(
    round(edge_ms * 1000)
    for edge_ms in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000)
)
"""Upper edges of the buckets that are told; the last bucket has none."""
RECENT_S = 30
ENDPOINTS_MAX = 100
OTHERS = "(other)"
"""What endpoints, and kinds of failures, beyond the first hundred are counted as."""
_FORGOTTEN_S = 60
_LABEL_MAX = 200
_READINGS_MAX = 200


@dataclass(slots=True)
class _Window:
    """What was recorded in the last RECENT_S seconds."""

    _parts: dict[int, Histogram] = field(default_factory=dict)

    def add(self, t: int, histogram: Histogram) -> None:
        if histogram.count:
            self._parts.setdefault(t, Histogram()).merge(histogram)
        while self._parts and (first := next(iter(self._parts))) <= t - RECENT_S:
            del self._parts[first]

    def merged(self, now: int) -> Histogram:
        return merged(part for t, part in self._parts.items() if t > now - RECENT_S)


@dataclass(slots=True)
class EndpointTally:
    """Of one endpoint since the start; `buckets` by EDGES_US and one for what is beyond, not summed up."""

    ok: int = 0
    failed: int = 0
    rate_limited: int = 0
    bytes: int = 0
    sum_us: int = 0
    """Of the latencies of the successes."""
    buckets: list[int] = field(default_factory=lambda: [0] * (len(EDGES_US) + 1))
    _recent: _Window = field(default_factory=_Window)

    def add(self, t: int, interval: Interval) -> None:
        self.ok += interval.ok.count
        self.failed += failed_of(interval)
        self.rate_limited += interval.rate_limited
        self.bytes += interval.bytes
        self.sum_us += interval.ok.sum_us
        for bucket, count in interval.ok.buckets.items():
            self.buckets[_place_of(bucket)] += count
        self._recent.add(t, interval.ok)

    def recent(self, now: int) -> Histogram:
        """Successes of the last RECENT_S seconds up to second `now`."""
        return self._recent.merged(now)


@cache
def _place_of(bucket: int) -> int:
    """A bucket that lies across an edge counts as beyond it: never too fast, and at most 0.8 % too slow."""
    return bisect_left(EDGES_US, upper_edge_us(bucket))


@dataclass(slots=True)
class Tally:
    """Fed with merged seconds, readings and events as they come; memory does not grow with the run."""

    t: int = -1
    users: int = 0
    leaving: int = 0
    in_flight: int = 0
    begun: int = 0
    dropped: int = 0
    faults: int = 0
    """Turns ended by the generator's own fault."""
    endpoints: dict[str, EndpointTally] = field(default_factory=dict)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By endpoint and class."""
    events: Counter[str] = field(default_factory=Counter)
    """By kind."""
    log_lines: int | None = None
    log_errors: int | None = None
    """None: no log is followed."""
    _readings: dict[tuple[str, str, str], Reading] = field(default_factory=dict)
    _lag: _Window = field(default_factory=_Window)
    _late: _Window = field(default_factory=_Window)

    def add(self, second: Second) -> None:
        """The next second, or what one more shard says about a second that was added already."""
        if second.t > self.t:
            self.t = second.t
            self.users = self.leaving = self.in_flight = 0
        if second.t == self.t:
            self.users += second.users
            self.leaving += second.leaving
            self.in_flight += sum(cell.in_flight for cell in second.cells.values())
        self.begun += second.begun
        self.dropped += second.dropped
        self.faults += second.faults
        self._lag.add(second.t, Histogram.of(round(ms * 1000) for ms in second.lag_ms))
        self._late.add(second.t, second.late)
        for name, interval in second.cells.items():
            self._add(second.t, name, interval)

    def _add(self, t: int, name: str, interval: Interval) -> None:
        endpoint = label(name)
        if endpoint not in self.endpoints and len(self.endpoints) >= ENDPOINTS_MAX:
            endpoint = OTHERS
        self.endpoints.setdefault(endpoint, EndpointTally()).add(t, interval)
        for error_class, count in interval.errors.items():
            if error_class != GENERATOR_FAULT:
                key = (endpoint, label(error_class))
                full = key not in self.failures and len(self.failures) >= ENDPOINTS_MAX
                self.failures[OTHERS if full else endpoint, OTHERS if full else key[1]] += count

    def see(self, seen: Reading | Event) -> None:
        if isinstance(seen, Event):
            self.events[label(seen.kind)] += 1
            return
        if seen.subject == "system" and seen.source == "logs":
            self.log_lines = (self.log_lines or 0) + round(seen.values.get("log_lines", 0))
            self.log_errors = (self.log_errors or 0) + round(seen.values.get("log_errors", 0))
            return
        key = (seen.subject, label(seen.source), label(seen.entity))
        self._readings[key] = seen
        if len(self._readings) > _READINGS_MAX:
            del self._readings[min(self._readings, key=lambda one: self._readings[one].t)]

    def latest(self, subject: str, name: str) -> dict[tuple[str, str], float]:
        """The newest value of `name` by source and entity; nothing where the last look was a gap, or is long ago."""
        now = max([self.t, *(reading.t for reading in self._readings.values())])
        return {
            (source, entity): reading.values[name]
            for (who, source, entity), reading in self._readings.items()
            if who == subject and name in reading.values and reading.t > now - _FORGOTTEN_S
        }

    def recent(self) -> dict[str, Histogram]:
        """By endpoint: successes of the last RECENT_S seconds."""
        return {name: endpoint.recent(self.t) for name, endpoint in self.endpoints.items()}

    def lag(self) -> Histogram:
        """Overshoots of the engines' timers in the last RECENT_S seconds."""
        return self._lag.merged(self.t)

    def late(self) -> Histogram:
        """Open model: how late the arrivals of the last RECENT_S seconds began."""
        return self._late.merged(self.t)


def label(text: str) -> str:
    """Text from outside as the value of a label: one short line without anything that a parser could stumble over."""
    return "".join(char if char.isprintable() else " " for char in text[:_LABEL_MAX])


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """All of them in one; they stay as they are."""
    whole = Histogram()
    for histogram in histograms:
        whole.merge(histogram)
    return whole
