"""A source's own thread: what it saw arrives with its own time, and what it lost is told."""

from __future__ import annotations

import re
import threading
import time

import pytest

from loadctl.monitors.background import Background, Lost
from loadctl.monitors.source import Observation
from loadctl.results.recording import Event


def test_observations_keep_the_time_at_which_they_were_made() -> None:
    seen = threading.Event()
    at = time.monotonic() - 5.0

    def follow(background: Background) -> None:
        background.put(Event(at, "service_up", "there"))
        seen.set()
        background.stopping.wait()

    background = Background("x", follow)
    background.start()
    assert seen.wait(5)
    t = 100.0
    (event,) = background.take(t)
    assert event.t == pytest.approx(t - (time.monotonic() - at), abs=0.2)
    assert background.take(t) == []
    background.stop()


def test_what_is_lost_is_raised_until_it_is_back() -> None:
    broken, failed, back = threading.Event(), threading.Event(), threading.Event()
    broken.set()

    def follow(background: Background) -> None:
        if broken.is_set():
            failed.set()
            raise Lost("the socket was closed")
        background.put()
        back.set()
        background.stopping.wait()

    background = Background("x", follow, retry_s=0.001)
    background.start()
    assert failed.wait(5)
    assert str(loss(background)) == "the socket was closed"
    broken.clear()
    assert back.wait(5)
    assert background.take(2.0) == []
    background.stop()


def test_what_came_before_the_loss_is_not_lost_with_it() -> None:
    def follow(background: Background) -> None:
        background.put(Event(time.monotonic(), "service_up", "there"))
        raise Lost("gone")

    background = Background("x", follow, retry_s=60)
    background.start()
    kept = next(kept for kept in iter(lambda: taken(background), None) if kept)
    assert [event.kind for event in kept if isinstance(event, Event)] == ["service_up"]
    assert str(loss(background)) == "gone"
    background.stop()


def taken(background: Background) -> list[Observation]:
    try:
        return background.take(1.0)
    except Lost:
        return []


def loss(background: Background) -> Lost:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            background.take(1.0)
        except Lost as lost:
            return lost
    raise AssertionError("nothing was lost within 5 s")


def test_one_that_says_nothing_for_too_long_is_lost() -> None:
    """Such as a server that sends a byte now and then."""
    background = Background("x", hangs, silent_s=0.05)
    assert background.take(0.0) == []  # not started yet
    background.start()
    assert re.fullmatch("it has not answered for [0-9]+ s", str(loss(background)))
    background.stop()


def hangs(background: Background) -> None:
    background.stopping.wait()
