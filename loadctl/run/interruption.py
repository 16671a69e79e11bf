"""Signals that ask loadctl to end: after the first it drains and reports, after the second it exits at once."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from types import FrameType
from typing import Self

_SIGNALS = [signal.SIGINT, signal.SIGTERM]
if hasattr(signal, "SIGHUP"):
    _SIGNALS.append(signal.SIGHUP)


class Interruption:
    """While entered, SIGINT, SIGTERM and SIGHUP (the terminal was closed) are counted instead of raised.

    Only the main thread can enter it.
    """

    def __init__(self, *, to_the_end: bool = False) -> None:
        """`to_the_end`: the exit code is decided within; once left, signals change nothing until the program ends."""
        self._to_the_end = to_the_end
        self._received: list[int] = []
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        # A pipe and not a threading.Event: a handler that sets an event can meet its own thread inside it.
        self._wake, self._woken = (
            os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        )
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if number != signal.SIGINT and signal.getsignal(number) == signal.SIG_IGN:
                    continue  # nohup: the end of the terminal is not the end of the run
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, _nothing if self._to_the_end else handler)  # type: ignore[arg-type]
        os.close(self._wake)
        os.close(self._woken)

    @property
    def number(self) -> int | None:
        """The first signal that came."""
        return self._received[0] if self._received else None

    @property
    def at_once(self) -> bool:
        return len(self._received) > 1

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than until a signal comes."""
        ready, _, _ = select.select([self._wake], [], [], max(0.0, seconds))
        if ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 1)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._received.append(number)
        with contextlib.suppress(OSError):
            os.write(self._woken, b"!")


def _nothing(_number: int, _frame: FrameType | None) -> None: ...
