"""Ends the engine processes that outlive loadctl: a process that is stopped does not see that loadctl is gone.

`python -I -S orphans.py PID…`, the leaders of process groups. Standard input is a pipe that only loadctl holds open. A
byte from it says that all have ended; its end without one, that loadctl was killed. Processes that run then write what
they have and leave by themselves, so nothing is done before they have had time for that.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

_GRACE_S = 2.5
"""Engines give themselves 1.2 s."""
_LOOK_S = 0.1


def main(pids: list[int]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
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
    """When the process began, as the kernel counts; empty where that is not to be read."""
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/stat", encoding="latin1") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[19]
    return ""


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
