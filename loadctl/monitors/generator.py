"""The load generator as a source: its engine processes, the ports of its machine, and loadctl itself; and the machine.

A generator at its limit measures itself, so these readings decide whether a verdict may stand.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from loadctl.monitors.process.port import parse_connections
from loadctl.monitors.process.stat import LINUX, Key, ProcessStat, open_fds, read_stat, slurp
from loadctl.monitors.source import Observation, Sheet
from loadctl.results.recording import Reading


class Rate:
    """Increase a second since the call before; None the first time, and when the counter was set back."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None

    def update(self, counter: float) -> float | None:
        at = time.monotonic()
        before, self._before = self._before, (counter, at)
        if before is None or counter < before[0] or at <= before[1]:
            return None
        return (counter - before[0]) / (at - before[1])


_STACKED = ("loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd")
_LOOPBACK = ("lo", "lo0", "Loopback Pseudo-Interface 1")


def disk_bytes() -> Mapping[str, int]:
    """disk_read_bytes and disk_write_bytes of all disks; empty if there is none. Raises OSError, RuntimeError."""
    counters = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    disks = {name: (disk.read_bytes, disk.write_bytes) for name, disk in counters.items()}
    return bytes_of_disks(disks, _is_disk if LINUX else lambda _: True)


def network_bytes() -> Mapping[str, int]:
    """network_rx_bytes and network_tx_bytes of the cards, loopback_bytes by itself. Raises OSError."""
    counters = psutil.net_io_counters(pernic=True, nowrap=False)
    cards = {name: (card.bytes_recv, card.bytes_sent) for name, card in counters.items()}
    return bytes_by_card(cards, _is_card if LINUX else lambda _: True)


def open_files() -> Mapping[str, int]:
    """open_files of all processes, and open_files_limit where there is one. Raises OSError; empty but on Linux."""
    return parse_file_nr(slurp("/proc/sys/fs/file-nr")) if LINUX else {}


def bytes_of_disks(disks: Mapping[str, tuple[int, int]], is_disk: Callable[[str], bool]) -> Mapping[str, int]:
    """`disks`: bytes read and written. Partitions and stacked devices are listed too, and not counted again."""
    whole = [bytes_ for name, bytes_ in disks.items() if is_disk(name)]
    if not whole:
        return {}
    return {
        "disk_read_bytes": sum(read for read, _ in whole),
        "disk_write_bytes": sum(written for _, written in whole),
    }


def parse_file_nr(content: bytes) -> Mapping[str, int]:
    """/proc/sys/fs/file-nr: allocated, free among these, the most there may be (2⁶³ − 1: no limit)."""
    allocated, free, most = map(int, content.split())
    limit = {"open_files_limit": most} if most < 1 << 53 else {}
    return {"open_files": allocated - free, **limit}


def bytes_by_card(cards: Mapping[str, tuple[int, int]], is_card: Callable[[str], bool]) -> Mapping[str, int]:
    """`cards`: bytes received and sent. Where no card is real, as within a container, all interfaces are."""
    outside = {name: bytes_ for name, bytes_ in cards.items() if name not in _LOOPBACK}
    real = {name: bytes_ for name, bytes_ in outside.items() if is_card(name)} or outside
    values = {}
    if real:
        values["network_rx_bytes"] = sum(received for received, _ in real.values())
        values["network_tx_bytes"] = sum(sent for _, sent in real.values())
    loopback = [received for name, (received, _) in cards.items() if name in _LOOPBACK]
    return {**values, "loopback_bytes": loopback[0]} if loopback else values


@cache
def _is_disk(name: str) -> bool:
    with contextlib.suppress(OSError):
        return not name.startswith(_STACKED) and Path(f"/sys/block/{name}").exists()
    return False


@cache
def _is_card(name: str) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/sys/class/net/{name}/device").exists()
    return False


_PRESSURES = ("cpu", "memory", "io")


def spent_and_busy_s(times: Any) -> tuple[float, float]:
    """Of psutil's cpu_times, rounded: of an idle machine the difference of two sums would else seem to fall."""
    # guest time is part of user time already
    spent = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return round(spent, 3), round(spent - times.idle - getattr(times, "iowait", 0.0), 3)


