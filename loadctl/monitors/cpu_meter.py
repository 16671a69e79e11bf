"""How much CPU a changing set of processes used between two looks. Pure: it is given what was read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from loadctl.monitors.process_stat import Key, ProcessStat


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Seconds of CPU since the look before: of all together, and of each process seen at both looks."""

    total_s: float
    by_process: Mapping[Key, float]


class CpuMeter:
    """Loses nothing to short-lived processes: the counters of a parent hold what its dead children used.

    A child that nobody saw alive counts when it is reaped: the sum is right, its place in time lumpy.
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
