"""Locust's own statistics (`environment.stats`), fed once a second, as scripts read them.

Locust logs every request in two entries, each with a rounded time, which costs a tenth of a small request. Here each
second of the recorder is added to Locust's entries at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from locust.stats import RequestStats, StatsEntry, StatsError

from .cells import ELSEWHERE, ENDPOINTS_MAX, OTHER_ENDPOINT, Cell, Entry

ERRORS_MAX = 100
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


class Statistics:
    """The recorder feeds its seconds; `add` is for requests that count otherwise there. `flush` once a second."""

    def __init__(
        self,
        stats: RequestStats,
        clock: Callable[[], float],
        uncount: Callable[[], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`clock` and `uncount`: the recorder's."""
        self._stats = stats
        self._clock = clock
        self._uncount = uncount
        self._wall = wall
        self._cells: dict[tuple[str, str], Cell] = {}
        """By name and method: what has not been added to Locust's entries yet."""
        self._names: set[tuple[str, str]] = set()
        self._also: list[RequestStats] = []
        for name in ("clear_all", "reset_all"):
            setattr(stats, name, self._emptying(getattr(stats, name)))

    def within(self, entry: tuple[str, str]) -> tuple[str, str]:
        """The entry, or that of all others where there are too many."""
        if entry not in self._names and entry != ELSEWHERE:
            if len(self._names) >= ENDPOINTS_MAX:
                return OTHER_ENDPOINT, ""
            self._names.add(entry)
        return entry

    def add(self, method: str, name: str, ms: float | None, size: int, error: Any) -> None:
        """A request ended; `error` is what the script or the client said, "" and None say nothing."""
        now = self._clock()
        cell = self._cells.setdefault(self.within((name, method)), Cell(now))
        cell.until = now
        cell.bytes += size
        if ms is None:
            cell.untimed += 1
        else:
            cell.ok.add(max(0, round(ms * 1000)))
        if error:
            cell.errors[""] = cell.errors.get("", 0) + 1
            self._error(method, name, error, 1)

    def feed(self, endpoint: str, entry: Entry, cell: Cell) -> None:
        """A second has ended: what its requests were. The cell is ours from now on."""
        if entry == ELSEWHERE:
            return
        if entry is None:
            method, _, name = endpoint.partition(" ")
            entry = self.within((name, method) if method in _METHODS else (endpoint, ""))
            for error, count in cell.errors.items():
                self._error(entry[1], entry[0], error, count)
        known = self._cells.setdefault(entry, cell)
        if known is not cell:
            known.merge(cell)

    def flush(self) -> None:
        """Add what has been counted to Locust's entries."""
        cells, self._cells = self._cells, {}
        for (name, method), cell in cells.items():
            batch = self._batch(name, method, cell)
            for stats in (self._stats, *self._also):
                stats.entries[name, method].extend(batch)
                stats.total.extend(batch)

    def also_to(self, stats: RequestStats) -> None:
        """From now on requests, but not errors, are added there too."""
        self._also.append(stats)

    def _batch(self, name: str, method: str, cell: Cell) -> StatsEntry:
        batch = StatsEntry(self._stats, name, method)
        behind = self._wall() - self._clock()
        batch.start_time, batch.last_request_timestamp = cell.since + behind, cell.until + behind
        batch.num_requests, batch.num_none_requests = cell.n, cell.untimed + cell.rate_limited
        batch.num_failures = sum(cell.errors.values())
        batch.total_content_length = cell.bytes
        second = int((batch.start_time + batch.last_request_timestamp) / 2)
        batch.num_reqs_per_sec = {second: cell.n}
        batch.num_fail_per_sec = {second: batch.num_failures} if batch.num_failures else {}
        times = cell.ok
        times.merge(cell.failed)
        if times.buckets:
            batch.total_response_time = times.sum_us / 1000
            batch.min_response_time, batch.max_response_time = times.min_us / 1000, times.max_us / 1000
            batch.response_times = {_ms(bucket): count for bucket, count in times.buckets.items()}
        return batch

    def _error(self, method: str, name: str, error: Any, count: int) -> None:
        known = StatsError.create_key(method, name, error)
        errors = self._stats.errors
        entry = errors.get(known)
        if entry is None:
            if len(errors) >= ERRORS_MAX:
                return
            entry = errors[known] = StatsError(method, name, error, first_seen=self._wall())
        entry.occurrences += count
        entry.last_seen = self._wall()

    def _emptying(self, original: Callable[[], None]) -> Callable[[], None]:
        def empty() -> None:
            """What ended before it must not appear after it."""
            self._cells.clear()
            self._uncount()
            original()

        return empty


def _ms(bucket: int) -> float:
    """The upper edge of a bucket, also in the last one: any other value would be a key of its own in Locust's dict."""
    shift, mantissa = divmod(bucket, 256)
    return (bucket if bucket < 256 else ((mantissa + 1) << shift) - 1) / 1000
