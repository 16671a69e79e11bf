"""The machine as a source: what everything on it, system, generator and strangers, leaves for each other."""

from __future__ import annotations

import contextlib
import os
import re

import psutil

from loadctl.monitors.process_stat import slurp
from loadctl.monitors.rate import Rate
from loadctl.monitors.source import Observation
from loadctl.results.recording import Reading


class HostSource:
    """Values: cpu_pct (of all cores), load_1m, memory_available_bytes, swap_used_bytes, and on Linux
    cpu_pressure_pct, the share of time in which some task waited for a core.
    """

    name = "host this machine"
    subject = "host"
    period_s = 1.0

    def __init__(self) -> None:
        self._busy = Rate()
        self._all = Rate()
        self._pressure = Rate()

    def sample(self, t: float) -> list[Observation]:
        values: dict[str, float] = {
            "memory_available_bytes": psutil.virtual_memory().available,
            "swap_used_bytes": psutil.swap_memory().used,
        }
        cpu_pct = self._cpu_pct()
        if cpu_pct is not None:
            values["cpu_pct"] = cpu_pct
        with contextlib.suppress(OSError, AttributeError):  # Windows has no load average of its own
            values["load_1m"] = os.getloadavg()[0]
        with contextlib.suppress(OSError):
            rate = self._pressure.update(parse_pressure(slurp("/proc/pressure/cpu").decode()))
            if rate is not None:
                values["cpu_pressure_pct"] = round(min(100.0, rate / 1e6 * 100), 2)
        return [Reading(t, self.subject, "host", "this machine", values)]

    def close(self, t: float) -> list[Observation]:  # noqa: ARG002
        return []

    def _cpu_pct(self) -> float | None:
        """Of cpu_times, not cpu_percent: that keeps one state for the whole program."""
        times = psutil.cpu_times()
        # guest time is part of user time already
        spent = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        busy, everything = self._busy.update(spent - idle), self._all.update(spent)
        return None if busy is None or not everything else round(min(100.0, 100 * busy / everything), 2)


def parse_pressure(text: str) -> int:
    """/proc/pressure/cpu → microseconds since boot in which at least one task waited for a core."""
    match = re.search(r"^some .*\btotal=(\d+)", text, re.MULTILINE)
    if match is None:
        raise OSError("no line 'some' in /proc/pressure/cpu")
    return int(match[1])
