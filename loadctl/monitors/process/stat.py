"""One process at one time: identity and counters from one read, so that they cannot be of two processes.

A pid alone does not identify a process: psutil's getters answer for a reused pid with the new process's numbers. On
Linux one read of /proc/PID/stat gives the counters and the start time; elsewhere psutil gives the same record.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import psutil

LINUX = Path("/proc/self/stat").exists()

_FIELDS = 22
"""Behind the name, up to the resident pages."""

Key: TypeAlias = tuple[int, float]
"""(pid, started): one process for ever."""


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """`started` is on the clock of `now()`. CPU in seconds since then; children's: of those it has reaped."""

    pid: int
    started: float
    name: str
    parent: int
    own_cpu_s: float
    children_cpu_s: float
    threads: int
    rss_bytes: int
    zombie: bool = False

    @property
    def key(self) -> Key:
        return self.pid, self.started

    @property
    def cpu_s(self) -> float:
        return self.own_cpu_s + self.children_cpu_s

    def __str__(self) -> str:
        return f"{self.name} pid {self.pid}"


def now() -> float:
    """Seconds on the clock of `ProcessStat.started`: since boot on Linux, since the epoch elsewhere."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if LINUX else time.time()


def read_stat(pid: int) -> ProcessStat | None:
    """The process that has `pid` now; None: there is none."""
    if not LINUX:
        return stat_by_psutil(pid)
    try:
        return parse_stat(slurp(f"/proc/{pid}/stat"))
    except (FileNotFoundError, ProcessLookupError):
        return None


def slurp(path: str) -> bytes:
    """A whole file of /proc; half the cost of open(), and there are many of them a second."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.read(fd, 4096)
        while len(content) % 4096 == 0 and (more := os.read(fd, 1 << 16)):
            content += more
        return content
    finally:
        os.close(fd)


def parse_stat(content: bytes) -> ProcessStat:
    """/proc/PID/stat; the name is in parentheses and may itself contain parentheses and spaces.

    Raises: ValueError if it cannot be parsed.
    """
    begin, end = content.index(b"("), content.rindex(b")")
    fields = content[end + 2 :].split()
    if len(fields) < _FIELDS:
        raise ValueError("/proc/PID/stat is cut short")
    tick, page = _units()
    threads = int(fields[17])
    return ProcessStat(
        pid=int(content[:begin]),
        started=int(fields[19]) / tick,
        name=content[begin + 1 : end].decode(errors="replace"),
        parent=int(fields[1]),
        own_cpu_s=(int(fields[11]) + int(fields[12])) / tick,
        children_cpu_s=(int(fields[13]) + int(fields[14])) / tick,
        threads=threads,
        rss_bytes=int(fields[21]) * page,
        # A process whose first thread ended while others go on shows Z too, but is not dead.
        zombie=fields[0] in {b"Z", b"X"} and threads <= 1,
    )


@cache
def _units() -> tuple[int, int]:
    return os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def stat_by_psutil(pid: int) -> ProcessStat | None:
    """The same record on any platform; children's CPU is 0 where the system does not keep it."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            cpu = process.cpu_times()
            zombie = process.status() == psutil.STATUS_ZOMBIE
            return ProcessStat(
                pid=pid,
                started=process.create_time(),
                name=process.name(),
                parent=process.ppid(),
                own_cpu_s=cpu.user + cpu.system,
                children_cpu_s=cpu.children_user + cpu.children_system,
                threads=process.num_threads(),
                rss_bytes=0 if zombie else process.memory_info().rss,
                zombie=zombie,
            )
    except psutil.NoSuchProcess:
        return None


def children(pid: int) -> list[int]:
    """Pids of the direct children. Linux lists them by thread, which is far cheaper than a scan of /proc."""
    if not _children_files():
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  plain names, many a second
            with contextlib.suppress(OSError):
                found += map(int, slurp(f"/proc/{pid}/task/{thread}/children").split())
    return found


@cache
def _children_files() -> bool:
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists()


def open_fds(pid: int) -> int:
    """Descriptors (Windows: handles) that the process has open. Raises PermissionError for another user's."""
    try:
        if LINUX:
            # Since 6.2 the size of the directory is their number; before, it is 0 and they must be listed.
            path = f"/proc/{pid}/fd"
            return os.stat(path).st_size or len(os.listdir(path))  # noqa: PTH116, PTH208  many a second
        process = psutil.Process(pid)
        return int(process.as_dict(["num_fds" if psutil.POSIX else "num_handles"]).popitem()[1] or 0)
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return 0
    except psutil.AccessDenied as denied:
        raise PermissionError(str(denied)) from denied
