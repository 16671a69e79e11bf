"""What was recorded as CSV (RFC 4180), for a spreadsheet or a notebook. Record → str.

Cells that a spreadsheet would take for a formula get an apostrophe before them, as names may come from outside.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from loadctl.reports.printable import printable
from loadctl.results.interval import Interval, Second, completed_of, failed_of
from loadctl.results.recording import Reading
from loadctl.scenario.load import Load

ALL = "(all)"
"""In the place of an endpoint: all of them together."""

INTERVALS: Mapping[str, str] = {
    "t_s": "second of the run, from its start: [t_s, t_s + 1)",
    "endpoint": f"the name that requests are grouped under; {ALL}: all endpoints together",
    "planned": f"users, or arrivals per second, planned at t_s; {ALL} only",
    "users": f"users active at the end of the second (arrivals: turns in progress); {ALL} only",
    "completed": "requests that ended in this second, with any outcome",
    "failed": "of these, the ones that failed",
    "rate_limited": "of these, the ones answered 429 within a declared rate limit: neither failed nor in the latencies",
    "in_flight": "requests in flight at the end of the second",
    "mean_ms": "mean latency of the successes; empty without a success",
    "p50_ms": "median latency; empty below 20 successes",
    "p95_ms": "95th percentile; empty below 200 successes",
    "p99_ms": "99th percentile; empty below 1000 successes",
    "max_ms": "highest latency of the successes; empty without a success",
    "bytes": "bytes of the received bodies",
    "errors": "failures by class, as in  status_503=1 timeout=3; generator: a fault of loadctl or a script, no failure",
}
"""Column → what stands in it: a row for each second and endpoint."""

READINGS: Mapping[str, str] = {
    "t_s": "time on the run's clock, seconds from its start",
    "subject": "system, companion (recorded beside it), generator or host",
    "source": "kind of monitor: process, container, pods, metrics, prometheus, logs, …",
    "entity": "what was read, as in  uvicorn pid 4312",
    "name": "name of the value with its unit, as in cpu_pct; gap: no reading was possible",
    "value": "the number; empty if the value is not a number",
    "text": "any other value: the reason of a gap, or a fact such as the kind of memory",
}
"""Column → what stands in it: a row for each value of each reading."""

_FORMULA = ("=", "+", "-", "@")


def intervals(seconds: Iterable[Second], load: Load) -> str:
    """A row for each second and endpoint, and for all endpoints together."""
    return _csv(INTERVALS, (row for second in seconds for row in _second(second, load)))


def readings(seen: Iterable[Reading]) -> str:
    """A row for each value that a monitor has read."""
    return _csv(READINGS, (row for reading in seen for row in _reading(reading)))


def _csv(columns: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    sink = io.StringIO()
    lines = csv.writer(sink, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows(rows)
    return sink.getvalue()


def _second(second: Second, load: Load) -> Iterator[Sequence[str]]:
    level = f"{load.level_in(second.t):.6g}"
    yield [str(second.t), ALL, level, str(second.users), *_figures(second.together())]
    for endpoint, interval in second.cells.items():
        yield [str(second.t), _text(endpoint), "", "", *_figures(interval)]


def _figures(interval: Interval) -> Iterator[str]:
    yield from map(
        str, (completed_of(interval), failed_of(interval), interval.rate_limited, interval.in_flight)
    )
    latency = interval.ok
    yield _ms(latency.mean_us)
    yield from (_ms(latency.quantile_us(q)) for q in (0.5, 0.95, 0.99))
    yield _ms(latency.max_us)
    yield str(interval.bytes)
    yield _text(" ".join(f"{name}={count}" for name, count in sorted(interval.errors.items())))


def _reading(reading: Reading) -> Iterator[Sequence[str]]:
    head = [f"{reading.t:.3f}", *map(_text, (reading.subject, reading.source, reading.entity))]
    for name, value in reading.values.items():
        yield [*head, _text(name), repr(value), ""]
    for name, note in reading.notes.items():
        yield [*head, _text(name), "", _text(note)]
    if reading.gap is not None:
        yield [*head, "gap", "", _text(reading.gap)]


def _ms(us: float | None) -> str:
    return "" if us is None else f"{us / 1000:.3f}"


def _text(text: str) -> str:
    safe = printable(text, 1000)
    return f"'{safe}" if safe.startswith(_FORMULA) else safe
