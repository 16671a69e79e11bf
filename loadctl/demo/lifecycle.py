"""The life of a demo system: one process, under a restart fault several in turn, or several workers at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, NoReturn

from loadctl.demo.fault import Crash, Fault, WorkerCrash
from loadctl.demo.server import CRASHED, STOPPED, Life, listener, serve_once, stopping_on_signals
from loadctl.demo.truth import Truth

if TYPE_CHECKING:
    import socket
    from multiprocessing.context import ForkProcess
from functools import partial
from typing import TYPE_CHECKING

from loadctl.demo.fault import Restart, parse_fault
from loadctl.demo.server import announce, write_truth
from loadctl.demo.treatment import parse_service
from loadctl.errors import UsageError

if TYPE_CHECKING:
    import socket
    from multiprocessing.context import ForkProcess
from pathlib import Path

WORKERS = 3
_STDIN = 0
_GLANCE_S = 0.1
_PATIENCE_S = 2.0


@dataclass(slots=True)
class Pool:
    """The parent holds the port, but never listens: it starts the workers, adds up their truths, and replaces one."""

    fault: WorkerCrash
    bound: socket.socket
    should_exit: bool = False
    _silent: int = WORKERS
    _workers: dict[Pipe, ForkProcess] = field(default_factory=dict)

    def run(self, life: Life) -> int:
        """Until told to stop, or until no worker is left; the exit code."""
        began_s = time.monotonic()
        faults = tuple(fault for fault in life.faults if fault is not self.fault)
        life = replace(life, faults=faults, began_at_s=began_s)
        back_s = None if self.fault.back_s is None else began_s + self.fault.start_s + self.fault.back_s
        with stopping_on_signals(self):
            for index in range(WORKERS):
                self._start(life, index, (Crash(start_s=self.fault.start_s),) if index == 0 else ())
            while self._workers and not self.should_exit:
                self._look(life, watch_input=life.parent_ended is not None)
                if back_s is not None and time.monotonic() >= back_s:
                    self._start(life, WORKERS)
                    back_s = None
            stopped = self.should_exit
            self._stop(life)
            life.account(life.truth)
        return STOPPED if stopped else CRASHED

    def _start(self, life: Life, index: int, faults: tuple[Fault, ...] = ()) -> None:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        truth = Truth(timed=life.truth.timed)
        own = replace(life, seed=life.seed + index, faults=(*life.faults, *faults), truth=truth)
        process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(own, self.bound.getsockname()[1], theirs)
        )
        process.start()
        theirs.close()
        self._workers[ours] = process

    def _look(self, life: Life, *, watch_input: bool) -> None:
        """Hear from workers: what one did, at its end, and then that it is gone."""
        watched: list[Pipe | int] = [*self._workers, *([_STDIN] if watch_input else [])]
        for ready in wait(watched, _GLANCE_S):
            if ready == _STDIN:
                self.should_exit = self.should_exit or not os.read(_STDIN, 4096)
            elif isinstance(ready, Pipe):
                try:
                    self._heed(life, ready.recv())
                except EOFError:
                    ready.close()
                    self._workers.pop(ready).join()

    def _heed(self, life: Life, said: int | Truth) -> None:
        """The port, when a worker listens; what it did, at its end."""
        if isinstance(said, Truth):
            life.truth.merge(said)
            return
        self._silent -= 1
        if self._silent == 0 and life.listening is not None:
            life.listening(said)

    def _stop(self, life: Life) -> None:
        for process in self._workers.values():
            process.terminate()
        deadline_s = time.monotonic() + _PATIENCE_S
        while self._workers and time.monotonic() < deadline_s:
            self._look(life, watch_input=False)
        for process in self._workers.values():
            process.kill()


def _serve(life: Life, port: int, to_parent: Pipe) -> NoReturn:
    """One worker."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # until it serves there is no truth to save
    parent = multiprocessing.parent_process()
    with listener(port, shared=True) as bound:
        own = replace(
            life,
            account=to_parent.send,
            listening=to_parent.send,
            parent_ended=None if parent is None else parent.join,
        )
        os._exit(serve_once(own, bound))


_STDIN_LIFECYCLE = 0
_GLANCE_S_LIFECYCLE = 0.1
_PATIENCE_S_LIFECYCLE = 2.0


