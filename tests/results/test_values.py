"""Values at rest are what they were made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.values import Values, shared


@given(st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False)))
def test_they_are_the_dictionary_they_were_made_of(made: dict[str, float]) -> None:
    values = Values(made)
    assert values == made
    assert (list(values.items()), len(values), bool(values)) == (list(made.items()), len(made), bool(made))
    assert all(name in values and values.get(name) == number for name, number in made.items())


def test_a_name_that_is_not_there_is_not_there() -> None:
    values = Values({"cpu_pct": 1.0})
    assert "memory_bytes" not in values
    assert values.get("memory_bytes") is None
    with pytest.raises(KeyError):
        values["memory_bytes"]


def test_notes_that_are_equal_are_one_and_cannot_be_changed() -> None:
    first, second = (shared((("memory_kind", kind),)) for kind in ("RSS", "RSS"))
    assert first is second
    assert first == {"memory_kind": "RSS"}
    with pytest.raises(TypeError):
        first["memory_kind"] = "PSS"  # type: ignore[index]
