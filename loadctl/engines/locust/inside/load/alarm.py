"""Waking at a moment, to a tenth of a millisecond where the system can.

gevent's own timers end on whole milliseconds (epoll's resolution, rounded up), which the open model would add to every
latency, 0.7 ms on average. On Linux a timerfd is exact; elsewhere gevent's timer has to do. A process that has slept is
woken late, and its first steps are slow (cold caches), so it is woken early and looks at the clock until it is time.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent import get_hub

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_CLOSE_ON_EXEC_NONBLOCK = 0o2000000 | 0o4000
_EARLY_S = 0.00025
_EARLY_SHARE = 0.1
"""Of the way to the moment: being awake early costs no more than that share of a core."""


class Alarm:
    """For one greenlet at a time. Times are those of time.monotonic."""

    def __init__(self) -> None:
        self._watcher: Any = None
        self._fd = -1
        if sys.platform == "linux":
            self._fd, self._set = _timerfd()
        if self._fd >= 0:
            self._watcher = get_hub().loop.io(self._fd, 1)

    def wait_until(self, moment: float) -> None:
        self.sleep_until(moment - min(_EARLY_S, _EARLY_SHARE * (moment - time.monotonic())))
        while time.monotonic() < moment:
            gevent.sleep(0)  # what has come meanwhile is read

    def sleep_until(self, moment: float) -> None:
        """The same without being early: as late as whatever else becomes ready at that moment."""
        while (left := moment - time.monotonic()) > 0:
            if self._watcher is None:
                gevent.sleep(left)
                continue
            self._set(moment)
            get_hub().wait(self._watcher)
            os.read(self._fd, 8)

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            os.close(self._fd)


def _timerfd() -> tuple[int, Callable[[float], None]]:
    """A timer's descriptor and a function that sets its time; (-1, …) if there is none. Python has timerfd from 3.13
    on.
    """
    import ctypes

    try:
        libc = ctypes.CDLL(None)
        fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, _CLOSE_ON_EXEC_NONBLOCK)
    except (OSError, AttributeError):
        return -1, lambda _: None
    settime = libc.timerfd_settime
    layout = struct.Struct("@qqqq") if ctypes.sizeof(ctypes.c_long) == 8 else struct.Struct("@llll")

    def set_moment(moment: float) -> None:
        seconds = int(moment)
        settime(fd, _ABSOLUTE, layout.pack(0, 0, seconds, int((moment - seconds) * 1e9)), None)

    return fd, set_moment
