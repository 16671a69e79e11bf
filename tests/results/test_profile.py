"""Stacks: read, counted by function, compared; and the seconds that a profiler spoils."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadctl.results.histogram import Histogram
from loadctl.results.interval import Interval, Second
from loadctl.results.measures.fold import fold
from loadctl.results.profile import function_of, marked_seconds, profile_use, profiles_of, stacks_of
from loadctl.results.recording import Event, Profile
from loadctl.scenario.load import Load, Stage
from tests.results.recorded import recording

RAW = """process 7:"python";main (app.py:1);serve (app.py:9);burn (app.py:20) 60
process 7:"python";main (app.py:1);serve (app.py:10);burn (app.py:21) 20
process 7:"python";main (app.py:1);parse (lib.py:3) 20
"""


def profile(label: str, text: str, start_s: float = 0.0) -> Profile:
    return Profile(label, "sample", start_s, start_s + 5, f"profile/{label}.raw", "because", stacks_of(text))


def test_functions_are_counted_whatever_their_line() -> None:
    use = profile_use([profile("bad-1", RAW)], ())
    assert use is not None
    assert [(one.name, one.self_pct, one.total_pct, one.calm_pct) for one in use.top] == [
        ("burn (app.py)", 80.0, 80.0, None),
        ("parse (lib.py)", 20.0, 20.0, None),
    ]


def test_calm_stands_beside_the_worst() -> None:
    calm = 'process 7:"p";main (app.py:1);parse (lib.py:3) 90\nprocess 7:"p";main (app.py:1);burn (app.py:20) 10\n'
    use = profile_use([profile("calm", calm), profile("bad-1", RAW)], ())
    assert use is not None
    assert [(one.name, one.self_pct, one.calm_pct) for one in use.top] == [
        ("burn (app.py)", 80.0, 10.0),
        ("parse (lib.py)", 20.0, 90.0),
    ]


def test_threads_that_wait_are_not_counted() -> None:
    waiting = "run (a.py:1);EpollSelector.select (selectors.py:468) 900\n"
    waiting += "run (a.py:1);Condition.wait (threading.py:3) 9\n"
    assert stacks_of(waiting + "run (a.py:1);select (query.py:3) 4") == {
        ("run (a.py:1)", "select (query.py:3)"): 4
    }


def test_a_function_that_calls_itself_is_counted_once_a_stack() -> None:
    use = profile_use([profile("late", "walk (a.py:1);walk (a.py:1);walk (a.py:1) 30")], ())
    assert use is not None
    assert use.top[0].total_pct == 100.0


def test_shares_of_a_handful_of_samples_are_not_told() -> None:
    use = profile_use([profile("late", "f (a.py:1) 19")], ())
    assert use is not None
    assert use.top == ()


def test_only_a_calm_sample_is_better_than_none() -> None:
    use = profile_use([profile("calm", RAW)], ())
    assert use is not None
    assert use.top[0].name == "burn (app.py)"


@pytest.mark.parametrize(
    ("frame", "function"),
    [
        ("f (a.py:3)", "f (a.py)"),
        ("f (a (b).py:3)", "f (a (b).py)"),
        ("native", "native"),
        ("f (a.py)", "f (a.py)"),
    ],
)
def test_names(frame: str, function: str) -> None:
    assert function_of(frame) == function


@given(st.text(max_size=200))
def test_hostile_text_is_stacks_or_nothing(text: str) -> None:
    for stack, count in stacks_of(text).items():
        assert stack
        assert count >= 0
    profile_use([profile("late", text)], ())


def started(t: float, mode: str = "sample") -> Event:
    return Event(t, "profile_started", "", {"mode": mode, "label": "calm", "seconds": 5.0})


def stopped(t: float, mode: str = "sample") -> Event:
    detail: dict[str, str | float | int | None] = {
        "mode": mode,
        "label": "calm",
        "seconds": 5.0,
        "file": "profile/calm.raw",
        "why": "calm",
    }
    return Event(t, "profile_stopped", "", detail)


def test_profiles_are_found_by_their_events() -> None:
    found = profiles_of([started(8.2), stopped(13.5)], {"profile/calm.raw": RAW})
    assert [(one.label, one.start_s, one.end_s, one.samples) for one in found] == [("calm", 8.5, 13.5, 100)]


def test_every_second_that_was_touched_is_marked() -> None:
    assert marked_seconds([started(8.2), stopped(13.5)]) == frozenset(range(8, 14))
    assert marked_seconds([started(8.2, "continuous"), stopped(13.5, "continuous")]) == frozenset()


def test_a_profile_that_never_ended_marks_what_it_was_meant_to_take() -> None:
    assert marked_seconds([started(8.2)]) == frozenset(range(8, 14))


def test_marked_seconds_are_never_scored_and_their_time_counts_for_nothing() -> None:
    def second(t: int) -> Second:
        slow = t in {4, 5}
        return Second(t, {"GET /": Interval(ok=Histogram.of([900_000 if slow else 10_000] * 100))}, users=5)

    load = Load("closed", [Stage(5, 5, 10.0, "hold")])
    made = recording([second(t) for t in range(10)], shards=[])
    total = fold(load, made, marked=frozenset({4, 5})).summary.total
    assert total.completed == 800
    assert total.throughput_per_s == pytest.approx(100)
    assert total.latency.max == pytest.approx(10, rel=0.05)
    everything = fold(load, made).summary.total
    assert everything.completed == 1000
    assert everything.throughput_per_s == pytest.approx(100)
