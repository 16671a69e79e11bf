"""Intervals folded over a window or a stage, per endpoint and total."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from loadctl.results.recording import Example
from loadctl.results.wire.record import Absent, Record, written

FAILURES: Mapping[str, str] = {
    "timeout": "There was no complete answer within `timeout:` (30s where nothing else is said).",
    "connect_refused": "Nothing listens at the address, or its queue of new connections is full.",
    "connect_timeout": "No connection came about in time: a firewall, a wrong address, an overloaded system.",
    "reset": "The connection was closed before the answer was complete.",
    "dns": "The name of the host could not be looked up.",
    "tls": "No encrypted connection came about: a certificate that is not trusted, or a port without TLS.",
    "status_NNN": "The answer has a status of 400 or more, such as status_503, which no `check: {status: …}` allows.",
    "check_failed": "The answer does not meet a `check:`, or a `capture:` found nothing in it.",
    "redirect_limit": "There were too many redirects.",
    "protocol": "The answer is not valid HTTP.",
    "host_not_allowed": "The request was not sent: `allow_hosts:` does not allow the host that it would go to.",
    "unfinished": "There was no answer yet when the run ended.",
    "generator": "The load generator itself failed, for example with too many open files. Not in the error rate.",
    "other": "None of these. The example in the result has the message.",
}
"""The classes of failures and what each means, the same on both engines."""


class Latency(Record, frozen=True, kw_only=True):
    """In milliseconds."""

    n: int
    """How many values there are."""
    p50: float | None = written(None)
    p95: float | None = written(None)
    p99: float | None = written(None)
    p999: float | None = written(None)
    """A percentile, which needs ten values beyond it: p50 20, p95 200, p99 1,000, p999 10,000."""
    mean: float | None = written(None)
    min: float | None = written(None)
    max: float | None = written(None)
    """Of all values."""
    absent: Absent = written({})
    """Why a key is null."""


class EndpointSummary(Record, frozen=True, kw_only=True):
    """Requests of one endpoint, or of all."""

    endpoint: str
    """Method and path, or the `name:` of the request; "total" for all of them."""
    completed: int
    """Requests that ended, whatever came of them."""
    failed: int
    """Those without a complete answer in time, with a status of 400 or more, or with a failed check."""
    unfinished: int
    """Requests without an answer when the run ended; they count as failed."""
    rate_limited: int
    """Answered 429 where the scenario declares a `rate_limit:`; they are no failures."""
    throughput_per_s: float | None
    """Successes per second, without the drain at the end."""
    error_rate: float | None
    """The ratio (failed + unfinished) / (completed + unfinished)."""
    latency: Latency = msgspec.field(name="latency_ms")
    """Of the successes, from the start of a request to the last byte of the answer."""
    errors: Mapping[str, int] = written({})
    """Failures by class: timeout, connect_refused, reset, status_503, check_failed and others."""
    bytes: int = written(0, name="body_bytes")
    """Of all answers."""
    absent: Absent = written({})
    """Why a key is null."""
    corrected: Latency | None = msgspec.field(name="corrected_latency_ms", default=None)
    """What latencies would be had no turn been skipped (expected-interval rule). Only of the total, in closed loads
    whose users keep one pace."""
    failed_latency: Latency | None = msgspec.field(name="failed_latency_ms", default=None)
    """Of the failures."""
    ttfb: Latency | None = msgspec.field(name="ttfb_ms", default=None)
    """Time to the first byte of the body."""


class Summary(Record, frozen=True):
    """The requests of a part of the run."""

    start_s: float
    end_s: float
    """Seconds since the load began."""
    total: EndpointSummary
    """Of all endpoints."""
    endpoints: tuple[EndpointSummary, ...]
    """In descending order of completed requests."""


class StageSummary(Record, frozen=True):
    """One stage of the load."""

    name: str
    """As the scenario names it, or what it does."""
    start_s: float
    end_s: float
    """Seconds since the load began."""
    warmup: bool
    """It is not scored."""
    planned: float
    """Users, or arrivals per second, at its end."""
    summary: Summary
    """Its requests."""


class Counters(Record, frozen=True, kw_only=True):
    """Of the whole run, warm-up and drain included."""

    started: int
    """Requests: `completed` + `unfinished`."""
    completed: int
    """Ended, whatever came of them."""
    failed: int
    """Of the completed ones."""
    unfinished: int
    """Without an answer when the run ended."""
    rate_limited: int
    """Answered 429 where the scenario declares a `rate_limit:`."""
    planned_arrivals: int | None = written(None)
    """`begun` + `dropped`; null in the closed model, which plans no arrivals."""
    begun: int | None = written(None)
    dropped: int | None = written(None)
    """Arrivals; null in the closed model."""


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
