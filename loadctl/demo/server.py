"""The demo system as processes: one uvicorn, from the listening socket to the truth file, or several below a parent."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import math
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from loadctl.demo.app import CONNECTION, READ_AT, Connection, DemoApp
from loadctl.demo.fault import Fault, parse_fault
from loadctl.demo.treatment import ServiceTime, Treatments, hold_memory, parse_service
from loadctl.demo.truth import Truth
from loadctl.errors import UsageError

if TYPE_CHECKING:
    import socket
    from multiprocessing.context import ForkProcess


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


_WORKERS = 3
_STDIN = 0
_POLL_S = 0.1
_STOP_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """`port` 0: any free one · `faults`, `service`: as typed · `truth`: the file written on exit ·
    `exit_with_parent`: leave when standard input ends · `seed`: of all random choices.
    """

    port: int = 8080
    faults: Sequence[str] = ()
    service: str | None = None
    truth: Path | None = None
    exit_with_parent: bool = False
    seed: int = 1


def serve(options: DemoOptions) -> int:
    """Serve the demo system on loopback until told to stop; the exit code (0: stopped, 1: a crash fault).

    Raises UsageError, before anything listens, for options that cannot be read and for a busy port.
    """
    settings = ServerSettings(
        faults=tuple(parse_fault(text) for text in options.faults),
        service=None if options.service is None else parse_service(options.service),
        seed=options.seed,
        truth=Truth(timed=options.truth is not None),
        account=partial(write_truth, file=options.truth),
        parent_ended=_end_of_input if options.exit_with_parent else None,
        listening=announce,
    )
    if options.truth is not None and not options.truth.absolute().parent.is_dir():
        raise UsageError(f"--truth {options.truth}: its folder does not exist", hint="create it first")
    exits = [fault for fault in settings.faults if fault.kind in {"restart", "worker-crash"}]
    workers = _WORKERS if any(fault.kind == "worker-crash" for fault in exits) else 1
    if exits and not hasattr(os, "fork"):
        raise UsageError(
            "restart and worker-crash need a system that can fork", hint="leave them out on Windows"
        )
    if workers > 1 and len(exits) > 1:
        raise UsageError("there can be only one worker-crash, and no restart beside it", hint="leave one out")
    with _bound(options.port, shared=bool(exits)) as bound:
        return _Supervisor(bound, exits, workers).run(settings) if exits else serve_once(settings, bound)


def _bound(port: int, *, shared: bool) -> socket.socket:
    try:
        return listener(port, shared=shared)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"the demo system cannot listen on 127.0.0.1:{port}: {error}",
            hint="choose another port, or --port 0 for any free one",
        ) from error


def _end_of_input() -> None:
    while os.read(_STDIN, 4096):
        pass


class _Supervisor:
    """The parent starts the processes that serve, adds up their truths, and replaces one that ended by its fault.

    It holds the port, but never listens: while no process serves, connections are refused, yet nobody else (nor a
    client's own connection) can take it.
    """

    def __init__(self, bound: socket.socket, exits: Sequence[Fault], workers: int) -> None:
        """`exits`: the faults by which a process ends; each process has the next of them at most."""
        self.should_exit = False
        self._port: int = bound.getsockname()[1]
        self._exits = sorted(exits, key=lambda fault: fault.start_s)
        self._count = self._silent = workers
        self._started = 0
        self._serving: dict[Pipe, tuple[ForkProcess, Fault | None]] = {}
        self._began_at_s: float | None = None
        self._due_s = math.inf
        """When the next process starts in place of one that ended."""

    def run(self, settings: ServerSettings) -> int:
        """Until told to stop, or until no process is left; the exit code."""
        faults = tuple(fault for fault in settings.faults if fault not in self._exits)
        settings = replace(settings, faults=faults)
        with stopping_on_signals(self):
            for _ in range(self._count):
                self._start(settings)
            while (self._serving or self._due_s < math.inf) and not self.should_exit:
                self._look(settings, watch_input=settings.parent_ended is not None)
                if time.monotonic() >= self._due_s:
                    self._due_s = math.inf
                    self._start(settings)
            stopped = self.should_exit
            self._stop(settings)
            settings.account(settings.truth)
        return STOPPED if stopped else CRASHED

    def _start(self, settings: ServerSettings) -> None:
        exits = self._started == 0 or self._started >= self._count  # of several at once, the first
        fault = self._exits.pop(0) if exits and self._exits else None
        faults = (*settings.faults, Fault(kind="crash", start_s=fault.start_s)) if fault else settings.faults
        own = replace(
            settings,
            seed=settings.seed + self._started,
            faults=faults,
            truth=Truth(timed=settings.truth.timed),
            began_at_s=self._began_at_s,
        )
        self._started += 1
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(own, self._port, theirs))
        process.start()
        theirs.close()
        self._serving[ours] = process, fault

    def _look(self, settings: ServerSettings, *, watch_input: bool) -> None:
        """Read what the processes send: the port when one listens, its truth at its end, and then the end itself."""
        watched: list[Pipe | int] = [*self._serving, *([_STDIN] if watch_input else [])]
        for ready in wait(watched, max(0.0, min(_POLL_S, self._due_s - time.monotonic()))):
            if ready == _STDIN:
                self.should_exit = self.should_exit or not os.read(_STDIN, 4096)
            elif isinstance(ready, Pipe):
                try:
                    self._receive(settings, ready.recv())
                except EOFError:
                    ready.close()
                    self._ended(*self._serving.pop(ready))

    def _receive(self, settings: ServerSettings, message: int | Truth) -> None:
        if isinstance(message, Truth):
            settings.truth.merge(message, at_once=self._count > 1)
            return
        self._began_at_s = self._began_at_s or time.monotonic()
        self._silent -= 1
        if self._silent == 0 and settings.listening is not None:
            settings.listening(message)

    def _ended(self, process: ForkProcess, fault: Fault | None) -> None:
        process.join()
        now_s = time.monotonic()
        due = self._began_at_s is not None and fault and now_s - self._began_at_s >= fault.start_s - _POLL_S
        if due and fault and fault.back_s is not None:
            self._due_s = now_s + fault.back_s

    def _stop(self, settings: ServerSettings) -> None:
        for process, _ in self._serving.values():
            process.terminate()
        deadline_s = time.monotonic() + _STOP_S
        while self._serving and time.monotonic() < deadline_s:
            self._look(settings, watch_input=False)
        for process, _ in self._serving.values():
            process.kill()


def _serve(settings: ServerSettings, port: int, to_parent: Pipe) -> NoReturn:
    """One process below the parent. It ends abruptly: its connections end as when a server is killed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # until it serves there is no truth to save
    parent = multiprocessing.parent_process()
    with listener(port, shared=True) as bound:
        own = replace(
            settings,
            account=to_parent.send,
            listening=to_parent.send,
            parent_ended=None if parent is None else parent.join,
        )
        os._exit(serve_once(own, bound))
