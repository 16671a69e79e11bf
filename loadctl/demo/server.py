"""uvicorn around the demo application, in one process: from the listening socket to the truth file."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from loadctl.demo.app import CONNECTION, READ_AT, Connection, DemoApp
from loadctl.demo.fault import Fault
from loadctl.demo.treatment import ServiceTime, Treatments, hold_memory
from loadctl.demo.truth import Truth

_KEEP_ALIVE_S = (
    3600  # uvicorn's 5 s would close connections under users who think longer, a race that reads as resets
)
STOPPED, CRASHED = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What one process of the demo system serves with.

    `account` takes the truth at the end, however it ends; `parent_ended` blocks until the parent is
    gone; `began_at_s` (time.monotonic) is set for a process below a parent; `listening` is called with the port as
    soon as it listens.
    """

    faults: Sequence[Fault]
    service: ServiceTime | None
    seed: int
    truth: Truth
    account: Callable[[Truth], object]
    parent_ended: Callable[[], object] | None
    began_at_s: float | None = None
    listening: Callable[[int], object] | None = None


class Stoppable(Protocol):
    should_exit: bool


def listener(port: int, *, shared: bool = False) -> socket.socket:
    """A socket bound to loopback. Its protocol is named because asyncio sets TCP_NODELAY only where it is.

    `shared`: among several processes, over which Linux then spreads connections evenly.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except (OSError, OverflowError):
        bound.close()
        raise
    return bound


def serve_once(settings: ServerSettings, bound: socket.socket) -> int:
    """Serve until told to stop; the exit code. A crash fault ends the process from within."""
    server = _Server(settings)
    with stopping_on_signals(server):
        if settings.parent_ended is not None:
            # A daemon: it blocks in a read that nothing but the parent's end can finish.
            threading.Thread(target=_stop_after, args=(settings.parent_ended, server), daemon=True).start()
        server.run(sockets=[bound])
        settings.account(settings.truth)
    return STOPPED


def announce(port: int) -> None:
    """The one line that a demo system prints: it listens."""
    sys.stdout.write(f"loadctl demo on http://127.0.0.1:{port}\n")
    sys.stdout.flush()


def write_truth(truth: Truth, file: Path | None) -> None:
    """Replace `file` with what was counted; do nothing without one."""
    if file is None:
        return
    written = file.with_name(file.name + ".part")
    written.write_text(json.dumps(truth.document(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    written.replace(file)


class _Server(uvicorn.Server):  # type: ignore[misc]  # uvicorn's types are not followed
    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._began_at_s = time.monotonic() if settings.began_at_s is None else settings.began_at_s
        treatments = Treatments(settings.faults, settings.service, settings.seed)
        super().__init__(
            uvicorn.Config(
                DemoApp(treatments, settings.truth, self._age_s),
                http=_Protocol,
                loop="asyncio",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="critical",
                server_header=False,
                date_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=0,  # the measurement is over when it is stopped
            )
        )

    def _age_s(self) -> float:
        return time.monotonic() - self._began_at_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        gc.collect()
        gc.freeze()  # what start-up made is never garbage: shorter pauses
        if self._settings.began_at_s is None:
            self._began_at_s = time.monotonic()
        if self._settings.listening is not None:
            self._settings.listening(self.servers[0].sockets[0].getsockname()[1])
        hold_memory(self._settings.faults, self._age_s)
        loop = asyncio.get_running_loop()
        for fault in self._settings.faults:
            if fault.kind == "crash":
                loop.call_later(fault.start_s - self._age_s(), self._crash)

    def _crash(self) -> None:
        self._settings.account(self._settings.truth)
        os._exit(CRASHED)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not uvicorn's way, which raises the signal again at the end: `serve_once` has its own."""
        yield


class _Protocol(HttpToolsProtocol):  # type: ignore[misc]
    """Tells the application which connection a request came in on, and when its last byte was read."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        accepted = transport.get_extra_info("socket")
        # Else 44 ms an answer (Nagle, delayed ACK); uvicorn leaves it to asyncio, which may not set it.
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = Connection(transport)
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[CONNECTION] = self._connection

    def on_message_complete(self) -> None:
        self.scope[READ_AT] = time.perf_counter()
        super().on_message_complete()


@contextlib.contextmanager
def stopping_on_signals(server: Stoppable) -> Iterator[None]:
    """SIGINT and SIGTERM end the serving, and do nothing while the truth is being written."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before: dict[int, Any] = {
        number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _stop_after(ended: Callable[[], object], server: Stoppable) -> None:
    ended()
    server.should_exit = True
