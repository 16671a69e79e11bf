"""A run that is still going, over its last seconds; nothing of it is scored.

`Progress` is for the live view, `Tally` for the metrics page, `Vitals` for the profiler, `StopWatch` for `stop_when`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Generic, Protocol, Self, TypeVar

from loadctl.results.histogram import Histogram, upper_edge_us
from loadctl.results.interval import GENERATOR_FAULT, Interval, Second, completed_of, failed_of
from loadctl.results.recording import Event, Reading
from loadctl.scenario.load import Load
from loadctl.scenario.target import PERCENTILES, StopRule
from loadctl.scenario.units import format_duration

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
        if second.t > self.t:
            self.t = second.t
            for counts in (self.rates, self.failures, self.levels):
                counts.append(0)
            self.errors.append(Counter())
            self._recent.append(Histogram())
            self.p95s.append(None)
        if (place := self.t - second.t + 1) <= len(self.rates):
            self.rates[-place] += done
            self.failures[-place] += failed
            self.levels[-place] += second.users
            for interval in cells:
                self._recent[-place].merge(interval.ok)
                self.errors[-place].update(interval.errors)
        self.users = self.levels[-1]
        found = merged(self._recent).quantile_us(0.95)
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


class _Mergeable(Protocol):
    def merge(self, other: Self, /) -> None: ...


_M = TypeVar("_M", bound=_Mergeable)


class _Window(Generic[_M]):
    """What happened in each of the last `span_s` seconds. A second may come in pieces, of one shard after the other."""

    def __init__(self, new: Callable[[], _M], span_s: int) -> None:
        self.last = -1
        self._new = new
        self._span_s = span_s
        self._seconds: dict[int, _M] = {}

    def add(self, t: int, part: _M) -> None:
        self.last = max(self.last, t)
        self._seconds.setdefault(t, self._new()).merge(part)
        for old in [t for t in self._seconds if t <= self.last - self._span_s]:
            del self._seconds[old]

    def between(self, start: int, end: int) -> _M:
        """Of [start, end)."""
        whole = self._new()
        for t in range(start, end):
            if t in self._seconds:
                whole.merge(self._seconds[t])
        return whole

    def up_to(self, t: int) -> _M:
        """Of a whole span that ends with second `t`."""
        return self.between(t - self._span_s + 1, t + 1)


def _latencies() -> _Window[Histogram]:
    return _Window(Histogram, RECENT_S)


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
    _recent: _Window[Histogram] = field(default_factory=_latencies)

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
        return self._recent.up_to(now)


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
    _lag: _Window[Histogram] = field(default_factory=_latencies)
    _late: _Window[Histogram] = field(default_factory=_latencies)

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
        return self._lag.up_to(self.t)

    def late(self) -> Histogram:
        """Open model: how late the arrivals of the last RECENT_S seconds began."""
        return self._late.up_to(self.t)


def label(text: str) -> str:
    """Text from outside as the value of a label: one short line without anything that a parser could stumble over."""
    return "".join(char if char.isprintable() else " " for char in text[:_LABEL_MAX])


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """All of them in one; they stay as they are."""
    whole = Histogram()
    for histogram in histograms:
        whole.merge(histogram)
    return whole


SPAN_S = 5
_ENOUGH = 20


@dataclass(frozen=True, slots=True)
class Vital:
    """Of the last SPAN_S seconds up to second `t`. None: too few requests, or not measured."""

    t: int = -1
    p95_ms: float | None = None
    error_rate: float | None = None
    """A ratio."""
    cpu_pct: float | None = None


@dataclass(slots=True)
class _Outcome:
    """Requests of one second or of several."""

    ok: Histogram = field(default_factory=Histogram)
    completed: int = 0
    failed: int = 0

    @classmethod
    def of(cls, second: Second) -> _Outcome:
        whole = cls()
        for cell in second.cells.values():
            whole.merge(cls(cell.ok, completed_of(cell), failed_of(cell)))
        return whole

    def merge(self, other: _Outcome) -> None:
        self.ok.merge(other.ok)
        self.completed += other.completed
        self.failed += other.failed


@dataclass(slots=True)
class Vitals:
    """Fed with merged seconds and readings as they come."""

    now: Vital = field(default_factory=Vital)
    _recent: _Window[_Outcome] = field(default_factory=lambda: _Window(_Outcome, SPAN_S))
    _cpu_pct: float | None = None

    def add(self, second: Second) -> None:
        """The next second, or what one more shard says about one that was added already."""
        self._recent.add(second.t, _Outcome.of(second))
        t = self._recent.last
        whole = self._recent.up_to(t)
        p95_us = whole.ok.nearest_rank_us(0.95) if whole.ok.count >= _ENOUGH else None
        self.now = Vital(
            t=t,
            p95_ms=None if p95_us is None else p95_us / 1000,
            error_rate=whole.failed / whole.completed if whole.completed >= _ENOUGH else None,
            cpu_pct=self._cpu_pct,
        )

    def read(self, reading: Reading) -> None:
        if reading.subject == "system" and "cpu_pct" in reading.values:
            self._cpu_pct = reading.values["cpu_pct"]


_PARTS = 5


@dataclass(slots=True)
class StopWatch:
    """Fed with merged seconds as they come; it remembers only as many as the longest rule needs."""

    rules: Sequence[StopRule]
    _first: int | None = None
    """The first second in which a request ended."""
    _recent: _Window[_Outcome] = field(init=False)

    def __post_init__(self) -> None:
        longest_s = math.ceil(max((rule.for_s for rule in self.rules), default=0.0))
        self._recent = _Window(_Outcome, longest_s)

    def heed(self, seconds: Iterable[Second]) -> str | None:
        """The sentence that ends the run, or None. A second may come in pieces, of one shard after the other."""
        fired = None
        for second in seconds:
            self._recent.add(second.t, _Outcome.of(second))
            if self._first is None and any(map(completed_of, second.cells.values())):
                self._first = second.t
            if fired is None and second.t == self._recent.last:
                fired = next((rule for rule in self.rules if self._holds(rule)), None)
        if fired is None:
            return None
        return f"stopped early after {format_duration(self._recent.last + 1)}: {fired}"

    def _holds(self, rule: StopRule) -> bool:
        length = math.ceil(rule.for_s)
        start = self._recent.last + 1 - length
        if self._first is None or self._first > start:
            return False
        count = min(_PARTS, length)
        edges = [start + length * part // count for part in range(count + 1)]
        return all(self._bad(rule, *edges[part : part + 2]) for part in range(count))

    def _bad(self, rule: StopRule, start: int, end: int) -> bool:
        whole = self._recent.between(start, end)
        if rule.metric == "throughput":
            return (whole.completed - whole.failed) / (end - start) < rule.limit
        if rule.metric == "error_rate":
            return whole.completed > 0 and 100 * whole.failed / whole.completed > rule.limit
        us = (
            whole.ok.nearest_rank_us(PERCENTILES[rule.metric.removeprefix("latency_")])
            if whole.ok.count
            else None
        )
        return us is not None and us / 1000 > rule.limit
