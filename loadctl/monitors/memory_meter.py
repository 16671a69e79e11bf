"""The memory of a set of processes, by the measure that does not count shared pages many times."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

import psutil

from loadctl.monitors.process_stat import LINUX, ProcessStat

_AT_LEAST_S, _AT_MOST_S = 0.9, 10.0
_SHARE_OF_TIME = 500
"""PSS costs by the page (70 ms for 4 GB) and holds up the process itself: 1/500 of the time, but every 10 s. Its cost
is this thread's CPU time: on a busy machine the clock also counts waiting for a core."""


@dataclass(frozen=True, slots=True)
class Memory:
    """`kind` is PSS, USS or RSS, with the reason where it is a makeshift."""

    bytes: int
    kind: str


class MemoryMeter:
    """RSS of a single process, as `top` shows it; of several ΣPSS (Linux) or ΣUSS, which is up to 10 s old.

    ΣRSS counts shared pages once a process (of a pre-fork server four times the truth), so it is the last
    resort. A set that once had several members keeps its measure: a series must not flicker.
    """

    def __init__(self) -> None:
        self._several = False
        self._due = 0.0
        self._last: Memory | None = None

    def update(self, alive: Collection[ProcessStat]) -> Memory:
        self._several = self._several or len(alive) > 1
        if not self._several:
            return Memory(sum(stat.rss_bytes for stat in alive), "RSS")
        now = time.monotonic()
        if self._last is None or now >= self._due:
            began = time.thread_time()
            self._last = _shared_fairly(alive)
            took = time.thread_time() - began
            self._due = now + min(_AT_MOST_S, max(_AT_LEAST_S, took * _SHARE_OF_TIME))
        return self._last


def _shared_fairly(alive: Collection[ProcessStat]) -> Memory:
    total = 0
    try:
        for stat in alive:
            total += _own_part(stat.pid)
    except psutil.AccessDenied:
        rss = sum(stat.rss_bytes for stat in alive)
        return Memory(rss, "RSS (too high: shared pages count once a process; no permission for better)")
    return Memory(total, "PSS" if LINUX else "USS")


def _own_part(pid: int) -> int:
    try:
        memory = psutil.Process(pid).memory_full_info()
    except psutil.NoSuchProcess:
        return 0
    return int(memory.pss if LINUX else memory.uss)
