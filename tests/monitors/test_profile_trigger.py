"""When a profile is taken."""

from __future__ import annotations

import pytest

from loadctl.monitors.profile import Limits, Trigger, Wanted
from loadctl.results.live import Vital

LIMITS = Limits(p95_ms=100, error_rate=0.01)


def taken(
    p95_ms: dict[int, float],
    *,
    until: int = 300,
    window: tuple[float, float] = (10, 300),
    limits: Limits = LIMITS,
) -> list[tuple[int, str, float, str]]:
    """(t, label, seconds, why) for a p95 that changes at the given seconds."""
    trigger = Trigger(limits, window)
    now, found = 0.0, []
    for t in range(until):
        now = p95_ms.get(t, now)
        wanted = trigger.next(Vital(t, now, 0.0, 10.0), t + 1)
        if wanted is not None:
            found.append((t, wanted.label, wanted.seconds, wanted.why))
    return found


def test_a_calm_run_is_sampled_when_calm_and_at_its_end() -> None:
    assert taken({0: 20}) == [
        (13, "calm", 5.0, "a calm phase"),
        (287, "late", 10.0, "nothing degraded: the end of the load"),
    ]


def test_when_it_turns_bad_once_is_not_enough() -> None:
    assert [one[1] for one in taken({0: 20, 60: 150, 61: 20})] == ["calm", "late"]
    assert taken({0: 20, 60: 150})[1] == (61, "bad-1", 10.0, "p95 150 ms is over 100 ms")


def test_bad_samples_have_a_minute_between_them_and_there_are_three() -> None:
    assert [(t, label) for t, label, *_ in taken({0: 20, 50: 150})] == [
        (13, "calm"),
        (51, "bad-1"),
        (121, "bad-2"),
        (191, "bad-3"),
    ]


def test_twice_the_calm_latency_is_bad_without_a_limit() -> None:
    assert taken({0: 20, 60: 41}, limits=Limits())[1][1:] == ("bad-1", 10.0, "p95 41 ms, 20 ms when calm")
    assert [one[1] for one in taken({0: 1, 60: 5}, limits=Limits())] == ["calm", "late"]


@pytest.mark.parametrize(
    ("vital", "why"),
    [
        (Vital(0, 50, 0.02, 10), "2.0 % errors"),
        (Vital(0, 50, 0.0, 95), "cpu 95 %"),
        (Vital(0, 50, 0.01, 90), None),
        (Vital(0, None, None, None), None),
    ],
)
def test_errors_and_cpu(vital: Vital, why: str | None) -> None:
    assert Trigger(LIMITS, (0, 300)).bad(vital) == why


def test_one_that_is_bad_from_the_start_has_no_calm_sample() -> None:
    assert {label for _, label, *_ in taken({0: 500})} == {"bad-1", "bad-2", "bad-3"}


def test_what_the_profiler_slows_is_no_reason_for_another() -> None:
    trigger = Trigger(LIMITS, (10, 300))
    assert trigger.next(Vital(13, 20, 0.0, 10), 14) == Wanted("calm", 5.0, "a calm phase")
    assert [trigger.next(Vital(t, 500, 0.0, 10), t + 1) for t in range(14, 24)] == [None] * 10


def test_of_a_short_run_most_is_left_to_be_scored() -> None:
    assert [(label, seconds) for _, label, seconds, _ in taken({0: 20}, window=(3, 33), until=40)] == [
        ("calm", 3.0),
        ("late", 6.0),
    ]


def test_nothing_is_taken_before_the_scored_part() -> None:
    assert taken({0: 500}, until=10) == []
