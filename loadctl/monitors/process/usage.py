"""What one process tree uses: the meters of a root, fed by one look at its members a second."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import psutil

from loadctl.monitors.process.cores import Cores, cores_of
from loadctl.monitors.process.stat import LINUX, Key, ProcessStat, children, now, open_fds, read_stat
from loadctl.monitors.source import Sheet

_ORPHANS_EVERY_S = 5.0
_QUICK_S = 0.005
_SHARE_OF_TIME = 200
"""Looking for new members takes 1/200 of the time at most: where it is not quick it is done less than once a second."""


class ProcessTree:
    """The root, its descendants, and descendants whose parent died under them. Never loadctl itself."""

    def __init__(self, root: ProcessStat) -> None:
        self.root = root
        self._members: dict[int, ProcessStat] = {root.pid: root}
        self._walk_due = 0.0
        self._orphans_due = 0.0

    def read(self) -> dict[Key, ProcessStat]:
        """All members that exist now, zombies included; the root's key is missing when it has gone."""
        candidates = set(self._discovered())
        found: dict[int, ProcessStat] = {}
        for pid in candidates | self._members.keys():
            stat = read_stat(pid)
            if stat is None:
                continue
            known = self._members.get(pid)
            # Once a member, always a member: a child whose parent dies drops out of the walk, not the system.
            if pid in candidates or (known is not None and known.key == stat.key):
                found[pid] = stat
        self._members = found
        return {stat.key: stat for stat in found.values()}

    def _discovered(self) -> list[int]:
        began = time.monotonic()
        found: list[int] = []
        if began >= self._walk_due:
            found += self._descendants()
            took = time.monotonic() - began
            self._walk_due = began + took * _SHARE_OF_TIME if took > _QUICK_S else began
        if began >= self._orphans_due:
            asked = time.monotonic()
            found += self._orphans(known={*found, *self._members})
            self._orphans_due = began + max(_ORPHANS_EVERY_S, (time.monotonic() - asked) * _SHARE_OF_TIME)
        return found

    def _descendants(self) -> list[int]:
        """Below every member, so that what an orphan starts is found too."""
        found: list[int] = []
        seen = {os.getpid()}
        waiting = list(self._members)
        while waiting:
            pid = waiting.pop()
            if pid in seen:
                continue
            seen.add(pid)
            below = [child for child in children(pid) if child not in seen]
            found += below
            waiting += below
        return found

    def _orphans(self, known: set[int]) -> list[int]:
        """Processes of the root's own session or process group whose parent has died, on Linux.

        A shell's whole terminal is one session, so that proves nothing unless the root leads it; and a parent
        inside the session means a sibling that the same script started, not an orphan.
        """
        root = self.root.pid
        if not LINUX:
            return []
        with contextlib.suppress(OSError):
            session, group = os.getsid(root), os.getpgid(root)
            return [
                pid
                for pid in _pids_of_session(session)
                if pid not in known
                and pid != os.getpid()
                and (session == root or os.getpgid(pid) == group)
                and self._adopted(pid, session)
            ]
        return []

    def _adopted(self, pid: int, session: int) -> bool:
        stat = read_stat(pid)
        if stat is None or stat.zombie or stat.started < self.root.started:
            return False
        with contextlib.suppress(OSError):
            return stat.parent == 0 or os.getsid(stat.parent) != session
        return False


