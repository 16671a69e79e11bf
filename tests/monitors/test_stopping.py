"""Reading what may never come ends when it is asked to, from another thread, without a thread of its own."""

from __future__ import annotations

import threading

from loadctl.monitors.background import Stopping


class Stream:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_what_is_being_read_is_closed_when_the_event_is_set() -> None:
    stopping, stream = Stopping(), Stream()
    with stopping.ends(stream):
        threading.Thread(target=stopping.set).start()
        assert stopping.wait(5)
    assert stream.closed == 1


def test_what_begins_too_late_is_closed_at_once() -> None:
    stopping, stream = Stopping(), Stream()
    stopping.set()
    with stopping.ends(stream):
        assert stream.closed == 1


def test_what_is_no_longer_read_is_left_alone_and_leaves_no_thread() -> None:
    stopping, streams, before = Stopping(), [Stream() for _ in range(100)], threading.active_count()
    for stream in streams:
        with stopping.ends(stream):
            pass
    assert threading.active_count() == before
    stopping.set()
    assert not any(stream.closed for stream in streams)
