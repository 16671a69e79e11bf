"""Systems that answer as no system should, each for ever and to everybody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Treatment = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
MEGABYTE = b"x" * 1_000_000


def garbage(connection: socket.socket) -> None:
    connection.sendall(b"\x00\xff\x13 not HTTP at all\r\n\r\n\x80")
    connection.close()


def endless(connection: socket.socket) -> None:
    """A body that never ends, as fast as it is read."""
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"F4240\r\n" + MEGABYTE + b"\r\n")


def never_closing(connection: socket.socket) -> None:
    """A body without a length, which only the end of the connection would end."""
    connection.sendall(HEAD + b"\r\nhello")
    connection.recv(65536)


def megabyte_errors(connection: socket.socket) -> None:
    answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: %d\r\n\r\n" % len(MEGABYTE) + MEGABYTE
    while True:
        connection.sendall(answer)
        if not connection.recv(65536):
            return


def polite(connection: socket.socket) -> None:
    while True:
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")
        if not connection.recv(65536):
            return


@contextmanager
def answering(treat: Treatment) -> Iterator[str]:
    """Its URL; each connection is treated in a thread of its own once a first request is there."""

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if connection.recv(65536):
                treat(connection)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
