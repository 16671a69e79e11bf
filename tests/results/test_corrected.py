"""Corrected latency: HdrHistogram's expected-interval rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.histogram import Histogram
from loadctl.results.measures.portion import corrected


@pytest.mark.parametrize(
    ("recorded_ms", "interval_ms", "corrected_ms"),
    [
        ([50], 100, [50]),  # answered in time: nothing was skipped
        ([199], 100, [199]),  # one more turn was due after 100 ms, but it waited less than an interval
        ([200], 100, [200, 100]),
        ([500], 100, [500, 400, 300, 200, 100]),
        ([50, 350], 100, [50, 350, 250, 150]),
        ([500], 0, [500]),  # no pace
        ([], 100, []),
    ],
)
def test_skipped_turns_are_added(recorded_ms: list[int], interval_ms: int, corrected_ms: list[int]) -> None:
    found = corrected(Histogram.of(ms * 1000 for ms in recorded_ms), interval_ms * 1000)
    wanted = Histogram.of(ms * 1000 for ms in corrected_ms)
    assert (found.count, found.sum_us, found.min_us, found.max_us) == (
        wanted.count,
        wanted.sum_us,
        wanted.min_us,
        wanted.max_us,
    )


def test_a_stall_shows_in_the_corrected_p99() -> None:
    """50 users, one turn a second each, 10 ms; a stall of 5 s in two minutes (analysis Q1: truth 3910 ms)."""
    recorded = Histogram.of([10_000] * (50 * 115) + [int(s * 1e6) for s in range(1, 6)] * 10)
    raw, real = recorded.quantile_us(0.99), corrected(recorded, 1_000_000).quantile_us(0.99)
    assert raw is not None
    assert real is not None
    assert raw < 1_100_000
    assert real > 2_900_000


@given(st.lists(st.integers(0, 60_000_000), max_size=20), st.integers(100_000, 5_000_000))
def test_correction_only_adds_and_keeps_the_histogram_whole(values_us: list[int], interval_us: int) -> None:
    raw = Histogram.of(values_us)
    found = corrected(raw, interval_us)
    assert found.count == sum(found.buckets.values()) >= raw.count
    assert found.max_us == raw.max_us
    assert all(found.buckets[bucket] >= count for bucket, count in raw.buckets.items())