def live(options: DemoOptions) -> int:
    """Serve until told to stop; the exit code. UsageError before anything listens."""
    life = Life(
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
    succession = any(isinstance(fault, Restart) for fault in life.faults)
    crashes = [fault for fault in life.faults if isinstance(fault, WorkerCrash)]
    if (succession or crashes) and not hasattr(os, "fork"):
        raise UsageError(
            "restart and worker-crash need a system that can fork", hint="leave them out on Windows"
        )
    if len(crashes) > 1 or (succession and crashes):
        raise UsageError("of restart and worker-crash there can be one", hint="leave out the other")
    with _bound(options.port, shared=bool(crashes)) as bound:
        if crashes:
            return Pool(crashes[0], bound).run(life)
        return _Succession(bound).run(life) if succession else serve_once(life, bound)


def _bound(port: int, *, shared: bool) -> socket.socket:
    try:
        return listener(port, shared=shared)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"the demo system cannot listen on 127.0.0.1:{port}: {error}",
            hint="choose another port, or --port 0 for any free one",
        ) from error


def _end_of_input() -> None:
    while os.read(_STDIN_LIFECYCLE, 4096):
        pass


@dataclass(frozen=True, slots=True)
class _Legacy:
    """What a process under a restart fault leaves to the next one."""

    truth: Truth
    began_at_s: float


class _Succession:
    """Starts one process after the other. Holds the port, bound but never listening: while no process
    serves, connections are refused, yet nobody else (nor a client's own connection) can take it.
    """

    def __init__(self, bound: socket.socket) -> None:
        self._port: int = bound.getsockname()[1]
        self.should_exit = False

    def run(self, life: Life) -> int:
        with stopping_on_signals(self):
            while True:
                ended = self._generation(life)
                if isinstance(ended, int):
                    return ended
                due = min((f for f in life.faults if isinstance(f, Restart)), key=lambda fault: fault.start_s)
                faults = tuple(fault for fault in life.faults if fault is not due)
                life = replace(
                    life, faults=faults, truth=ended.truth, began_at_s=ended.began_at_s, listening=None
                )
                self._stay_down(due.down_s, watch_input=life.parent_ended is not None)
                if self.should_exit:
                    life.account(life.truth)
                    return STOPPED

    def _generation(self, life: Life) -> _Legacy | int:
        """Let one process serve to its end: its legacy if a restart is due, else its exit code."""
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(
            target=_serve_lifecycle, args=(life, self._port, theirs)
        )
        process.start()
        theirs.close()
        with ours:
            self._watch(process, ours, watch_input=life.parent_ended is not None)
            try:
                legacy: _Legacy | None = ours.recv()
            except EOFError:
                legacy = None
        process.join()
        if legacy is not None:
            return legacy
        return CRASHED if process.exitcode is None or process.exitcode < 0 else process.exitcode

    def _watch(self, process: ForkProcess, from_process: Pipe, *, watch_input: bool) -> None:
        """Until the process says something or ends; make it end when told to."""
        watched: list[Pipe | int] = [from_process, *([_STDIN_LIFECYCLE] if watch_input else [])]
        while from_process not in (ready := wait(watched, _GLANCE_S_LIFECYCLE)):
            if _STDIN_LIFECYCLE in ready and _input_ended():
                self.should_exit = True
            if self.should_exit:
                process.terminate()
                if not from_process.poll(_PATIENCE_S_LIFECYCLE):
                    process.kill()
                return

    def _stay_down(self, down_s: float, *, watch_input: bool) -> None:
        end_s = time.monotonic() + down_s
        while not self.should_exit and (left_s := end_s - time.monotonic()) > 0:
            if (
                wait([_STDIN_LIFECYCLE] if watch_input else [], min(left_s, _GLANCE_S_LIFECYCLE))
                and _input_ended()
            ):
                self.should_exit = True


def _serve_lifecycle(life: Life, port: int, to_supervisor: Pipe) -> NoReturn:
    """One process of a succession."""
    supervisor = multiprocessing.parent_process()

    def hand_over(began_at_s: float) -> NoReturn:
        life.truth.process_lost()
        to_supervisor.send(_Legacy(life.truth, began_at_s))
        os._exit(STOPPED)  # abruptly: open connections end as when a server is killed

    with listener(port) as bound:
        ended = None if supervisor is None else supervisor.join
        os._exit(serve_once(replace(life, parent_ended=ended, restart=hand_over), bound))


def _input_ended() -> bool:
    return not os.read(_STDIN_LIFECYCLE, 4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """`port` 0: any free one · `faults`, `service`: as typed, read by fault.py and service.py · `truth`: the
    file written on exit · `exit_with_parent`: leave when standard input ends · `seed`: of all random choices.
    """

    port: int = 8080
    faults: tuple[str, ...] = ()
    service: str | None = None
    truth: Path | None = None
    exit_with_parent: bool = False
    seed: int = 1
