"""What an engine goes on sending: statistics, events, a log. Read in one thread, closed from any."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from loadctl.monitors.background import Lost

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class Stream(Generic[T]):
    """What the engine sends until it has nothing more; iterate `with` it in one thread, `close` it from any.

    Iterating raises Lost when the engine goes away.
    """

    def __init__(
        self, response: httpx.Response, read: Callable[[Iterable[bytes]], Iterator[T]], said: str
    ) -> None:
        self._response = response
        self._read = read
        self._said = said
        self._closed = False
        self._socket: socket.socket | None = response.extensions["network_stream"].get_extra_info("socket")
        if (
            self._socket is not None
        ):  # a machine that vanished is noticed, in a stream that may be silent for hours
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def __iter__(self) -> Iterator[T]:
        import httpx

        try:
            yield from self._read(self._response.iter_raw())
        except (httpx.TransportError, httpx.StreamError) as error:
            if not self._closed:
                raise Lost(f"{self._said} broke off: {reason_of(error)}") from error

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError):  # it may have ended by itself
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)


def reason_of(error: Exception) -> str:
    """`[Errno 2] No such file or directory` → no such file or directory."""
    said = str(error).removeprefix("[Errno ").partition("] ")[2] or str(error) or type(error).__name__
    number = getattr(error.__cause__, "errno", None)
    return os.strerror(number) if not said and isinstance(number, int) else said
