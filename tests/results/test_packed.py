"""Packed histograms give the very figures of the histograms that they were made of, alone and together."""

from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.histogram import Histogram, Packed, Pool, narrow, upper_edge_us

latencies = st.integers(0, 300) | st.integers(0, 120_000_000)
histograms = st.lists(latencies, max_size=60).map(Histogram.of)
quantiles = st.sampled_from([0.0, 0.5, 0.95, 0.99, 0.999, 1.0]) | st.floats(0, 1)


def together(parts: list[Histogram]) -> Histogram:
    whole = Histogram()
    for part in parts:
        whole.merge(part)
    return whole


@given(st.lists(histograms, max_size=8), quantiles)
def test_a_pool_is_the_sum_of_its_parts(parts: list[Histogram], q: float) -> None:
    pool, whole = Pool(map(Packed.of, parts)), together(parts)
    assert pool.count == whole.count
    assert pool.nearest_rank_us(q) == whole.nearest_rank_us(q)
    if q < 1:
        assert pool.quantile_us(q) == whole.quantile_us(q)


@given(st.lists(histograms, max_size=4), st.floats(0, 200_000))
def test_what_lies_beyond_a_limit(parts: list[Histogram], limit_ms: float) -> None:
    buckets = together(parts).buckets
    beyond = sum(count for bucket, count in buckets.items() if upper_edge_us(bucket) / 1000 > limit_ms)
    assert Pool(map(Packed.of, parts)).beyond(limit_ms) == beyond


@given(histograms, histograms, quantiles)
def test_packing_loses_nothing(one: Histogram, other: Histogram, q: float) -> None:
    packed = Packed.of(one)
    assert packed.histogram() == one
    assert packed.nearest_rank_us(q) == one.nearest_rank_us(q)
    assert (packed + Packed.of(other)).histogram() == together([one, other])


@given(st.lists(st.integers(0, 1 << 40), max_size=5))
def test_counts_of_any_size_are_held(counts: list[int]) -> None:
    assert narrow(counts).tolist() == counts


def test_small_counts_take_one_byte_each() -> None:
    assert [narrow([most]).itemsize for most in (255, 256, 1 << 16, 1 << 32)] == [1, 2, 4, 8]
