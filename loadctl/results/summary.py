"""Intervals folded over a window or a stage, per endpoint and total."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from loadctl.results.recording import Example
from loadctl.results.wire.record import Absent, Record, written


class Latency(Record, frozen=True, kw_only=True):
    """Milliseconds of `n` values; a percentile needs 10 values beyond it (p50: 20, p95: 200, p99: 1000)."""

    n: int
    p50: float | None = written(None)
    p95: float | None = written(None)
    p99: float | None = written(None)
    p999: float | None = written(None)
    mean: float | None = written(None)
    min: float | None = written(None)
    max: float | None = written(None)
    absent: Absent = written({})


class EndpointSummary(Record, frozen=True, kw_only=True):
    """`endpoint` is "total" for all of them. `throughput_per_s`: successes a second, drain excluded. `error_rate`: the
    ratio (failed + unfinished) / (completed + unfinished). `latency_ms`: successes, from the start to the last byte.
    `corrected_latency_ms`: closed loads whose users keep one pace, total only: what latencies would be had no turn been
    skipped (expected-interval rule)."""

    endpoint: str
    completed: int
    failed: int
    unfinished: int
    rate_limited: int
    throughput_per_s: float | None
    error_rate: float | None
    latency: Latency = msgspec.field(name="latency_ms")
    errors: Mapping[str, int] = written({})
    bytes: int = written(0, name="body_bytes")
    absent: Absent = written({})
    corrected: Latency | None = msgspec.field(name="corrected_latency_ms", default=None)
    failed_latency: Latency | None = msgspec.field(name="failed_latency_ms", default=None)
    ttfb: Latency | None = msgspec.field(name="ttfb_ms", default=None)


class Summary(Record, frozen=True):
    """`endpoints`: in descending order of completed requests."""

    start_s: float
    end_s: float
    total: EndpointSummary
    endpoints: tuple[EndpointSummary, ...]


class StageSummary(Record, frozen=True):
    """`planned`: users, or arrivals per second, at the end of the stage."""

    name: str
    start_s: float
    end_s: float
    warmup: bool
    planned: float
    summary: Summary


class Counters(Record, frozen=True, kw_only=True):
    """Of the whole run, warm-up and drain included: started = completed + unfinished; planned_arrivals = begun +
    dropped. The last three are null in the closed model, which plans no arrivals."""

    started: int
    completed: int
    failed: int
    unfinished: int
    rate_limited: int
    planned_arrivals: int | None = written(None)
    begun: int | None = written(None)
    dropped: int | None = written(None)


_KEYS = ("detail", "message", "error", "title")
"""Where a JSON answer says what went wrong: FastAPI, many others, RFC 9457."""


def failure_text(example: Example) -> str:
    """The answer's own words: that its status was not the one expected is known already. Else the recorder's."""
    if example.error_class.startswith("status_") and (words := _words(example.body).strip()):
        return words
    return example.message


def _words(body: str) -> str:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return "" if body.lstrip().startswith("<") else body  # a page of HTML tells nobody anything
    if isinstance(found, dict):
        return next((found[key] for key in _KEYS if isinstance(found.get(key), str)), body)
    return body
