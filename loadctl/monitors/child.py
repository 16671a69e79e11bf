"""Helper programs of a monitor, such as the command line of a container engine.

Engines are started by run/process.py and controlled over standard input; these are foreign programs that obey
signals only. Each leads a session of its own, so that a Ctrl-C in the terminal does not end it before its output
is read, and on Linux the kernel ends it with the thread that started it, even after a kill -9 of loadctl: start it
in a thread that lives as long as the program is needed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# prctl(PR_SET_PDEATHSIG, SIGKILL) stays set over exec; a parent that is gone before the call is seen by its pid.
_TIED = (
    "import ctypes,os,sys\n"
    "ctypes.CDLL(None).prctl(1,9)\n"
    "os.getppid()==int(sys.argv[1]) or os._exit(1)\n"
    "os.execvp(sys.argv[2],sys.argv[2:])"
)
_TERM_S = 2.0


class HelperMissing(Exception):
    """The program could not be started; the message is a sentence."""


class HelperProgram:
    """A running program; its output goes to `output` (stdout and stderr), which may be the null device.

    With a `connection`, that is its standard input and output.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        output: Path | None = None,
        env: Mapping[str, str] | None = None,
        connection: socket.socket | None = None,
    ) -> None:
        """Raises: HelperMissing."""
        program = shutil.which(argv[0])
        if program is None:  # behind the tie, the kernel would notice too late
            raise HelperMissing(f"{argv[0]} could not be started: there is no such program on PATH")
        # On Linux the tie is replaced by the program, so no process is added.
        tie = [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid())] if sys.platform == "linux" else []
        with open(output or os.devnull, "ab") as sink:  # noqa: PTH123  the null device is no Path on all systems
            try:
                self._popen = subprocess.Popen(
                    [*tie, program, *argv[1:]],
                    stdin=connection.fileno() if connection else subprocess.DEVNULL,
                    stdout=connection.fileno() if connection else sink,
                    stderr=sink,
                    env=None if env is None else dict(env),
                    start_new_session=True,
                )
            except OSError as error:
                raise HelperMissing(f"{argv[0]} could not be started: {error.strerror}") from error

    @property
    def pid(self) -> int:
        return self._popen.pid

    def wait(self, timeout_s: float) -> int | None:
        """The exit code; None if it still runs after `timeout_s`."""
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, first: signal.Signals = signal.SIGTERM, wait_s: float = _TERM_S) -> int:
        """Send `first`, wait `wait_s`, then kill the group. Called again, it only returns the exit code."""
        if self._popen.poll() is None:
            self._signal(first)
            self.wait(wait_s)
        self._signal(signal.SIGKILL)
        return self._popen.wait()

    def _signal(self, number: signal.Signals) -> None:
        # Once it was waited for, its group's number may belong to strangers.
        if self._popen.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, number)


def complaint(output: Path) -> str:
    """The last line that a program wrote; empty if it wrote none."""
    try:
        lines = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip()[:300] if lines else ""
