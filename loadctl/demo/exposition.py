"""GET /metrics: the Prometheus text format, with the names that official client libraries use."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_EDGES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class _Series:
    """Requests of one method and handler: how many of each status, durations by bucket (not summed up)."""

    statuses: dict[int, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_EDGES_S) + 1))
    sum_s: float = 0.0


class MetricsPage:
    """Counts every answered request, probes and scrapes included, since this process began."""

    def __init__(self) -> None:
        self.in_progress = 0
        self._series: dict[tuple[str, str], _Series] = {}
        self._process = psutil.Process()

    def observe(self, method: str, handler: str, status: int, duration_s: float) -> None:
        series = self._series.get((method, handler))
        if series is None:
            series = self._series[method, handler] = _Series()
        series.statuses[status] = series.statuses.get(status, 0) + 1
        series.buckets[bisect_left(_EDGES_S, duration_s)] += 1
        series.sum_s += duration_s

    def text(self) -> str:
        return "\n".join([*self._process_lines(), *self._http_lines(), ""])

    def _process_lines(self) -> Iterator[str]:
        memory = self._process.memory_info()
        yield from _single(
            "process_cpu_seconds_total", "counter", "CPU time used, in seconds.", time.process_time()
        )
        yield from _single("process_resident_memory_bytes", "gauge", "Resident memory, in bytes.", memory.rss)
        yield from _single("process_virtual_memory_bytes", "gauge", "Virtual memory, in bytes.", memory.vms)
        started_s = self._process.create_time()
        yield from _single(
            "process_start_time_seconds", "gauge", "Start, in seconds since the epoch.", started_s
        )
        if not psutil.POSIX:
            return
        import resource

        yield from _single("process_open_fds", "gauge", "Open file descriptors.", self._process.num_fds())
        soft_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        yield from _single("process_max_fds", "gauge", "Largest number of open file descriptors.", soft_limit)

    def _http_lines(self) -> Iterator[str]:
        yield from _single(
            "http_requests_in_progress", "gauge", "Requests being worked on.", self.in_progress
        )
        yield from _head("http_requests_total", "counter", "Requests answered.")
        for (method, handler), series in sorted(self._series.items()):
            labels = f'method="{method}",handler="{handler}"'
            for status, count in sorted(series.statuses.items()):
                yield f'http_requests_total{{{labels},status="{status}"}} {count}'
        name = "http_request_duration_seconds"
        yield from _head(name, "histogram", "From the request read to the answer written, in seconds.")
        for (method, handler), series in sorted(self._series.items()):
            labels = f'method="{method}",handler="{handler}"'
            total = 0
            for edge, count in zip([*map(str, _EDGES_S), "+Inf"], series.buckets, strict=True):
                total += count
                yield f'{name}_bucket{{{labels},le="{edge}"}} {total}'
            yield f"{name}_sum{{{labels}}} {series.sum_s!r}"
            yield f"{name}_count{{{labels}}} {total}"


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _single(name: str, kind: str, meaning: str, value: float) -> Iterator[str]:
    yield from _head(name, kind, meaning)
    yield f"{name} {value!r}"
