"""loadctl's orders to this shard: lines on its standard input, read by a native thread, and signals.

The thread must be native: a hub that is blocked by a CPU-bound script would not notice that loadctl is gone. It is
started before locust turns every other thread into a greenlet.
"""

from __future__ import annotations

import _thread
import contextlib
import json
import os
import queue
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType


_start_native_thread = _thread.start_new_thread
_native_sleep = time.sleep
# Taken now, because gevent replaces them in their modules when locust is imported.

_ORDERS = (b"start", b"users", b"stop")
GRACE_S = 1.2
"""How long after loadctl's end the shard may take to say bye by itself."""


class Control:
    """Flags that the load checks; set by the thread and by signal handlers."""

    def __init__(self) -> None:
        self.t0: float | None = None
        self.level_orders: list[tuple[float, int, float]] = []
        """A load without a plan: from when on (s since t0) how many users are wanted, and how many come a second."""
        self.stopping = False
        """No new requests; drain, bye."""
        self.leave_now = False
        """Do not even drain."""
        self.gone = False
        """loadctl has exited."""
        self._lines = queue.SimpleQueue[str]()
        self._signals = 0
        self._bye: Callable[[], None] | None = None

    def listen(self) -> None:
        """Take over standard input; a script that reads it, or its children, see an empty one."""
        fd = os.dup(0)
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - pathlib costs 5 ms of the start
            os.dup2(nothing.fileno(), 0)
        _start_native_thread(self._read, (fd,))

    def next_line(self) -> str:
        """The next line that is not an order, such as the plan. Empty if loadctl has already exited."""
        return self._lines.get()

    def next_json(self) -> Any:
        """The same line, read. Without loadctl the process ends."""
        line = self.next_line()
        if not line:
            kill_group()
        return json.loads(line)

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
        pending = b""
        while True:
            data = os.read(fd, 1 << 16)
            if not data:
                break
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                if not self._obey(line):
                    self._lines.put(line.decode())
        self.gone = self.stopping = self.leave_now = True
        self._lines.put("")
        _native_sleep(GRACE_S)
        kill_group()

    def _obey(self, line: bytes) -> bool:
        """Whether it is an order: `start T0`, `users T N RATE` or `stop`."""
        order, *words = line.split(maxsplit=3) or [b""]
        with contextlib.suppress(ValueError, IndexError):  # this thread must live: it sees the end of loadctl
            if order == b"start":
                self.t0 = float(words[0])
            elif order == b"users":
                self.level_orders.append((float(words[0]), int(words[1]), float(words[2])))
            elif order == b"stop":
                self.stopping = True
        return order in _ORDERS


def kill_group() -> None:
    """End this process and everything that the script has started; only itself if loadctl did not make it the leader
    of a group.
    """
    with contextlib.suppress(ProcessLookupError):
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
