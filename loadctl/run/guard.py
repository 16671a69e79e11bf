"""Two processes of their own that outlive loadctl, to end what must not.

`python -I -S guard.py command PROGRAM WORD…` runs one command and ends as it ends; when loadctl is gone, even after a
kill -9, it ends the command and what that started. It leads a process group of its own, and the command reads nothing.

`python -I -S guard.py orphans PID…` ends engine processes, the leaders of process groups, that loadctl leaves behind: a
process that is stopped does not see that loadctl is gone. Processes that run then write what they have and leave by
themselves, so nothing is done before they have had time for that.

Standard input is a pipe that only loadctl holds open. A byte from it says that all have ended, and its end without one
that loadctl was killed.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import threading
import time

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_NOT_STARTED = 127
_GRACE_S = 2.5
"""Engines give themselves 1.2 s."""
_LOOK_S = 0.1


def main(kind: str, *words: str) -> int:
    for number in _ASKING:  # they reach the whole group, and the command decides how it ends
        signal.signal(number, signal.SIG_IGN)
    if kind == "command":
        return _run(words)
    _end_orphans([int(word) for word in words])
    return 0


def _run(argv: tuple[str, ...]) -> int:
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


def _end_orphans(pids: list[int]) -> None:
    began = {pid: _began(pid) for pid in pids}
    if os.read(0, 1):
        return
    deadline = time.monotonic() + _GRACE_S
    while left := [pid for pid, start in began.items() if _is_there(pid, start)]:
        if time.monotonic() > deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            return
        time.sleep(_LOOK_S)


def _is_there(pid: int, start: str) -> bool:
    """Whether it still leads its group; a number that belongs to another process by now is a stranger's."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        return os.getpgid(pid) == pid and _began(pid) == start
    return False


def _began(pid: int) -> str:
    """When the process began, as the kernel counts; empty where that cannot be read."""
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/stat", encoding="latin1") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[19]
    return ""


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))
