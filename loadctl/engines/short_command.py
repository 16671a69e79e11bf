"""Short commands that are asked for one line, such as `node --version`: what they print, and nothing of them left.

`node` may be a script of a version manager that starts others, and a Python's start files may do anything. So each has
a process group of its own, which is killed when it takes too long.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence


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
            printed, _ = process.communicate(timeout=timeout_s)
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
