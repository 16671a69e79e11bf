"""A portion of a run: one stage, or several together, per endpoint, before percentiles are taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from loadctl.results.histogram import STATISTICS, Histogram, bucket_of, upper_edge_us
from loadctl.results.interval import Interval, completed_of, failed_of
from loadctl.results.summary import EndpointSummary, Latency, Summary
from loadctl.scenario.target import PERCENTILES, enough_samples


def corrected(recorded: Histogram, interval_us: int) -> Histogram:
    """`recorded` with the skipped values added; values and `interval_us` in microseconds."""
    whole = Histogram()
    whole.merge(recorded)
    if recorded.min_us is None or recorded.max_us is None or interval_us <= 0:
        return whole
    smallest = recorded.min_us
    for waited, count in recorded.buckets.items():
        skipped = min(upper_edge_us(waited), recorded.max_us) - interval_us
        while skipped >= interval_us:
            bucket = bucket_of(skipped)
            whole.buckets[bucket] = whole.buckets.get(bucket, 0) + count
            whole.count += count
            whole.sum_us += skipped * count
            smallest = min(smallest, skipped)
            skipped -= interval_us
    whole.min_us = smallest
    return whole


@dataclass(slots=True)
class Portion:
    """`cells`: requests by endpoint, drain included · `seconds`: measured time, drain excluded."""

    start_s: float
    end_s: float
    seconds: float = 0.0
    cells: dict[str, Interval] = field(default_factory=dict)
    unfinished: Counter[str] = field(default_factory=Counter)
    successes: Counter[str] = field(default_factory=Counter)
    """By endpoint, without those that ended in the drain: throughput is these over `seconds`."""
    ended: int = 0
    """Requests that ended with any outcome, without the drain."""
    user_s: float = 0.0
    busy_us: int = 0
    """User-seconds, and how much of them was spent in requests, without the drain."""
    away_s: float = 0.0
    """User-seconds that are missing because users ended by themselves."""

    def add(self, cells: Mapping[str, Interval], *, in_drain: bool) -> None:
        """A span; its user-seconds are added apart."""
        for endpoint, interval in cells.items():
            self.cells.setdefault(endpoint, Interval()).merge(interval)
            if not in_drain:
                self.successes[endpoint] += interval.ok.count
                self.ended += completed_of(interval)
                self.busy_us += interval.ok.sum_us + interval.failed.sum_us

    def merge(self, other: Portion) -> None:
        """Another stage; the span then reaches from the first start to the last end."""
        self.start_s, self.end_s = min(self.start_s, other.start_s), max(self.end_s, other.end_s)
        self.seconds += other.seconds
        for endpoint, interval in other.cells.items():
            self.cells.setdefault(endpoint, Interval()).merge(interval)
        self.unfinished.update(other.unfinished)
        self.successes.update(other.successes)
        self.ended += other.ended
        self.user_s += other.user_s
        self.busy_us += other.busy_us
        self.away_s += other.away_s

    @property
    def throughput_per_s(self) -> float | None:
        return self.successes.total() / self.seconds if self.seconds else None


def summarise(portion: Portion, *, pace_s: float | None = None) -> Summary:
    """`pace_s`: what all users of a closed load keep; the total then has corrected latencies too."""
    whole = Interval()
    for interval in portion.cells.values():
        whole.merge(interval)
    names = dict.fromkeys([*portion.cells, *portion.unfinished])
    endpoints = [
        _endpoint(
            name,
            portion.cells.get(name, Interval()),
            portion,
            portion.successes[name],
            portion.unfinished[name],
        )
        for name in names
    ]
    total = _endpoint(
        "total", whole, portion, portion.successes.total(), portion.unfinished.total(), pace_s=pace_s
    )
    endpoints.sort(key=lambda endpoint: (-endpoint.completed, endpoint.endpoint))
    return Summary(portion.start_s, portion.end_s, total, tuple(endpoints))


def _endpoint(
    name: str,
    cell: Interval,
    portion: Portion,
    successes: int,
    unfinished: int,
    *,
    pace_s: float | None = None,
) -> EndpointSummary:
    completed, failed = completed_of(cell), failed_of(cell)
    requests = completed + unfinished
    absent = {}
    if not portion.seconds:
        absent["throughput_per_s"] = "the load ended before this part of it"
    if not requests:
        absent["error_rate"] = "no requests"
    return EndpointSummary(
        endpoint=name,
        completed=completed,
        failed=failed,
        unfinished=unfinished,
        rate_limited=cell.rate_limited,
        throughput_per_s=successes / portion.seconds if portion.seconds else None,
        error_rate=(failed + unfinished) / requests if requests else None,
        latency=latency_of(cell.ok),
        corrected=latency_of(corrected(cell.ok, round(pace_s * 1e6))) if pace_s and cell.ok.count else None,
        failed_latency=latency_of(cell.failed, "failures") if cell.failed.count else None,
        ttfb=latency_of(cell.ttfb) if cell.ttfb.count else None,
        errors=dict(sorted(cell.errors.items(), key=lambda item: (-item[1], item[0]))),
        bytes=cell.bytes,
        absent=absent,
    )


def untimed_reason(histogram: Histogram, noun: str = "successes") -> str:
    """Why nothing is said of latencies of which some are not known: the others may be the quick ones."""
    return (
        f"{histogram.untimed:,} of {histogram.count:,} {noun} have no latency: their bodies were read outside "
        "loadctl's client, or the script reported no response time"
    )


def latency_of(histogram: Histogram, noun: str = "successes") -> Latency:
    """Milliseconds; a percentile that has too few values is None, with what it needs and what it has."""
    n = histogram.count
    if histogram.untimed:
        why = untimed_reason(histogram, noun)
        return Latency(n=n - histogram.untimed, absent=dict.fromkeys(STATISTICS, why))
    values: dict[str, float | None] = {}
    absent = {}
    for name, q in PERCENTILES.items():
        us = histogram.quantile_us(q)
        values[name] = None if us is None else us / 1000
        if us is None:
            absent[name] = f"needs {enough_samples(q):,} {noun}, has {n:,}"
    if histogram.min_us is None or histogram.max_us is None:
        absent |= dict.fromkeys(("mean", "min", "max"), f"no {noun}")
        return Latency(n=0, absent=absent)
    return Latency(
        n=n,
        **values,
        mean=round(histogram.sum_us / n / 1000, 3),
        min=histogram.min_us / 1000,
        max=histogram.max_us / 1000,
        absent=absent,
    )
