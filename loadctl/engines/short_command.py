"""Short commands that are asked for one line, such as `node --version`: what they print, and nothing of them left.

`node` may be a script of a version manager that starts others, and a Python's start files may do anything. So each has
a process group of its own, which is killed when it takes too long, or when loadctl is killed meanwhile.
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
"""Its standard input ends with loadctl."""


def output_of(argv: Sequence[str], timeout_s: float) -> str | None:
    """What it prints; None where it is missing, fails, or takes longer."""
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
    """Most answer soon; only one that does not is watched. Raises: TimeoutExpired."""
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
