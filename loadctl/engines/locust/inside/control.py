"""What loadctl says to this shard: lines on its standard input, read by a native thread, and signals.

The thread must be native: a hub that is blocked by a script that burns CPU would otherwise not see that loadctl is
gone. launch.py starts it before locust makes every other thread a greenlet.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import queue
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_start_native_thread = _thread.start_new_thread
_native_sleep = time.sleep
# Taken now, because gevent replaces them in their modules when locust is imported.

GRACE_S = 1.2
"""How long after loadctl's end the shard may take to say bye by itself."""


class Control:
    """Flags that the load looks at; set by the thread and by signal handlers."""

    def __init__(self) -> None:
        self.t0: float | None = None
        self.wishes: list[tuple[float, int, float]] = []
        """A load without a plan: from when on (s since t0) how many users are wanted, and how many come a second."""
        self.stopping = False
        """No new requests; drain, bye."""
        self.leave_now = False
        """Do not even drain."""
        self.gone = False
        """loadctl is not there any more."""
        self._first = queue.SimpleQueue[str]()
        self._signals = 0
        self._bye: Callable[[], None] | None = None

    def listen(self) -> None:
        """Take over standard input; a script that reads it, or its children, see an empty one."""
        fd = os.dup(0)
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - pathlib costs 5 ms of the start
            os.dup2(nothing.fileno(), 0)
        _start_native_thread(self._read, (fd,))

    def first_line(self) -> str:
        """The plan; empty: loadctl is gone already."""
        return self._first.get()

    def on_signals(self, bye: Callable[[], None]) -> None:
        """SIGINT and SIGTERM are `stop`; a second one says `bye` and leaves at once, even in the middle of a script."""
        self._bye = bye
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        self.stopping = True
        if self._signals > 1 and self._bye is not None:
            self._bye()

    def _read(self, fd: int) -> None:
        pending, first = b"", True
        while True:
            data = os.read(fd, 1 << 16)
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                if first:
                    self._first.put(line.decode())
                    first = False
                else:
                    self._obey(line)
        self.gone = self.stopping = self.leave_now = True
        self._first.put("")
        _native_sleep(GRACE_S)
        kill_group()

    def _obey(self, line: bytes) -> None:
        """`start T0`, `users T N RATE` or `stop`."""
        words = line.split()
        with contextlib.suppress(ValueError):  # this thread must live: it sees the end of loadctl
            if words[:1] == [b"start"] and len(words) == 2:
                self.t0 = float(words[1])
            elif words[:1] == [b"users"] and len(words) == 4:
                self.wishes.append((float(words[1]), int(words[2]), float(words[3])))
            elif words == [b"stop"]:
                self.stopping = True


def kill_group() -> None:
    """End this process and all that the script has started. Not a stranger's group: where loadctl did not make
    this process a leader, only itself."""
    with contextlib.suppress(ProcessLookupError):
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
