"""Rules that end a run: they fire when it goes badly all along, and never because of one burst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Interval, Second
from loadctl.results.live import StopWatch
from loadctl.scenario.target import DEFAULT_STOP_RULES, parse_stop_rule


def second(t: int, ok: int = 10, failed: int = 0, ms: float = 10) -> Second:
    cell = Interval(
        ok=Histogram.of([int(ms * 1000)] * ok),
        failed=Histogram.of([1000] * failed),
        errors=Counter(http_5xx=failed),
    )
    return Second(t, {"GET /": cell} if ok or failed else {}, users=5)


def fired(rule: str, seconds: Iterable[Second]) -> tuple[int, str] | None:
    """When, and the sentence."""
    watch = StopWatch([parse_stop_rule(rule)])
    return next(((one.t, said) for one in seconds if (said := watch.heed([one]))), None)


def test_errors_all_along() -> None:
    run = [second(t, 0 if t >= 20 else 10, 10 if t >= 20 else 0) for t in range(60)]
    assert fired("error_rate > 50% for 10s", run) == (
        29,
        "stopped early after 30 s: error_rate > 50 % for 10 s",
    )


def test_one_burst_is_not_all_along() -> None:
    run = [second(t, 0 if 20 <= t < 27 else 10, 100 if 20 <= t < 27 else 0) for t in range(60)]
    assert fired("error_rate > 50% for 10s", run) is None


def test_errors_at_the_limit_do_not_stop() -> None:
    assert fired("error_rate > 50% for 10s", [second(t, 5, 5) for t in range(60)]) is None


def test_slow_all_along() -> None:
    assert fired("latency_p95 > 200ms for 10s", [second(t, ms=300) for t in range(60)]) == (
        9,
        "stopped early after 10 s: latency_p95 > 200 ms for 10 s",
    )
    assert fired("latency_p95 > 200ms for 10s", [second(t, ms=100) for t in range(60)]) is None


def test_a_system_that_stands_still_has_no_throughput() -> None:
    run = [second(t, 10 if t < 20 else 0) for t in range(60)]
    assert fired("throughput < 5/s for 10s", run) == (
        29,
        "stopped early after 30 s: throughput < 5/s for 10 s",
    )


def test_time_in_which_nothing_ended_proves_no_errors() -> None:
    run = [second(0, 0, 10), *(second(t, 0, 0) for t in range(1, 60))]
    assert fired("error_rate > 50% for 10s", run) is None


def test_nothing_fires_before_its_time_has_passed_since_the_first_answer() -> None:
    run = [second(t, 0, 10 if t >= 20 else 0) for t in range(60)]
    assert fired("error_rate > 50% for 10s", run) == (
        29,
        "stopped early after 30 s: error_rate > 50 % for 10 s",
    )


def test_pieces_of_a_second_are_added_up() -> None:
    watch = StopWatch([parse_stop_rule("error_rate > 50% for 2s")])
    pieces = [second(0, 0, 10), second(0, 90, 0), second(1, 0, 10), second(1, 90, 0)]
    assert watch.heed(pieces[:2]) is None
    assert StopWatch([parse_stop_rule("error_rate > 50% for 2s")]).heed([second(0, 0, 9), second(1, 0, 9)])


def test_the_default_forgives_a_fifth_of_successes() -> None:
    watch = StopWatch(DEFAULT_STOP_RULES)
    assert watch.heed([second(t, 2, 8) for t in range(100)]) is None
    assert StopWatch(DEFAULT_STOP_RULES).heed([second(t, 0, 10) for t in range(100)]) is not None


def test_without_rules_nothing_stops_and_nothing_is_kept() -> None:
    watch = StopWatch(())
    assert watch.heed([second(t, 0, 10) for t in range(1000)]) is None
    assert len(watch._recent._seconds) <= 1


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=80))
def test_it_fires_only_where_every_part_is_bad(counts: list[tuple[int, int]]) -> None:
    found = fired("error_rate > 50% for 5s", [second(t, ok, bad) for t, (ok, bad) in enumerate(counts)])
    if found is not None:
        t = found[0]
        assert t >= 4
        assert all(bad > ok for ok, bad in counts[t - 4 : t + 1])


@pytest.mark.parametrize("length", [100, 5000])
def test_memory_does_not_grow_with_the_run(length: int) -> None:
    watch = StopWatch([parse_stop_rule("latency_p95 > 2s for 10s")])
    for t in range(length):
        watch.heed([second(t)])
    assert len(watch._recent._seconds) <= 10
