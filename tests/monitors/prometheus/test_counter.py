"""CounterIncreases over restarts: what they grew by never shrinks, and is never made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadctl.monitors.prometheus.page import CounterIncreases


def totals(*values: float) -> list[float]:
    counters: CounterIncreases[str] = CounterIncreases()
    seen = []
    for at, value in enumerate(values):
        counters.update({"a": value}, float(at))
        seen.append(counters.total["a"])
    return seen


def test_what_was_counted_before_the_watch_is_not_of_it() -> None:
    assert totals(1000, 1003, 1003, 1010) == [0, 3, 3, 10]


def test_a_value_that_drops_began_anew_and_is_the_increase() -> None:
    assert totals(1000, 1005, 2, 4) == [0, 5, 7, 9]


def test_one_that_appears_later_began_at_zero() -> None:
    counters: CounterIncreases[str] = CounterIncreases()
    counters.update({"a": 5}, 0)
    counters.update({"a": 5, "b": 3}, 1)
    assert counters.total == {"a": 0, "b": 3}


def test_one_that_is_missing_for_a_while_goes_on() -> None:
    counters: CounterIncreases[str] = CounterIncreases()
    counters.update({"a": 5}, 0)
    counters.update({}, 1)
    assert counters.increase == {"a": 0}
    counters.update({"a": 8}, 2)
    assert counters.total == {"a": 3}
    assert counters.elapsed_s == 1


def test_after_a_restart_that_is_known_all_of_a_value_is_new_even_where_it_is_higher() -> None:
    counters: CounterIncreases[str] = CounterIncreases()
    counters.update({"a": 5}, 0)
    counters.restart()
    counters.update({"a": 9}, 1)
    assert counters.total == {"a": 9}


def test_a_page_that_names_ever_more_counters_does_not_fill_the_memory() -> None:
    counters: CounterIncreases[int] = CounterIncreases()
    counters.update(dict.fromkeys(range(30_000), 1.0), 0)
    counters.update(dict.fromkeys(range(60_000), 1.0), 1)
    assert len(counters.total) == 20_000


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.floats(0, 1e300)), max_size=20), st.data())
def test_totals_never_shrink(looks: list[dict[str, float]], data: st.DataObject) -> None:
    counters: CounterIncreases[str] = CounterIncreases()
    before: dict[str, float] = {}
    for at, look in enumerate(looks):
        if data.draw(st.booleans()):
            counters.restart()
        counters.update(look, float(at))
        assert all(counters.total[key] >= total for key, total in before.items())
        assert all(increase >= 0 for increase in counters.increase.values())
        before = dict(counters.total)
