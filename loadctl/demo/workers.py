"""Several worker processes on one port, as pre-fork servers have them; one of them dies on purpose."""

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
