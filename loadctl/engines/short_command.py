"""Runs short commands such as `node --version` for their output, and leaves no process behind.

`node` may be a version manager's script that starts other processes, and a Python's startup files may do anything. So
each command has its own process group, which is killed when it takes too long or when loadctl is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

_SOON_S = 0.3
_WATCH = "import os,sys\nos.read(0,1) or os.killpg(int(sys.argv[1]),9)"
"""The watcher's standard input ends when loadctl does."""


def output_of(argv: Sequence[str], timeout_s: float) -> str | None:
    """Its output; None if the command is missing, fails or takes longer than `timeout_s`."""
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    with process:
        try:
            printed = _printed(process, timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Ctrl-C does not reach it either: it has a session of its own.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        return None
    with contextlib.suppress(UnicodeDecodeError):
        return printed.decode().strip()
    return None


def _printed(process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """Most commands end soon; only a slow one gets a watcher. Raises: TimeoutExpired."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=_SOON_S)[0]
    with _watched(process.pid):
        return process.communicate(timeout=timeout_s)[0]


@contextlib.contextmanager
def _watched(group: int) -> Iterator[None]:
    """A process that kills the group when loadctl is killed."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WATCH, str(group)], stdin=subprocess.PIPE, start_new_session=True
    ) as watcher:
        try:
            yield
        finally:
            watcher.kill()
