"""A thread of a source's own, for what answers slowly or speaks by itself: streams, pages, logs.

The sampler's thread serves all sources, so none may wait in it. What the thread sees goes into a mailbox with the
monotonic time at which it was so; `take`, called from `sample`, hands it over in seconds after t0.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from loadctl.monitors.source import Observation
from loadctl.results.wire.frame import MOST_S


class Lost(Exception):
    """The source cannot be read now; the message is the reason, for people."""


class Background:
    """`follow` reads until it is told to stop (`stopping`), and raises Lost, or anything, when it cannot go on.

    It is called again after `retry_s`, for as long as the watch lasts. Its observations bear times of
    time.monotonic(). One that has put nothing for `silent_s` hangs, and is lost too.
    """

    def __init__(
        self,
        name: str,
        follow: Callable[[Background], None],
        *,
        retry_s: float = 1.0,
        silent_s: float = math.inf,
    ) -> None:
        self.stopping = threading.Event()
        self._silent_s = silent_s
        self._heard = math.inf
        self._follow = follow
        self._retry_s = retry_s
        self._kept: list[Observation] = []
        self._lost: Exception | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"loadctl-{name}", daemon=True)

    def start(self) -> None:
        """Once; later calls do nothing, so that `sample` may call it."""
        if not self._thread.is_alive() and not self.stopping.is_set():
            self._heard = time.monotonic()
            self._thread.start()

    def put(self, *observations: Observation) -> None:
        """From the thread. It can be read: whatever was lost is back."""
        with self._lock:
            self._lost = None
            self._heard = time.monotonic()
            self._kept.extend(observations)

    def alive(self) -> None:
        """From the thread: it can be read, but there is nothing to say."""
        self.put()

    def take(self, t: float) -> list[Observation]:
        """What came since the last time, now being `t` seconds after t0; if nothing did, raises why it is lost."""
        shift = t - time.monotonic()
        with self._lock:
            kept, self._kept, lost = self._kept, [], self._lost
        if not kept and lost is not None:
            raise lost
        silence = time.monotonic() - self._heard
        if not kept and silence > self._silent_s:
            raise Lost(f"it has not answered for {silence:.0f} s")
        # A clock that stands at 1970 may not take what happened out of the run.
        return [replace(one, t=round(max(-MOST_S, one.t + shift), 3)) for one in kept]

    def close(self, wait_s: float = 1.0) -> None:
        self.stopping.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._follow(self)
            except Exception as error:  # noqa: BLE001  it becomes a gap with its reason; the run goes on
                with self._lock:
                    self._lost = error
            self.stopping.wait(self._retry_s)


T = TypeVar("T")


def within(seconds: float, ask: Callable[[], T]) -> T:
    """What `ask` returns or raises, asked in a thread of its own.

    The timeouts of an HTTP client are for each read, so they bound neither an answer that comes byte by byte nor the
    look-up of a name. Who is not ready in time is left behind; close what it waits for.
    Raises: TimeoutError.
    """
    question = _Question(ask)
    threading.Thread(target=question.put, name="loadctl-asking", daemon=True).start()
    try:
        answer, error = question.said.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return answer[0]


class _Question(Generic[T]):
    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self.said: SimpleQueue[tuple[list[T], BaseException | None]] = SimpleQueue()

    def put(self) -> None:
        try:
            self.said.put(([self._ask()], None))
        except BaseException as error:  # noqa: BLE001  raised again where the answer is waited for
            self.said.put(([], error))


class _Closable(Protocol):
    def close(self) -> None: ...


class Stopping(threading.Event):
    """An event that, when it is set, ends what its thread is reading."""

    def __init__(self) -> None:
        super().__init__()
        self._reading: _Closable | None = None

    def set(self) -> None:
        super().set()
        reading = self._reading
        if reading is not None:
            reading.close()

    @contextmanager
    def ends(self, stream: _Closable) -> Iterator[None]:
        """Within, `stream` is closed, from another thread, as soon as the event is set."""
        self._reading = stream
        try:
            if self.is_set():  # between the last look at it and now
                stream.close()
            yield
        finally:
            self._reading = None
