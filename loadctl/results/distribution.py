"""The shape of a latency: how many values lie where, and which share of them is below what. For drawing."""

from __future__ import annotations

import math
from collections import Counter

from loadctl.results.histogram import Histogram, enough_samples

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
    """(q, ms) for rising q, evenly spread over the nines, as far as there are enough values for an honest figure."""
    points = []
    for step in range(6 * _POINTS_A_NINE + 1):
        q = 1 - 10 ** (-step / _POINTS_A_NINE)
        if histogram.count < enough_samples(q):
            break
        us = histogram.nearest_rank_us(q)
        if us is not None:
            points.append((q, us / 1000))
    return points
