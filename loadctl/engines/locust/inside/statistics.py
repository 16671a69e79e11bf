"""Locust's own statistics (`environment.stats`), fed once a second, as scripts read them.

Locust logs every request in two entries, each with a rounded time, which costs a tenth of a small request. Here
requests are counted in plain numbers, and each second of them is added to Locust's entries at once.
"""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING, Any

from locust.stats import StatsEntry, StatsError

from .recorder import ENDPOINTS_MAX, OTHER_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.stats import RequestStats

    from .cells import Cell, Histogram

ERRORS_MAX = 100
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


class _Entry:
    """What has been counted under one name and method since the last flush."""

    __slots__ = (
        "failed_in",
        "first",
        "last",
        "max_ms",
        "min_ms",
        "n",
        "size",
        "sum_ms",
        "times",
        "total_in",
        "untimed",
    )

    def __init__(self, now: float) -> None:
        self.first = self.last = now
        self.n = self.untimed = self.size = 0
        self.sum_ms = self.max_ms = 0.0
        self.min_ms = inf
        self.times: dict[int, int] = {}
        """By bucket of the recorder's histogram."""
        self.total_in: dict[int, int] = {}
        self.failed_in: dict[int, int] = {}
        """By second of the wall clock."""


class Statistics:
    """`add` for requests of scripts, `feed` for seconds of user types, `flush` once a second."""

    def __init__(self, stats: RequestStats, clock: Callable[[], float] = time.time) -> None:
        self._stats = stats
        self._clock = clock
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._names: set[tuple[str, str]] = set()
        self._also: list[RequestStats] = []
        for name in ("clear_all", "reset_all"):
            setattr(stats, name, self._emptying(getattr(stats, name)))

    def add(self, method: str, name: str, ms: float | None, size: int, error: Any) -> None:
        """A request ended; `error` is what the script or the client said, "" and None say nothing."""
        entry = self._entries.get((name, method)) or self._entry(name, method)
        entry.last = now = self._clock()
        second = int(now)
        entry.n += 1
        entry.total_in[second] = entry.total_in.get(second, 0) + 1
        entry.size += size
        if ms is None:
            entry.untimed += 1
        else:
            entry.sum_ms += ms
            if ms < entry.min_ms:  # noqa: PLR1730 - min() costs three times as much
                entry.min_ms = ms
            if ms > entry.max_ms:  # noqa: PLR1730
                entry.max_ms = ms
            us = int(ms * 1000) if ms > 0 else 0
            shift = us.bit_length() - 8
            bucket = us if shift <= 0 else (shift << 8) + (us >> shift)
            entry.times[bucket] = entry.times.get(bucket, 0) + 1
        if error:
            entry.failed_in[second] = entry.failed_in.get(second, 0) + 1
            self._error(method, name, error, 1, now)

    def feed(self, endpoint: str, cell: Cell) -> None:
        """A second of user types has ended: what its requests to this endpoint were."""
        method, _, name = endpoint.partition(" ")
        if method not in _METHODS:
            method, name = "", endpoint
        entry = self._entries.get((name, method)) or self._entry(name, method)
        entry.last = now = self._clock()
        second = int(now - 0.5)
        failed = sum(cell.errors.values())
        n = sum(cell.ok.buckets.values()) + cell.untimed + cell.rate_limited + failed
        entry.n += n
        entry.untimed += cell.untimed + cell.rate_limited
        entry.size += cell.bytes
        for histogram in (cell.ok, cell.failed):
            _merge(entry, histogram)
        entry.total_in[second] = entry.total_in.get(second, 0) + n
        if failed:
            entry.failed_in[second] = entry.failed_in.get(second, 0) + failed
        for error, count in cell.errors.items():
            self._error(method, name, error, count, now)

    def flush(self) -> None:
        """Add what has been counted to Locust's entries."""
        entries, self._entries = self._entries, {}
        for (name, method), entry in entries.items():
            batch = _batch(self._stats, name, method, entry)
            for stats in (self._stats, *self._also):
                stats.entries[name, method].extend(batch)
                stats.total.extend(batch)

    def also_to(self, stats: RequestStats) -> None:
        """From now on requests, but not errors, are added there too."""
        self._also.append(stats)

    def _entry(self, name: str, method: str) -> _Entry:
        key = name, method
        if key not in self._names:
            if len(self._names) >= ENDPOINTS_MAX:
                key = OTHER_ENDPOINT, ""
            self._names.add(key)
        return self._entries.setdefault(key, _Entry(self._clock()))

    def _error(self, method: str, name: str, error: Any, count: int, now: float) -> None:
        known = StatsError.create_key(method, name, error)
        errors = self._stats.errors
        entry = errors.get(known)
        if entry is None:
            if len(errors) >= ERRORS_MAX:
                return
            entry = errors[known] = StatsError(method, name, error, first_seen=now)
        entry.occurrences += count
        entry.last_seen = now

    def _emptying(self, original: Callable[[], None]) -> Callable[[], None]:
        def empty() -> None:
            """What ended before it must not appear after it."""
            self._entries.clear()
            original()

        return empty


def _merge(entry: _Entry, histogram: Histogram) -> None:
    if not histogram.buckets:
        return
    entry.sum_ms += histogram.sum_us / 1000
    entry.min_ms = min(entry.min_ms, histogram.min_us / 1000)
    entry.max_ms = max(entry.max_ms, histogram.max_us / 1000)
    for bucket, count in histogram.buckets.items():
        entry.times[bucket] = entry.times.get(bucket, 0) + count


def _batch(stats: RequestStats, name: str, method: str, entry: _Entry) -> StatsEntry:
    batch = StatsEntry(stats, name, method)
    batch.start_time, batch.last_request_timestamp = entry.first, entry.last
    batch.num_requests, batch.num_none_requests = entry.n, entry.untimed
    batch.num_failures = sum(entry.failed_in.values())
    batch.total_response_time = entry.sum_ms
    batch.max_response_time = entry.max_ms
    batch.min_response_time = None if entry.min_ms == inf else entry.min_ms
    batch.total_content_length = entry.size
    batch.response_times = {_ms(bucket): count for bucket, count in entry.times.items()}
    batch.num_reqs_per_sec, batch.num_fail_per_sec = entry.total_in, entry.failed_in
    return batch


def _ms(bucket: int) -> float:
    """The upper edge of a bucket, also in the last one: any other value would be a key of its own in Locust's dict."""
    shift, mantissa = divmod(bucket, 256)
    return (bucket if bucket < 256 else ((mantissa + 1) << shift) - 1) / 1000
