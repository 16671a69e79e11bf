"""A server that never stops answering: a header line now and then, for ever."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def dripping(every_s: float = 0.05) -> Iterator[str]:
    """Its URL. Each line comes long before the timeout of any read."""
    leaving = threading.Event()

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not leaving.wait(every_s):
                connection.sendall(b"X: y\r\n")

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        leaving.set()
        listener.shutdown(socket.SHUT_RDWR)


def soon(began: float, seconds: float) -> bool:
    """Whether less than `seconds` have passed since `began` (monotonic), and ten to spare on a busy machine."""
    return time.monotonic() - began < seconds + 10.0
