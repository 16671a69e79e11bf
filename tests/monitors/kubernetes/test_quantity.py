"""Quantities of Kubernetes."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.monitors.kubernetes.status import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2.0),
        ("500m", 0.5),
        ("429151n", 0.000429151),
        ("12u", 0.000012),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1E3", 1000.0),
        ("12E", 12e18),
        ("408Ki", 408 * 1024.0),
        ("1k", 1000.0),
        ("1Gi", 2.0**30),
        ("1G", 1e9),
        ("-1", -1.0),
    ],
)
def test_suffixes(text: str, value: float) -> None:
    assert quantity(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["", "K", "1K", "1ki", "m", "1 Gi", "1Gi ", "Infinity", "nan", "1e999", None, 3, "9" * 50]
)
def test_what_is_no_quantity(text: object) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity(text)


@given(st.text(max_size=60) | st.integers() | st.none())
def test_hostile_text_is_a_number_or_a_mistake(text: object) -> None:
    with contextlib.suppress(ValueError):
        assert math.isfinite(quantity(text))
