import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadctl.results.histogram import Histogram, bucket_of, upper_edge_us
from loadctl.scenario.target import enough_samples

microseconds = st.integers(min_value=0, max_value=3_600_000_000)


@given(microseconds)
def test_a_value_lies_in_its_bucket_which_is_at_most_0_8_percent_wide(us: int) -> None:
    edge = upper_edge_us(bucket_of(us))
    assert us <= edge <= us + us / 128


@given(microseconds, microseconds)
def test_a_larger_value_never_lands_in_a_lower_bucket(a: int, b: int) -> None:
    assert (a <= b) == (bucket_of(a) <= bucket_of(b)) or bucket_of(a) == bucket_of(b)


@given(st.lists(microseconds), st.lists(microseconds))
def test_merging_equals_recording_everything_in_one(a: list[int], b: list[int]) -> None:
    merged = Histogram.of(a)
    merged.merge(Histogram.of(b))
    assert merged == Histogram.of(a + b)


@settings(max_examples=30)  # of a thousand numbers each
@given(st.lists(microseconds, min_size=1000, max_size=1200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_is_never_optimistic_and_at_most_0_8_percent_pessimistic(
    values: list[int], q: float
) -> None:
    exact = sorted(values)[math.ceil(q * len(values)) - 1]
    quantile = Histogram.of(values).quantile_us(q)
    assert quantile is not None
    assert exact <= quantile <= exact + exact / 128


@pytest.mark.parametrize(("q", "needed"), [(0.5, 20), (0.95, 200), (0.99, 1000), (0.999, 10_000)])
def test_a_quantile_without_ten_values_beyond_it_is_absent(q: float, needed: int) -> None:
    assert enough_samples(q) == needed
    assert Histogram.of([5] * (needed - 1)).quantile_us(q) is None
    assert Histogram.of([5] * needed).quantile_us(q) == 5


def test_both_recorders_agree_on_these_vectors() -> None:
    vectors = json.loads((Path(__file__).parent / "histogram-vectors.json").read_text())
    assert [[us, bucket_of(us), upper_edge_us(bucket_of(us))] for us, _, _ in vectors] == vectors
