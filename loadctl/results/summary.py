"""Intervals folded over a window or a stage, per endpoint and total."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadctl.results.recording import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of `n` values. An absent number is None, and `absent` says why under the same name."""

    n: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    mean: float | None = None
    min: float | None = None
    max: float | None = None
    absent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSummary:
    """One endpoint (or "total") over one window."""

    endpoint: str
    completed: int
    failed: int
    unfinished: int
    rate_limited: int
    throughput_per_s: float | None
    """Successes per second of the window."""
    error_rate: float | None
    """(failed + unfinished) / (completed + unfinished), a ratio; None without requests."""
    latency: Latency
    corrected: Latency | None = None
    """Closed model with a pace: what the latencies would be had no turn been skipped (expected-interval rule)."""
    failed_latency: Latency | None = None
    ttfb: Latency | None = None
    errors: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    absent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Summary:
    start_s: float
    end_s: float
    total: EndpointSummary
    endpoints: Sequence[EndpointSummary]
    """In descending order of completed requests."""


@dataclass(frozen=True, slots=True)
class StageSummary:
    """`planned` is the plan's level at the end of the stage (users, or arrivals per second)."""

    name: str
    start_s: float
    end_s: float
    warmup: bool
    planned: float
    summary: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Of the whole run, warm-up and drain included. The last three are None in the closed model."""

    started: int
    completed: int
    failed: int
    unfinished: int
    rate_limited: int
    planned_arrivals: int | None = None
    begun: int | None = None
    dropped: int | None = None


_KEYS = ("detail", "message", "error", "title")
"""Where a JSON answer says what went wrong: FastAPI, many others, RFC 9457."""


def said(example: Example) -> str:
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
