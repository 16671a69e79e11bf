"""The load generator as a source: its engine processes, the ports of its machine, and loadctl itself.

A generator at its limit measures itself, so these readings decide whether a verdict may stand.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import psutil

from loadctl.monitors.generator.host import Rate
from loadctl.monitors.process.port import parse_connections
from loadctl.monitors.process.stat import LINUX, Key, ProcessStat, open_fds, read_stat, slurp
from loadctl.monitors.source import Observation, Sheet
from loadctl.results.recording import Reading


class GeneratorSource:
    """Entities and their values:

    "shard 0 pid 123": cpu_pct_of_one_core, memory_bytes (RSS), threads, open_fds, open_fds_limit
    "machine": ephemeral_ports_used, ephemeral_ports, cpu_steal_pct, cpu_idle_pct
    "loadctl pid 100": cpu_pct_of_one_core, memory_bytes
    """

    name = "generator machine"
    subject = "generator"
    period_s = 1.0

    def __init__(self) -> None:
        self._shards: dict[int, _Member] = {}
        self._self = _Member(f"loadctl pid {os.getpid()}", os.getpid())
        self._machine = _Machine()

    def watch(self, pids: Mapping[int, int]) -> None:
        """Shard index → pid of its engine process, as the shards reported it; may be called again, from any thread."""
        self._shards = {
            index: _Member(f"shard {index} pid {pid}", pid) for index, pid in sorted(pids.items())
        }

    def sample(self, t: float) -> list[Observation]:
        observations: list[Observation] = []
        for shard in self._shards.values():
            observations += shard.sample(t, with_fds=True)
        machine = Reading(t, "generator", "generator", "machine", *self._machine.measure())
        return [*observations, machine, *self._self.sample(t)]

    def close(self, t: float) -> list[Observation]:  # noqa: ARG002
        return []


class _Member:
    """One process of the generator. It ends when the plan does: one gap says so, then nothing more."""

    def __init__(self, entity: str, pid: int) -> None:
        self._entity = entity
        self._pid = pid
        self._key: Key | None = None
        self._cpu = Rate()
        self._wait = Rate()
        self._ended = False

    def sample(self, t: float, *, with_fds: bool = False) -> list[Observation]:
        if self._ended:
            return []
        stat = read_stat(self._pid)
        if stat is not None and self._key is None:
            self._key = stat.key
        if stat is None or stat.zombie or stat.key != self._key:
            self._ended = True
            return [Reading(t, "generator", "generator", self._entity, gap="the process has ended")]
        values: dict[str, float] = {"memory_bytes": stat.rss_bytes, "threads": stat.threads}
        waited_s = run_queue_wait_s(self._pid)
        for name, rate in (
            ("cpu_pct_of_one_core", self._cpu.update(stat.own_cpu_s)),
            ("cpu_wait_pct_of_one_core", None if waited_s is None else self._wait.update(waited_s)),
        ):
            if rate is not None:
                values[name] = round(100 * rate, 2)
        if with_fds:
            values |= _descriptors(stat)
        return [Reading(t, "generator", "generator", self._entity, values, {"memory_kind": "RSS"})]


def run_queue_wait_s(pid: int) -> float | None:
    """Seconds that the threads of a process were ready to run but had no core; None where the kernel does not count it.

    A generator that neighbours keep from its core is as late as one that fills it, at any CPU share of its own.
    Linux: second field of /proc/PID/task/TID/schedstat, in ns (Documentation/scheduler/sched-stats.rst).
    """
    total = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
                total += int((task / "schedstat").read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return total / 1e9 if total else None


def _descriptors(stat: ProcessStat) -> dict[str, float]:
    """Open ones and the limit; engines are child processes, so they are readable."""
    values: dict[str, float] = {}
    with contextlib.suppress(OSError, psutil.Error):
        values["open_fds"] = open_fds(stat.pid)
        if LINUX:
            limit, _ = psutil.Process(stat.pid).rlimit(psutil.RLIMIT_NOFILE)
            if limit != psutil.RLIM_INFINITY:
                values["open_fds_limit"] = limit
    return values


class _Machine:
    """Ephemeral ports and idle time of the machine that the engines run on."""

    def __init__(self) -> None:
        self._steal = Rate()
        self._idle = Rate()
        self._all = Rate()
        self._ports = _PortsInUse()

    def measure(self) -> Sheet:
        values, notes = sheet = Sheet({}, {})
        times = psutil.cpu_times()
        everything = self._all.update(sum(times))
        for name, rate in (
            ("cpu_steal_pct", self._steal.update(getattr(times, "steal", 0.0))),
            ("cpu_idle_pct", self._idle.update(times.idle)),
        ):
            if rate is not None and everything:
                values[name] = round(min(100.0, 100 * rate / everything), 2)
        if LINUX:
            with contextlib.suppress(OSError):
                used, total, how = self._ports.read()
                values |= {"ephemeral_ports_used": used, "ephemeral_ports": total}
                notes["ephemeral_ports_used"] = how
        else:
            notes["ephemeral_ports_used"] = "not read on this platform"
        return sheet


class _PortsInUse:
    """Local ports taken by outgoing connections, lingering ones (TIME_WAIT) included.

    A port is taken for one remote address only, so what runs out is the range towards the most used remote.
    Counting that means reading every connection of the machine; the kernel's totals are an upper bound and
    cost almost nothing, so the count is made only when the bound comes near the range.
    """

    def __init__(self) -> None:
        self._due = 0.0
        self._counted: int | None = None

    def read(self) -> tuple[int, int, str]:
        """(used, in the range, how it was found)."""
        low, high = map(int, slurp("/proc/sys/net/ipv4/ip_local_port_range").split())
        total = high - low + 1
        bound = parse_sockstat(slurp("/proc/net/sockstat").decode())
        with contextlib.suppress(OSError):
            bound += parse_sockstat(slurp("/proc/net/sockstat6").decode())
        if bound < total / 2:
            self._counted = None
            return bound, total, "upper bound: all TCP sockets of the machine"
        began = time.monotonic()
        if self._counted is None or began >= self._due:
            self._counted = _most_used(low, high)
            self._due = began + max(5.0, (time.monotonic() - began) * 200)
        return self._counted, total, "counted towards the most used remote address"


def parse_sockstat(text: str) -> int:
    """/proc/net/sockstat and sockstat6 → TCP sockets in use and in TIME_WAIT."""
    for line in text.splitlines():
        kind, _, rest = line.partition(":")
        if kind in {"TCP", "TCP6"}:
            fields = rest.split()
            counts = dict(zip(fields[::2], map(int, fields[1::2]), strict=False))
            return counts.get("inuse", 0) + counts.get("tw", 0)
    return 0


def _most_used(low: int, high: int) -> int:
    remotes: Counter[str] = Counter()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for port, remote in parse_connections(Path(f"/proc/net/{name}").read_text()):
                remotes[remote] += low <= port <= high
    return max(remotes.values(), default=0)
