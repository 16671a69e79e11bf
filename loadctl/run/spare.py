"""A process that comes up while loadctl still reads what it shall do: two cores start a run faster than one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from loadctl.engines.base import Command
from loadctl.errors import RunError
from loadctl.run.process import Early, environment, start


class Spare:
    """Running, and good for one command: that which starts the same in the same surroundings."""

    def __init__(self, command: Command) -> None:
        """Raises: RunError, OSError."""
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by who ends it
        self._surroundings = _surroundings(command)
        try:
            self._popen: subprocess.Popen[bytes] | None = start(command, self._words, self._words)
        except RunError:
            self._words.close()
            raise
        with contextlib.suppress(BrokenPipeError):  # it has died already: take() sees that
            os.write(_stdin(self._popen).fileno(), command.stdin.encode())

    def take(self, command: Command) -> Early | None:
        """The process, if it can be `command` and has not been taken; what is of no use ends."""
        popen = self._popen
        if popen is None or popen.poll() is not None or _surroundings(command) != self._surroundings:
            self.end()
            return None
        self._popen = None
        return Early(popen, self._words)

    def end(self) -> None:
        """End it and all that it has started, if nobody took it."""
        popen, self._popen = self._popen, None
        if popen is None:
            return
        if popen.poll() is None:  # afterwards the number may be a stranger's
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()
        _stdin(popen).close()
        self._words.close()


@contextmanager
def spare(command: Command | None) -> Iterator[Spare | None]:
    """It ends with the block, unless it was taken. None where it cannot be had: a head start, no more."""
    made = None
    if command is not None:
        with contextlib.suppress(OSError, RunError):
            made = Spare(command)
    try:
        yield made
    finally:
        if made is not None:
            made.end()


def _surroundings(command: Command) -> tuple[object, ...]:
    return tuple(command.argv), command.cwd, environment(os.environ, command.env)


def _stdin(popen: subprocess.Popen[bytes]) -> IO[bytes]:
    assert popen.stdin is not None  # noqa: S101  start() asks for a pipe
    return popen.stdin
