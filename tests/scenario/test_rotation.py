from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.scenario.user_type import weighted_order


@pytest.mark.parametrize(
    ("weights", "cycle"),
    [
        ({"a": 1}, "a"),
        ({"a": 1, "b": 1}, "ab"),
        ({"burst": 3, "normal": 1}, ["burst", "burst", "normal", "burst"]),
        ({"a": 5, "b": 1, "c": 1}, "aabacaa"),  # nginx's own example
        ({"a": 500, "b": 100, "c": 100}, "aabacaa"),
        ({"a": 0, "b": 2}, "b"),
        ({}, ""),
    ],
)
def test_user_types_are_handed_out_in_this_order(weights: dict[str, int], cycle: str | list[str]) -> None:
    assert weighted_order(weights) == list(cycle)


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 12), min_size=1, max_size=5))
def test_a_cycle_holds_each_type_by_its_weight_and_no_long_blocks(weights: dict[str, int]) -> None:
    cycle = weighted_order(weights)
    counts = Counter(cycle)
    total = sum(weights.values())
    assert all(counts[name] * total == weight * len(cycle) for name, weight in weights.items())
    assert set(cycle[: len(cycle) // min(counts.values()) + len(weights)]) == set(weights)
