"""Which process is meant: by pid or by name. By port: port.py."""

from __future__ import annotations

import os
from pathlib import PurePath

import psutil

from loadctl.monitors.process.port import Found, NotFound, Resolved, resolve
from loadctl.monitors.process.stat import ProcessStat, read_stat


def by_pid(pid: int) -> Resolved:
    stat = read_stat(pid)
    if stat is None or stat.zombie:
        return NotFound(f"no process has pid {pid}", "give the pid of a running process with --pid")
    return Found(pid, stat.name)


def by_name(name: str, host_url: str) -> Resolved:
    """The one process called `name` that is no child of another; of several, the one behind the host."""
    named = _named(name)
    pids = {stat.pid for stat in named}
    roots = [stat for stat in named if stat.parent not in pids]
    if not roots:
        return NotFound(f"no process is called {name}", "see the names with  ps -e -o comm , or give --pid")
    if len(roots) == 1:
        return Found(roots[0].pid, roots[0].name)
    behind = resolve(host_url)
    if isinstance(behind, Found) and behind.pid in pids:
        return Found(behind.pid, behind.name, f"{len(roots)} processes are called {name}")
    meant = ", ".join(str(stat.pid) for stat in roots[:5])
    return NotFound(f"{len(roots)} processes are called {name}: pid {meant}", "choose one with --pid")


def _named(name: str) -> list[ProcessStat]:
    """By the program's name, or that of the script or module which an interpreter runs; never loadctl."""
    wanted = name.removesuffix(".exe").lower()
    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        names = _names(process.info["name"] or "", process.info["cmdline"] or [])
        if wanted in names and process.pid not in _own_line():
            stat = read_stat(process.pid)
            if stat is not None and not stat.zombie:
                found.append(stat)
    return found


def _names(name: str, argv: list[str]) -> set[str]:
    """ "python /usr/bin/gunicorn app:api" goes by python and gunicorn, "python -m uvicorn app" by uvicorn."""
    program = argv[2:3] if argv[1:2] == ["-m"] else argv[1:2]
    interpreter = name.lower().startswith(("python", "node", "ruby", "java", "perl", "php"))
    texts = [name, *argv[:1], *(program if interpreter else [])]
    return {PurePath(text).name.removesuffix(".exe").lower() for text in texts if text}


def _own_line() -> set[int]:
    """loadctl and the processes above it."""
    return {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