class HostSource:
    """Values: cpu_pct (of all cores), load_1m, memory_pct, memory_available_bytes, swap_used_bytes, swap_pct,
    disk_read_bytes_per_s, disk_write_bytes_per_s, network_rx_bytes_per_s, network_tx_bytes_per_s, loopback_bytes_per_s;
    on Linux open_files, open_files_limit, and cpu_, memory_ and io_pressure_pct: the share of time in which some task
    waited for it. What cannot be read is left out; the first reading has the reason as a note.
    """

    name = "host this machine"
    subject = "host"
    period_s = 1.0

    def __init__(self) -> None:
        self._busy = Rate()
        self._all = Rate()
        self._rates: dict[str, Rate] = {}
        self._first = True

    def sample(self, t: float) -> list[Observation]:
        values: dict[str, float] = {}
        notes: dict[str, str] = {}
        parts: dict[str, Callable[[], Mapping[str, float]]] = {
            "cpu_pct": self._cpu,
            "load_1m": lambda: {"load_1m": os.getloadavg()[0]},  # Windows has none: AttributeError
            "memory_pct": _memory,
            "disk_write_bytes_per_s": lambda: self._per_second(disk_bytes()),
            "network_rx_bytes_per_s": lambda: self._per_second(network_bytes()),
            "open_files": open_files,
            **{f"{what}_pressure_pct": self._pressure(what) for what in _PRESSURES},
        }
        for name, read in parts.items():
            try:
                values.update(read())
            except (OSError, AttributeError, ValueError, RuntimeError, psutil.Error) as error:
                notes[name] = f"not available on this machine: {type(error).__name__}"
        if values.get("swap_pct") is None and values.get("swap_used_bytes") is not None:
            notes["swap_pct"] = "this machine has no swap"
        notes, self._first = (notes if self._first else {}), False
        return [Reading(t, self.subject, "host", "this machine", values, notes)]

    def close(self, t: float) -> list[Observation]:  # noqa: ARG002
        return []

    def _cpu(self) -> Mapping[str, float]:
        """Of cpu_times, not cpu_percent: that keeps one state for the whole program."""
        spent_s, busy_s = spent_and_busy_s(psutil.cpu_times())
        busy, everything = self._busy.update(busy_s), self._all.update(spent_s)
        if busy is None or not everything:
            return {}
        return {"cpu_pct": round(min(100.0, 100 * busy / everything), 2)}

    def _per_second(self, counters: Mapping[str, float]) -> Mapping[str, float]:
        """Of counters since the machine was started; none after one that was set back, as by a card pulled out."""
        rates = {}
        for name, counter in counters.items():
            rate = self._rates.setdefault(name, Rate()).update(counter)
            if rate is not None:
                rates[f"{name}_per_s"] = round(rate, 1)
        return rates

    def _pressure(self, what: str) -> Callable[[], Mapping[str, float]]:
        def read() -> Mapping[str, float]:
            if not LINUX:
                return {}
            stalled_us = parse_pressure(slurp(f"/proc/pressure/{what}").decode())
            rate = self._rates.setdefault(f"{what} pressure", Rate()).update(stalled_us)
            return {} if rate is None else {f"{what}_pressure_pct": round(min(100.0, rate / 1e6 * 100), 2)}

        return read


def parse_pressure(text: str) -> int:
    """/proc/pressure/* → microseconds since boot in which at least one task waited."""
    match = re.search(r"^some .*\btotal=(\d+)", text, re.MULTILINE)
    if match is None:
        raise OSError("no line 'some' in /proc/pressure")
    return int(match[1])


def parse_memory(content: bytes) -> Mapping[str, float]:
    """/proc/meminfo, in kB (meaning KiB) → the values of the machine's memory. Raises ValueError, OSError."""
    lines = (line.partition(b":") for line in content.splitlines())
    kib = {name: int(figures[0]) for name, _, rest in lines if (figures := rest.split())}
    try:
        available, swap = kib[b"MemAvailable"] * 1024, kib[b"SwapTotal"] * 1024
        return _memory_values(kib[b"MemTotal"] * 1024, available, swap, swap - kib[b"SwapFree"] * 1024)
    except KeyError as error:
        raise OSError(f"/proc/meminfo has no {error}") from error


def _memory() -> Mapping[str, float]:
    if LINUX:
        return parse_memory(slurp("/proc/meminfo"))
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return _memory_values(memory.total, memory.available, swap.total, swap.used)


def _memory_values(total: int, available: int, swap_total: int, swap_used: int) -> Mapping[str, float]:
    values: dict[str, float] = {"memory_available_bytes": available, "swap_used_bytes": swap_used}
    if total:
        values["memory_pct"] = round(100 * (total - available) / total, 2)
    if swap_total:
        values["swap_pct"] = round(100 * swap_used / swap_total, 2)
    return values


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
