"""Runs one command and ends as it ends; when loadctl is gone, even after a kill -9, ends it and what it started.

`python -I -S leash.py PROGRAM WORD…`, in a process group of its own. Standard input is a pipe that only loadctl holds
open; the command itself reads nothing.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import threading

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_NOT_STARTED = 127


def main(argv: list[str]) -> int:
    for number in _ASKING:  # they reach the whole group; the command shall say how it ends
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_loadctl, daemon=True).start()
    try:
        pid = os.posix_spawnp(
            argv[0],
            argv,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setsigdef=[*_ASKING, *_IGNORED_BY_PYTHON],
        )
    except OSError as error:
        os.write(2, f"{argv[0]} could not be started: {error.strerror}\n".encode())
        return _NOT_STARTED
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        _die_of(-code)
    return code


def _end_with_loadctl() -> None:
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGKILL)


def _die_of(number: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # the default of SIGKILL cannot be set
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
