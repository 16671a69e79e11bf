"""Asking somebody who may never stop answering: a server that drips, a name server that is silent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

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
