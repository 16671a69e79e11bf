"""Restart or several workers? A page that changes is watched on before anything is said."""

from __future__ import annotations

import pytest

from loadctl.monitors.prometheus.page import Responder, ResponderTracker, Scrape

REQUESTS = ("http_requests_total", ())
SAME, HELD, NEW, SEVERAL = Responder.SAME, Responder.HELD, Responder.NEW, Responder.SEVERAL


def lives(*looks: tuple[float | None, float]) -> tuple[list[Responder], list[float]]:
    """(start, requests) of a scrape each second from 100 on; what each means, and the times of restarts."""
    life = ResponderTracker()
    seen, restarts = [], []
    for second, (started, requests) in enumerate(looks):
        now = 100.0 + second
        seen.append(life.update(Scrape(started, {REQUESTS: requests}, wall=now, at=now)))
        restarts += [restart.at for restart in life.take_restarts()]
    restarts += [restart.at for restart in life.finish()]
    return seen, restarts


def test_a_process_that_lives_on() -> None:
    assert lives((7, 1), (7, 1), (7, 5)) == ([SAME, SAME, SAME], [])


def test_a_later_start_that_stays_is_a_restart_at_its_own_time() -> None:
    seen, restarts = lives((7, 100), (7, 120), (101.6, 3), (101.6, 9), (101.6, 20), (101.6, 30), (101.6, 40))
    assert seen == [SAME, SAME, HELD, HELD, HELD, NEW, SAME]
    assert restarts == [101.6]


def test_one_that_ends_the_watch_is_told_too() -> None:
    assert lives((7, 100), (100.6, 3)) == ([SAME, HELD], [100.6])


def test_two_restarts_in_a_row_are_two() -> None:
    seen, restarts = lives((7, 100), (100.6, 3), (101.9, 3), (101.9, 4), (101.9, 5), (101.9, 6))
    assert seen == [SAME, HELD, HELD, HELD, HELD, NEW]
    assert restarts == [100.6, 101.9]


@pytest.mark.parametrize(
    "looks",
    [
        ((7.00, 100), (7.01, 30), (7.00, 110)),
        ((7.00, 100), (7.01, 30), (7.01, 40), (7.01, 50), (7.00, 110)),
        ((7.00, 100), (7.01, 30), (7.02, 60)),
        ((7, 100), (100.6, 3), (7, 110)),
        ((None, 100), (None, 30), (None, 110)),
    ],
    ids=["two", "one answers twice", "three", "a new one among them", "without start times"],
)
def test_values_that_flip_are_several_workers_and_no_restart(
    looks: tuple[tuple[float | None, float], ...],
) -> None:
    seen, restarts = lives(*looks, (7, 120), (7, 130))
    assert seen[-3:] == [SEVERAL] * 3
    assert NEW not in seen
    assert restarts == []


def test_the_clock_of_another_machine_may_be_wrong() -> None:
    """It began an hour ago by its own clock, so only time can tell: its time is then that of the scrape."""
    seen, restarts = lives((-7000, 100), *((-3600, float(n)) for n in range(12)))
    assert seen == [SAME, *[HELD] * 10, NEW, SAME]
    assert restarts == [100.0]


def test_counters_without_a_start_time_that_begin_anew_are_reset_and_nothing_more_is_known() -> None:
    assert lives((None, 100), (None, 1), (None, 2), (None, 3), (None, 4)) == (
        [SAME, HELD, HELD, HELD, NEW],
        [],
    )


def test_a_start_time_that_jitters_by_a_second_is_the_same_process() -> None:
    assert lives((7, 1), (8, 2), (7, 3)) == ([SAME] * 3, [])
