"""What one process tree uses: the meters of a root, fed by one look at its members a second."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from loadctl.monitors.busiest import BusiestMeter
from loadctl.monitors.cores import Cores, cores_of
from loadctl.monitors.cpu_meter import CpuMeter
from loadctl.monitors.memory_meter import MemoryMeter
from loadctl.monitors.process_stat import LINUX, Key, ProcessStat, now, open_fds
from loadctl.monitors.tree import ProcessTree

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

    def measure(self, stats: Mapping[Key, ProcessStat]) -> tuple[dict[str, float], dict[str, str]]:
        """Values and notes; what cannot be read has a note in place of its value."""
        alive = [stat for stat in stats.values() if not stat.zombie]
        values: dict[str, float] = {
            "processes": len(alive),
            "threads": sum(stat.threads for stat in alive),
            "memory_rss_bytes": sum(stat.rss_bytes for stat in alive),
        }
        notes: dict[str, str] = {}
        self._measure_cpu(stats, alive, values, notes)
        memory = self._memory.update(alive)
        values["memory_bytes"] = memory.bytes
        notes["memory_kind"] = memory.kind
        try:
            values["open_fds"] = sum(open_fds(stat.pid) for stat in alive)
        except PermissionError:
            notes["open_fds"] = "no permission"
        return values, notes

    def _measure_cpu(
        self,
        stats: Mapping[Key, ProcessStat],
        alive: Collection[ProcessStat],
        values: dict[str, float],
        notes: dict[str, str],
    ) -> None:
        looked_at = time.monotonic()
        elapsed_s = looked_at - self._looked_at if self._looked_at is not None else 0.0
        if self._looked_at is not None and elapsed_s < _BRIEF_S:
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
        busiest = self._busiest.update(
            (stats[key], 100 * cpu_s / elapsed_s) for key, cpu_s in use.by_process.items()
        )
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
