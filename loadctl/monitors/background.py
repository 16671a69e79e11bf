"""A thread of a source's own, for what answers slowly or speaks by itself: streams, pages, logs.

The sampler's thread serves all sources, so none may wait in it. What the thread sees goes into a mailbox with the
monotonic time at which it was so; `sample` hands it over in seconds after t0.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from msgspec.structs import replace

from loadctl.monitors.source import Observation
from loadctl.results.wire.record import MOST_S

T = TypeVar("T")

LAST_S = 2.5
"""Time for a last answer of a server at the end of the watch."""


class Lost(Exception):
    """The source cannot be read now; the message is the reason, for people."""


class Background:
    """`follow` reads until `stopping` is set, and raises Lost, or anything, when it cannot go on.

    It is called again after `retry_s`, for as long as the watch lasts. Its observations bear times of
    time.monotonic(). One that has put nothing for `silent_s` hangs, and is lost too. At the end it has `wait_s`.
    """

    def __init__(
        self,
        name: str,
        follow: Callable[[Background], None],
        *,
        retry_s: float = 1.0,
        silent_s: float = math.inf,
        wait_s: float = 1.0,
    ) -> None:
        self.stopping = threading.Event()
        self._silent_s = silent_s
        self._wait_s = wait_s
        self._heard = math.inf
        self._follow = follow
        self._retry_s = retry_s
        self._kept: list[Observation] = []
        self._lost: Exception | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"loadctl-{name}", daemon=True)

    def start(self) -> None:
        """Later calls do nothing."""
        if not self._thread.is_alive() and not self.stopping.is_set():
            self._heard = time.monotonic()
            self._thread.start()

    def put(self, *observations: Observation) -> None:
        """From the thread: the source can be read again, even if it has nothing to report."""
        with self._lock:
            self._lost = None
            self._heard = time.monotonic()
            self._kept.extend(observations)

    def sample(self, t: float) -> list[Observation]:
        """As `Source.sample`: what came since the last call; starts the thread at the first."""
        self.start()
        return self.take(t)

    def take(self, t: float) -> list[Observation]:
        """What came since the last call, now being `t` seconds after t0. Raises the reason if nothing did for one."""
        shift = t - time.monotonic()
        with self._lock:
            kept, self._kept, lost = self._kept, [], self._lost
        if not kept and lost is not None:
            raise lost
        silence = time.monotonic() - self._heard
        if not kept and silence > self._silent_s:
            raise Lost(f"it has not answered for {silence:.0f} s")
        # A clock that is set to 1970 must not move observations out of the run.
        return [replace(one, t=round(max(-MOST_S, one.t + shift), 3)) for one in kept]

    def close(self, t: float) -> list[Observation]:
        """As `Source.close`: ends the thread and returns the last observations, if any."""
        self.stop()
        try:
            return self.take(t)
        except Exception:  # noqa: BLE001  its loss was reported when it happened
            return []

    def stop(self) -> None:
        self.stopping.set()
        if self._thread.is_alive():
            self._thread.join(self._wait_s)

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._follow(self)
            except Exception as error:  # noqa: BLE001  it becomes a gap with its reason; the run goes on
                with self._lock:
                    self._lost = error
            self.stopping.wait(self._retry_s)


def polling(
    period_s: float, look: Callable[[], Iterable[Observation]], close: Callable[[], None]
) -> Callable[[Background], None]:
    """A `follow` that calls `look` every `period_s` and once more at the end of the watch; then `close`."""

    def follow(background: Background) -> None:
        try:
            due = time.monotonic()
            while not background.stopping.wait(max(0.0, due - time.monotonic())):
                background.put(*look())
                due = max(due + period_s, time.monotonic())
            background.put(*look())
        finally:
            close()

    return follow


def within(seconds: float, ask: Callable[[], T]) -> T:
    """What `ask` returns or raises, called in a thread of its own.

    The timeouts of an HTTP client apply to each read, so they bound neither an answer that comes byte by byte nor the
    lookup of a name. A call that is late is abandoned; close what it waits for.
    Raises: TimeoutError.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001  raised again where the answer is waited for
            errors.append(error)

    thread = threading.Thread(target=call, name="loadctl-asking", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    if errors:
        raise errors[0]
    return answers[0]


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
