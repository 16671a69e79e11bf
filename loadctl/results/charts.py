"""What a run's charts are drawn from: its seconds in bins, filled in one pass.

A bin is so many whole seconds that no run has more than `BINS_MAX` of them. Counts are added and histograms merged;
of gauges the highest value stands for the bin. A percentile is shown over as many bins as its honest minimum of
requests takes (results/histogram.py), and stands in each of them: percentiles are never averaged.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median

from loadctl.results.histogram import Histogram, Packed, Pool, bucket_of
from loadctl.results.interval import GENERATOR_FAULT, SecondTotal
from loadctl.results.profile import marked_seconds
from loadctl.results.recording import Latencies, Reading, Recording, Span
from loadctl.results.result import Window
from loadctl.scenario.load import Load
from loadctl.scenario.target import enough_samples

READING_SERIES_MAX = 200
COUNTED = frozenset({"log_errors", "log_lines"})
_BRIDGED = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingSeries:
    """`values`: one for each bin, None where there is no reading; a line may bridge `bridge` empty bins: no more than
    its readings are usually apart. A longer hole is a gap."""

    subject: str
    source: str
    entity: str
    name: str
    values: Sequence[float | None]
    bridge: int = 0


def reading_series(readings: Iterable[Reading], bin_s: int, length: int) -> tuple[ReadingSeries, ...]:
    """In the order in which they were first seen. A reading at t tells of the time before t."""
    found: dict[tuple[str, str, str, str], _Binned] = {}
    for reading in readings:
        index = max(0, math.ceil(reading.t / bin_s) - 1)
        if index >= length:
            continue
        for name, value in reading.values.items():
            key = (reading.subject, reading.source, reading.entity, name)
            if key in found or len(found) < READING_SERIES_MAX:
                found.setdefault(key, _Binned(name in COUNTED, {}, [])).add(index, value, reading.t)
    return tuple(
        ReadingSeries(
            subject=subject,
            source=source,
            entity=entity,
            name=name,
            values=[binned.values.get(index) for index in range(length)],
            bridge=binned.bridge(bin_s),
        )
        for (subject, source, entity, name), binned in found.items()
    )


@dataclass(slots=True)
class _Binned:
    counted: bool
    values: dict[int, float]
    times: list[float]

    def add(self, index: int, value: float, t: float) -> None:
        self.times.append(t)
        if index not in self.values:
            self.values[index] = value
        else:
            known = self.values[index]
            self.values[index] = known + value if self.counted else max(known, value)

    def bridge(self, bin_s: int) -> int:
        if len(self.times) < 2:
            return 0
        period = median(later - earlier for earlier, later in pairwise(self.times))
        return math.ceil(_BRIDGED * period / bin_s)


BINS_MAX = 2000
HEAT_COLUMNS_MAX = 240
_QUIET_S = 10
"""Without a success for so long, a percentile that was waiting for more of them is given up."""
_SHOWN = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_OF_ENDPOINTS = ("p50", "p95")
_ENDPOINTS_MAX = 30
SLOWEST_MAX = 6
"""Endpoints whose latency over time is shown: those with the most successes, and the slowest."""
_LEVELS_MAX = 10
_LEVEL_MIN_S = 3
"""A level that a ramp only passed through says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """How many successes took how long, over time. `cells`: (column, row, count), only where there are any.

    A column is `column_s` seconds wide; row r holds latencies of [edge_us(r), edge_us(r + 1)).
    """

    column_s: int
    cells: Sequence[tuple[int, int, int]] = ()

    @staticmethod
    def row_of(us: int) -> int:
        """Four rows an octave, each a whole number of histogram buckets."""
        if us < 4:
            return us
        octave = us.bit_length() - 1
        return 4 * (octave - 1) + ((us >> (octave - 2)) & 3)

    @staticmethod
    def edge_us(row: int) -> int:
        """The lowest value in `row`."""
        if row < 4:
            return row
        octave, quarter = row // 4 + 1, row % 4
        return (4 + quarter) << (octave - 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLevel:
    """All scored seconds with about as many users, or arrivals a second, taken together."""

    level: float
    """Their mean."""
    seconds: int
    ok_per_s: float
    failed_per_s: float
    latency_ms: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    """Every sequence has an entry for each bin from second 0 on; None: nothing was recorded in it.

    Rates are per second, of requests that ended in the bin. `lag_ms` is the engines' highest timer overshoot,
    `late_ms` the latest begin of an arrival (open model). `dropped_per_s`: arrivals that were due and not begun.
    `distributions`: successes of the scored seconds by endpoint.
    """

    bin_s: int
    planned: Sequence[float | None] = ()
    users: Sequence[int | None] = ()
    ok_per_s: Sequence[float | None] = ()
    failed_per_s: Sequence[float | None] = ()
    begun_per_s: Sequence[float | None] = ()
    dropped_per_s: Sequence[float | None] = ()
    latency_ms: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    """By name of the percentile: p50, p90, p95, p99."""
    endpoint_latency_ms: Mapping[str, Mapping[str, Sequence[float | None]]] = field(default_factory=dict)
    """p50 and p95 of the most frequent endpoints, these first, and of the slowest."""
    errors_per_s: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    """By class, the most frequent first; together they are `failed_per_s`."""
    levels: Sequence[AtLevel] = ()
    """In order of level; none where there is only one."""
    lag_ms: Sequence[float | None] = ()
    late_ms: Sequence[float | None] = ()
    heat: Heat = field(default_factory=lambda: Heat(column_s=1))
    distributions: Mapping[str, Histogram] = field(default_factory=dict)
    slowest: Sequence[str] = ()
    """Endpoints of which there is a p95 in the scored part, from the highest to the lowest."""
    reading_series: Sequence[ReadingSeries] = ()


def charts(load: Load, recording: Recording, window: Window, ended_s: float) -> Charts:
    """`window`: what was scored, as far as the run got; `ended_s`: when the load ended (see measures/fold.py)."""
    length = max((second.t + 1 for second in recording.seconds), default=0)
    charting = Charting(load, length, window, ended_s, marked_seconds(recording.events))
    for second in recording.seconds:
        charting.add(second)
    return charting.charts(recording)


def _nice_step(raw: float) -> float:
    """The next of 1, 2, 5, 10, 20, …"""
    power = 10.0 ** math.floor(math.log10(max(raw, 1)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)


@dataclass(slots=True)
class _Bin:
    users: int = 0
    ok: int = 0
    failed: int = 0
    begun: int = 0
    dropped: int = 0
    lag_ms: float = 0.0
    late_us: int = 0
    seconds: int = 0
    errors: Counter[str] = field(default_factory=Counter)


class Charting:
    """Fed with the seconds of a run in order of time; its memory grows with bins, not with requests."""

    def __init__(
        self,
        load: Load,
        length_s: float,
        window: Window,
        ended_s: float,
        marked: frozenset[int] = frozenset(),
    ) -> None:
        self._load = load
        self._window = window
        self._last_s = max(0.0, math.ceil(ended_s) - 1)
        self._marked = marked
        self.bin_s = max(1, math.ceil(length_s / BINS_MAX))
        self._column_bins = max(1, math.ceil(length_s / self.bin_s / HEAT_COLUMNS_MAX))
        self._bins: dict[int, _Bin] = {}
        self._open: int | None = None
        self._latencies: list[Packed] = []
        self._percentiles = {name: _Percentile(q, self.bin_s) for name, q in _SHOWN.items()}
        self._heat: Counter[tuple[int, int]] = Counter()

    def add(self, second: SecondTotal) -> None:
        index = second.t // self.bin_s
        if index != self._open:
            self._close()
            self._open = index
        found = self._bins.setdefault(index, _Bin())
        found.seconds += 1
        found.users = max(found.users, second.users)
        found.begun += second.begun
        found.dropped += second.dropped
        found.lag_ms = max(found.lag_ms, *second.lag_ms, 0.0)
        found.late_us = max(found.late_us, second.late.max_us or 0)
        found.failed += second.failed
        found.ok += second.ok.count
        found.errors.update(second.errors)
        self._latencies.append(second.ok)

    def charts(self, recording: Recording) -> Charts:
        """All that was added; `recording`: for its readings, and for what the endpoints did."""
        self._close()
        self._open = None
        length = 1 + max((index for index in self._bins if self._is_told(index)), default=-1)
        bins = [self._bins.get(index) for index in range(length)]
        is_open = self._load.model == "open"
        distributions = self._distributions(recording.spans)
        slowest = _slowest_first(distributions)

        def rate(count: Iterable[int | None]) -> list[float | None]:
            return [
                None if n is None or found is None else round(n / found.seconds, 3)
                for n, found in zip(count, bins, strict=True)
            ]

        return Charts(
            bin_s=self.bin_s,
            planned=[self._planned(index) for index in range(length)],
            users=[found.users if found else None for found in bins],
            ok_per_s=rate(found.ok if found else None for found in bins),
            failed_per_s=rate(found.failed if found else None for found in bins),
            begun_per_s=rate(found.begun if found and is_open else None for found in bins),
            dropped_per_s=rate(found.dropped if found and is_open else None for found in bins),
            latency_ms={name: over_time.values(length) for name, over_time in self._percentiles.items()},
            lag_ms=[found.lag_ms if found else None for found in bins],
            endpoint_latency_ms=self._of_endpoints(recording.latencies, slowest, length),
            slowest=slowest,
            errors_per_s={
                name: rate(f.errors[name] if f else None for f in bins) for name in self._classes()
            },
            levels=self._levels(recording.seconds),
            late_ms=[found.late_us / 1000 if found and is_open else None for found in bins],
            heat=Heat(
                column_s=self.bin_s * self._column_bins,
                cells=[(column, row, count) for (column, row), count in sorted(self._heat.items())],
            ),
            distributions=distributions,
            reading_series=reading_series(recording.readings, self.bin_s, length),
        )

    def _is_told(self, index: int) -> bool:
        """Not what comes after the load, unless a request ended in it."""
        found = self._bins[index]
        return index * self.bin_s <= self._last_s or found.ok + found.failed > 0

    def _planned(self, index: int) -> float | None:
        """Of a bin the most users, or the mean rate, as it is measured; a script with a load of its own has no plan."""
        if not self._load.stages:
            return None
        levels = [self._load.level_in(index * self.bin_s + i) for i in range(self.bin_s)]
        return round(fmean(levels) if self._load.model == "open" else max(levels), 3)

    def _classes(self) -> list[str]:
        total: Counter[str] = Counter()
        for found in self._bins.values():
            total.update(found.errors)
        return [name for name, _ in total.most_common() if name != GENERATOR_FAULT]

    def _of_endpoints(
        self, latencies: Sequence[Latencies], slowest: Sequence[str], length: int
    ) -> dict[str, dict[str, list[float | None]]]:
        total: Counter[str] = Counter()
        for some in latencies:
            total.update({endpoint: packed.count for endpoint, packed in some.ok.items()})
        frequent = [endpoint for endpoint, _ in total.most_common(_ENDPOINTS_MAX)]
        found = {}
        for endpoint in dict.fromkeys([*frequent, *slowest[:SLOWEST_MAX]]):
            percentiles = {name: _Percentile(_SHOWN[name], self.bin_s) for name in _OF_ENDPOINTS}
            for some in latencies:
                if endpoint in some.ok:
                    for over_time in percentiles.values():
                        over_time.add(some.first // self.bin_s, [some.ok[endpoint]], some.last // self.bin_s)
            found[endpoint] = {name: over_time.values(length) for name, over_time in percentiles.items()}
        return found

    def _levels(self, seconds: Iterable[SecondTotal]) -> list[AtLevel]:
        """Of the measured load, not of the planned one; too few seconds, or successes for a median, are left out."""
        is_open = self._load.model == "open"
        loads = [
            (second.begun if is_open else second.users, second)
            for second in seconds
            if second.t <= self._last_s and self._is_scored(second.t)
        ]
        step = _nice_step(max((load for load, _ in loads), default=0) / _LEVELS_MAX)
        groups: dict[int, list[tuple[int, SecondTotal]]] = {}
        for load, second in loads:
            groups.setdefault(round(load / step), []).append((load, second))
        found = [_at_level(groups[number]) for number in sorted(groups) if number]
        kept = [
            level for level in found if level.seconds >= _LEVEL_MIN_S and level.latency_ms["p50"] is not None
        ]
        return kept if len(kept) > 1 else []

    def _distributions(self, spans: Iterable[Span]) -> dict[str, Histogram]:
        found: dict[str, Histogram] = {}
        for span in spans:
            for endpoint, cell in span.cells.items() if self._is_scored(span.first) else ():
                if cell.ok.count:
                    found.setdefault(endpoint, Histogram()).merge(cell.ok)
        return {endpoint: shape for endpoint, shape in found.items() if not shape.untimed}

    def _is_scored(self, t: int) -> bool:
        """What ends in the drain counts where the load ended."""
        start, end = self._window.start_s, self._window.end_s
        return t not in self._marked and start <= min(t, self._last_s) < end

    def _close(self) -> None:
        """Reduce the latencies of the bin that is full."""
        if self._open is None:
            return
        for over_time in self._percentiles.values():
            over_time.add(self._open, self._latencies)
        column = self._open // self._column_bins
        for packed in self._latencies:
            for row, count in _rows(packed):
                self._heat[column, row] += count
        self._latencies = []


def _slowest_first(distributions: Mapping[str, Histogram]) -> list[str]:
    found = {name: us for name, shape in distributions.items() if (us := shape.quantile_us(0.95)) is not None}
    return sorted(found, key=lambda name: -found[name])


def _at_level(loads: Sequence[tuple[int, SecondTotal]]) -> AtLevel:
    seconds = [second for _, second in loads]
    pool = Pool(second.ok for second in seconds)
    quantiles = {name: pool.quantile_us(q) for name, q in _SHOWN.items()}
    return AtLevel(
        level=fmean(load for load, _ in loads),
        seconds=len(seconds),
        ok_per_s=fmean(second.ok.count for second in seconds),
        failed_per_s=fmean(second.failed for second in seconds),
        latency_ms={name: None if us is None else us / 1000 for name, us in quantiles.items()},
    )


def _rows(packed: Packed) -> Iterator[tuple[int, int]]:
    """Rows and how many values lie in them; a row ends where a bucket does."""
    place = 0
    while place < len(packed.buckets):
        first = place
        row = Heat.row_of(_lower_edge_us(packed.buckets[place]))
        place = max(place + 1, bisect_left(packed.buckets, bucket_of(Heat.edge_us(row + 1)), place))
        yield row, sum(packed.counts[first:place])


def _lower_edge_us(bucket: int) -> int:
    """128 buckets are an octave above 256 µs."""
    shift, mantissa = divmod(bucket, 256)
    return mantissa << shift


class _Percentile:
    """One percentile over time, each value over as many bins in a row as it needs."""

    def __init__(self, q: float, bin_s: int) -> None:
        self._q = q
        self._enough = enough_samples(q)
        self._quiet_bins = math.ceil(_QUIET_S / bin_s)
        self._waiting: list[Packed] = []
        self._first = self._last = -1
        self._found: dict[int, float] = {}

    def add(self, index: int, latencies: Sequence[Packed], last: int | None = None) -> None:
        """`latencies` of the bins from `index` to `last`, of one bin where that is left out."""
        if not any(packed.count for packed in latencies):
            return
        if not self._waiting or index - self._last > self._quiet_bins:
            self._waiting = []
            self._first = index
        self._last = index if last is None else last
        self._waiting.extend(latencies)
        pool = Pool(self._waiting)
        us = pool.quantile_us(self._q)
        if us is not None:
            self._found |= dict.fromkeys(range(self._first, self._last + 1), us / 1000)
        if us is not None or pool.untimed:
            self._waiting = []

    def values(self, length: int) -> list[float | None]:
        return [self._found.get(index) for index in range(length)]


_BARS_AN_OCTAVE = 8
_POINTS_A_NINE = 16


def bars(histogram: Histogram) -> list[tuple[float, float, int]]:
    """(from, to, count), in milliseconds, eight bars to a doubling; those without a value are left out."""
    found: Counter[int] = Counter()
    for bucket, count in histogram.buckets.items():
        shift, mantissa = divmod(bucket, 256)
        found[math.floor(_BARS_AN_OCTAVE * math.log2(max(1, mantissa << shift)))] += count
    return [(_edge_ms(bar), _edge_ms(bar + 1), count) for bar, count in sorted(found.items())]


def _edge_ms(bar: int) -> float:
    return float(2 ** (bar / _BARS_AN_OCTAVE)) / 1000


def percentile_curve(histogram: Histogram) -> list[tuple[float, float]]:
    """(q, ms) for rising q, evenly spread over the nines, as far as there are enough values for a reliable figure."""
    points = []
    for step in range(6 * _POINTS_A_NINE + 1):
        q = 1 - 10 ** (-step / _POINTS_A_NINE)
        if histogram.count < enough_samples(q):
            break
        us = histogram.nearest_rank_us(q)
        if us is not None:
            points.append((q, us / 1000))
    return points
