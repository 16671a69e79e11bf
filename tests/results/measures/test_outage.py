"""Stalls of a simulated system are found with their lengths and period, and nothing else is one."""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heapify, heapreplace
from random import Random

import pytest

from loadctl.results.interval import Second
from loadctl.results.measures.outage import disturbed, is_unreachable, period_s, stalls
from loadctl.results.recording import Event
from tests.results.recorded import interval, moments, second, steady

Answered = Callable[[float], float]
"""When a request sent then is answered."""


def answered(freeze_s: float = 0.0, every_s: float = 1e9, took_s: float = 0.01) -> Answered:
    def at(sent: float) -> float:
        done = sent + took_s
        into = done % every_s
        return done - into + freeze_s if into < freeze_s and done >= every_s else done

    return at


def run(
    at: Answered,
    *,
    users: int = 20,
    pause: Callable[[Random, int], float] = lambda chance, _: chance.uniform(0.05, 0.15),
    length: int = 60,
    seed: int = 1,
) -> list[Second]:
    """Closed users: send, wait for the answer, pause."""
    chance = Random(seed)
    flights: list[tuple[float, float]] = []
    due = [(chance.random(), user, 0) for user in range(users)]
    heapify(due)
    while due[0][0] < length:
        now, user, turn = due[0]
        done = at(now)
        flights.append((now, done))
        heapreplace(due, (done + pause(chance, turn + 1), user, turn + 1))
    made = []
    for t in range(length):
        took = [1000 * (done - sent) for sent, done in flights if t <= done < t + 1]
        under_way = sum(sent < t + 1 <= done for sent, done in flights)
        one = second(t, {"GET /": interval(took)}, users=users)
        one.cells["GET /"].in_flight = under_way
        made.append(one)
    return made


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("freeze_s", "every_s"), [(1.2, 7), (2, 10), (2, 8), (3, 20), (5, 20)])
def test_stalls_have_their_length_and_their_period(freeze_s: float, every_s: float, seed: int) -> None:
    found = stalls(moments(run(answered(freeze_s, every_s + seed / 10), length=70, seed=seed)))
    assert len(found) == math.floor((70 - freeze_s) / (every_s + seed / 10))
    for stall in found:
        assert stall.end_s is not None
        assert stall.end_s - stall.start_s == pytest.approx(freeze_s, abs=0.1)
        assert stall.waiting >= 15
    if len(found) >= 3:
        assert period_s(found) == pytest.approx(every_s + seed / 10, abs=1)


def test_one_that_never_ends() -> None:
    [stall] = stalls(moments(run(lambda sent: sent + 0.01 if sent < 30 else 1e9)))
    assert (stall.start_s, stall.end_s, stall.waiting) == (30, None, 20)


def test_two_are_no_period() -> None:
    found = stalls(moments(run(answered(2, 25))))
    assert len(found) == 2
    assert period_s(found) is None


def burst(chance: Random, turn: int) -> float:
    return 0.05 if turn % 10 else chance.uniform(2, 4)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("users", [1, 3, 8, 20])
def test_users_who_pause_are_no_stall(users: int, seed: int) -> None:
    assert not stalls(moments(run(answered(), users=users, pause=burst, seed=seed)))


def test_users_who_left_are_no_stall() -> None:
    assert not stalls(moments([*steady(30), *steady(10, [], start=30, users=0)]))
    assert not stalls(moments([*steady(30), *steady(10, [5.0], start=30, users=1)]))


def queue() -> Answered:
    """One server, 60/s: 20 users wait all the time."""
    free = 0.0

    def at(sent: float) -> float:
        nonlocal free
        free = max(sent, free) + 1 / 60
        return free

    return at


@pytest.mark.parametrize("at", [answered(took_s=1.5), answered(took_s=0.01), queue()])
def test_a_slow_system_is_no_stall(at: Answered) -> None:
    assert not stalls(moments(run(at)))


def test_a_queue_and_a_few_slow_answers_are_no_stall() -> None:
    chance = Random(1)
    assert not stalls(moments(run(lambda sent: sent + (2.0 if chance.random() < 0.05 else 0.01))))
    spike = [second(t, {"GET /": interval([4.0] * 100)}) for t in range(20)]
    for t in range(20, 40):
        late = second(t, {"GET /": interval([min(100.0 * (t - 19), 2000.0)] * 60)}, users=200)
        late.cells["GET /"].in_flight = 190
        spike.append(late)
    assert not stalls(moments(spike))


@pytest.mark.parametrize("seed", range(5))
def test_requests_that_hang_one_by_one_are_no_stall(seed: int) -> None:
    chance = Random(seed)
    assert not stalls(moments(run(lambda sent: sent + (30.0 if chance.random() < 0.05 else 0.01), seed=seed)))


def test_a_generator_that_stood_still_is_no_stall_of_the_system() -> None:
    seconds = run(answered(3, 20))
    for one in seconds:
        one.lag_ms = [2500.0] * 10
    assert not stalls(moments(seconds))


def refusing(t: int) -> Second:
    return second(t, {"GET /": interval(errors={"connect_refused": 20})})


def test_what_a_process_that_ended_leaves_behind_tells_nothing_of_the_load() -> None:
    seconds = moments([*steady(20), *map(refusing, range(20, 24)), *steady(10, start=24)])
    assert [one.t for one in seconds if is_unreachable(one)] == [20, 21, 22, 23]
    assert not disturbed(seconds, [])  # it may have been the load
    gone = [Event(21, "service_restarted", "")]
    assert set(disturbed(seconds, gone).values()) == {"the system's process ended"}
    assert sorted(disturbed(seconds, gone)) == list(range(19, 25))
    to_the_end = moments([*steady(20), *map(refusing, range(20, 24))])
    assert sorted(disturbed(to_the_end, []))[:2] == [19, 20]
