"""Which process or thread is closest to filling one core: what a mean over many cores hides."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

from loadctl.monitors.process_stat import ProcessStat

_SHARE_OF_TIME = 200
"""Reading the threads may take 1/200 of the time: hundreds of them are read less often."""


@dataclass(frozen=True, slots=True)
class Busiest:
    """`pct_of_one_core` of one process, or of one thread where the process keeps more than one core busy."""

    pct_of_one_core: float
    who: str


@dataclass(frozen=True, slots=True)
class _Threads:
    """CPU seconds of each thread of a process, when they were read, and when they may be read again."""

    cpu_s: Mapping[int, float]
    read_at: float
    due: float


class BusiestMeter:
    """A process at 90 % of a core may well be one thread; at 190 % it says nothing until its threads do."""

    def __init__(self) -> None:
        self._threads: dict[int, _Threads] = {}
        self._last: dict[int, Busiest] = {}

    def update(self, shares: Iterable[tuple[ProcessStat, float]]) -> Busiest | None:
        """`shares`: each process with its CPU in % of one core. None: nothing can be said yet."""
        found = [self._of(stat, pct) for stat, pct in shares]
        return max((b for b in found if b is not None), key=lambda b: b.pct_of_one_core, default=None)

    def _of(self, stat: ProcessStat, pct: float) -> Busiest | None:
        # Counters move in ticks of 10 ms, so one busy thread may read a little over 100 %.
        if pct <= 105.0 or stat.threads <= 1:
            self._threads.pop(stat.pid, None)
            self._last.pop(stat.pid, None)
            return Busiest(min(pct, 100.0), str(stat))
        before = self._threads.get(stat.pid)
        began = time.monotonic()
        if before is not None and began < before.due:
            return self._last.get(stat.pid)
        try:
            threads = psutil.Process(stat.pid).threads()
        except psutil.Error:
            return None
        due = began + (time.monotonic() - began) * _SHARE_OF_TIME
        now = _Threads({t.id: t.user_time + t.system_time for t in threads}, began, due)
        self._threads[stat.pid] = now
        if before is None:
            return None
        used = {tid: cpu - before.cpu_s[tid] for tid, cpu in now.cpu_s.items() if tid in before.cpu_s}
        if not used:
            return None
        tid = max(used, key=used.__getitem__)
        pct = min(100.0, 100 * used[tid] / (now.read_at - before.read_at))
        self._last[stat.pid] = Busiest(pct, f"thread {tid} of {stat}")
        return self._last[stat.pid]
