"""Seconds as recorders write them: each cell with its own histograms, bucket by bucket."""

from __future__ import annotations

import json

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Interval, Second


def written(second: Second) -> str:
    """A frame without its kind, and a line of an older intervals.ndjson. Empty histograms and counters are left out."""
    line = {
        "t": second.t,
        "users": second.users,
        "leaving": second.leaving,
        "ended": second.ended,
        "lag_ms": second.lag_ms,
        "late": _histogram(second.late),
        "planned": second.planned,
        "begun": second.begun,
        "dropped": second.dropped,
        "turns": second.turns,
        "faults": second.faults,
        "cells": {endpoint: _interval(interval) for endpoint, interval in second.cells.items()},
    }
    return json.dumps({key: value for key, value in line.items() if value is not None}, separators=(",", ":"))


def frame(second: Second) -> bytes:
    return b'{"kind":"frame",' + written(second)[1:].encode() + b"\n"


def _interval(interval: Interval) -> dict[str, object]:
    histograms = {name: _histogram(getattr(interval, name)) for name in ("ok", "failed", "ttfb")}
    counts: dict[str, object] = {
        "errors": dict(interval.errors),
        "untimed": interval.ok.untimed,
        "rate_limited": interval.rate_limited,
        "in_flight": interval.in_flight,
        "bytes": interval.bytes,
    }
    return {key: value for key, value in (histograms | counts).items() if value}


def _histogram(histogram: Histogram) -> dict[str, object] | None:
    if histogram.count == histogram.untimed:
        return None
    return {
        "n": histogram.count - histogram.untimed,
        "sum_us": histogram.sum_us,
        "min_us": histogram.min_us,
        "max_us": histogram.max_us,
        "h": dict(histogram.buckets),
    }