def _pids_of_session(session: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208  plain names, all processes of the machine
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if os.getsid(int(entry)) == session:
                    found.append(int(entry))
    return found


_THREADS_SHARE = 200
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
        due = began + (time.monotonic() - began) * _THREADS_SHARE
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


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Seconds of CPU since the look before: of all together, and of each process seen at both looks."""

    total_s: float
    by_process: Mapping[Key, float]


class CpuMeter:
    """Loses nothing to short-lived processes: the counters of a parent hold what its dead children used.

    A child that was never seen alive counts when it is reaped: the sum is right, its time is not.
    """

    def __init__(self, began: float) -> None:
        """`began` is `process_stat.now()` at the first look: what started later used all its CPU since."""
        self._began = began
        self._before: Mapping[Key, ProcessStat] | None = None

    def update(self, stats: Mapping[Key, ProcessStat]) -> CpuUse | None:
        """`stats` holds every process of the set, zombies too. None at the first look."""
        before, self._before = self._before, dict(stats)
        if before is None:
            return None
        counted_already = _dead_by_ancestor(before, stats)
        total = 0.0
        by_process: dict[Key, float] = {}
        for key, stat in stats.items():
            earlier = before.get(key)
            if earlier is None:
                # The start time is cut to a clock tick, so allow one tick.
                total += stat.cpu_s if stat.started >= self._began - 0.01 else 0.0
                continue
            by_process[key] = max(0.0, stat.own_cpu_s - earlier.own_cpu_s)
            reaped = stat.children_cpu_s - earlier.children_cpu_s
            total += by_process[key] + max(0.0, reaped - counted_already[key])
        return CpuUse(total, by_process)


def _dead_by_ancestor(
    before: Mapping[Key, ProcessStat], stats: Mapping[Key, ProcessStat]
) -> Mapping[Key, float]:
    """CPU already counted of processes that have gone, by the living ancestor whose counters now hold it."""
    by_pid = {stat.pid: stat for stat in before.values()}
    counted: defaultdict[Key, float] = defaultdict(float)
    for key, dead in before.items():
        if key in stats:
            continue
        parent = by_pid.get(dead.parent)
        while parent is not None and parent.key not in stats:
            parent = by_pid.get(parent.parent) if parent.parent != parent.pid else None
        if parent is not None:
            counted[parent.key] += dead.cpu_s
    return counted


_AT_LEAST_S, _AT_MOST_S = 0.9, 10.0
_PSS_SHARE = 500
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
            self._due = now + min(_AT_MOST_S, max(_AT_LEAST_S, took * _PSS_SHARE))
        return self._last


def _shared_fairly(alive: Collection[ProcessStat]) -> Memory:
    total = 0
    try:
        for stat in alive:
            total += _own_part(stat.pid)
    except psutil.AccessDenied:
        rss = sum(stat.rss_bytes for stat in alive)
        return Memory(rss, "RSS (too high: shared pages count once per process; no permission to read PSS)")
    return Memory(total, "PSS" if LINUX else "USS")


def _own_part(pid: int) -> int:
    try:
        memory = psutil.Process(pid).memory_full_info()
    except psutil.NoSuchProcess:
        return 0
    return int(memory.pss if LINUX else memory.uss)


_CORES_EVERY_S = 10.0
_BRIEF_S = 0.2
"""Counters move in ticks of 10 ms: over less time than this a rate means nothing."""


class TreeUse:
    """Values and notes of a reading, as `ProcessSource` documents them."""

    def __init__(self, root: ProcessStat) -> None:
        self.root = root
        self._tree = ProcessTree(root)
        self._cpu = CpuMeter(now())
        self._busiest = BusiestMeter()
        self._memory = MemoryMeter()
        self._looked_at: float | None = None
        self._cores: Cores | None = None
        self._cores_due = 0.0

    def look(self) -> Mapping[Key, ProcessStat] | None:
        """All members; None: the root is gone. A zombie is gone too, it only waits for its parent."""
        stats = self._tree.read()
        root = stats.get(self.root.key)
        return None if root is None or root.zombie else stats

    def measure(self, stats: Mapping[Key, ProcessStat]) -> Sheet:
        """What cannot be read has a note in place of its value."""
        alive = [stat for stat in stats.values() if not stat.zombie]
        memory = self._memory.update(alive)
        sheet = Sheet(
            {
                "processes": len(alive),
                "threads": sum(stat.threads for stat in alive),
                "memory_bytes": memory.bytes,
                "memory_rss_bytes": sum(stat.rss_bytes for stat in alive),
            },
            {"memory_kind": memory.kind},
        )
        self._measure_cpu(stats, alive, sheet)
        try:
            sheet.values["open_fds"] = sum(open_fds(stat.pid) for stat in alive)
        except PermissionError:
            sheet.notes["open_fds"] = "no permission"
        return sheet

    def _measure_cpu(
        self, stats: Mapping[Key, ProcessStat], alive: Collection[ProcessStat], sheet: Sheet
    ) -> None:
        values, notes = sheet
        looked_at = time.monotonic()
        elapsed_s = math.inf if self._looked_at is None else looked_at - self._looked_at
        if elapsed_s < _BRIEF_S:
            notes["cpu"] = "too soon after the last reading"
            return
        self._looked_at = looked_at
        use = self._cpu.update(stats)
        if use is None:
            notes["cpu"] = "first reading: a rate needs two"
            return
        cores = self._cores_now(alive, looked_at)
        values["cpu_cores"] = round(use.total_s / elapsed_s, 4)
        values["cpu_pct"] = round(100 * use.total_s / elapsed_s / cores.count, 2)
        values["cores_available"] = cores.count
        notes["cpu_of"] = cores.of
        if not LINUX:
            notes["cpu"] = "without children that ended between two readings"
        shares = ((stats[key], 100 * cpu_s / elapsed_s) for key, cpu_s in use.by_process.items())
        busiest = self._busiest.update(shares)
        if busiest is not None:
            values["busiest_pct_of_one_core"] = round(busiest.pct_of_one_core, 2)
            notes["busiest"] = busiest.who

    def _cores_now(self, alive: Collection[ProcessStat], at: float) -> Cores:
        """Quotas and affinities can be changed while a system runs."""
        if self._cores is None or at >= self._cores_due:
            others = [stat.pid for stat in alive if stat.pid != self.root.pid]
            self._cores = cores_of([self.root.pid, *others])
            self._cores_due = at + _CORES_EVERY_S
        return self._cores
