"""Corrected latency: what the closed model hides when the system stalls (coordinated omission).

A user with a pace starts one turn every interval. One that waits v > interval skipped the turns it should
have started meanwhile; they would have waited v - interval, v - 2·interval, … HdrHistogram's
expected-interval rule adds them.
"""

from __future__ import annotations

from loadctl.results.histogram import Histogram, bucket_of, upper_edge_us


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
