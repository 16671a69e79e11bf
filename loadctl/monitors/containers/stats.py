"""A frame of the engine's statistics → what a container used since the frame before. Pure.

CPU is Δtotal_usage / Δread, in cores: the engine's wall time, never its `system_cpu_usage`, which podman fills with
something else (its own formula read 121 % for a container at 14 %). Memory is the working set, usage − inactive file,
as `docker stats` and the kubelet have it (docker/cli, cli/command/container/stats_helpers.go).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from loadctl.monitors.answer import Json, integer, nanoseconds, part, parts, text, whole
from loadctl.monitors.containers.record import State
from loadctl.monitors.source import Sheet


@dataclass(frozen=True, slots=True)
class Frame:
    """The counters at one time; None: the engine does not report it."""

    read_ns: int
    cpu_ns: int | None
    periods: int
    throttled: int
    memory: int | None
    inactive_file: int | None
    network: tuple[int, int] | None
    """Bytes received and sent, over all interfaces."""
    disk: tuple[int, int] | None
    """Bytes read and written."""
    pids: int | None


def frame(answer: object) -> Frame | None:
    """One line of GET /containers/ID/stats; None for the zeros of a container that does not run."""
    if not isinstance(answer, Mapping):
        return None
    read_ns = nanoseconds(text(answer, "read"))
    cpu, memory = part(answer, "cpu_stats"), part(answer, "memory_stats")
    total = whole(part(cpu, "cpu_usage").get("total_usage"))
    pids = integer(part(answer, "pids_stats"), "current")
    if read_ns == 0 or (not total and not pids and not memory.get("usage")):
        return None
    throttling = part(cpu, "throttling_data")
    return Frame(
        read_ns,
        total,
        integer(throttling, "periods"),
        integer(throttling, "throttled_periods"),
        integer(memory, "usage") or None,
        _inactive(part(memory, "stats")),
        _network(answer),
        _disk(part(answer, "blkio_stats")),
        pids or None,
    )


def use(now: Frame, before: Frame | None, state: State, machine_cores: float | None) -> Sheet:
    """The values of a reading; rates need the frame `before`, of the same run of the container."""
    sheet = Sheet({}, {})
    cores = min((n for n in (state.cores, machine_cores) if n), default=None)
    if cores is not None:
        sheet.values["cores_available"] = round(cores, 3)
        whose = state.cores_of if state.cores is not None and cores == state.cores else "the machine"
        sheet.notes["cpu_of"] = f"{cores:g} {'core' if cores == 1 else 'cores'} ({whose})"
    _memory(now, state, sheet)
    if now.pids is not None:
        sheet.values["pids"] = now.pids
    if before is None or now.read_ns <= before.read_ns or _was_reset(now.cpu_ns, before.cpu_ns):
        sheet.notes["cpu"] = "first reading: a rate needs two"
        return sheet
    _cpu(now, before, cores, sheet)
    _rates(now, before, sheet)
    return sheet


def _was_reset(now: int | None, before: int | None) -> bool:
    return now is not None and before is not None and now < before


def _cpu(now: Frame, before: Frame, cores: float | None, sheet: Sheet) -> None:
    if now.cpu_ns is None or before.cpu_ns is None:
        sheet.notes["cpu"] = "the engine reports no CPU time"
        return
    used = (now.cpu_ns - before.cpu_ns) / (now.read_ns - before.read_ns)
    sheet.values["cpu_cores"] = round(used, 4)
    if cores is None:
        sheet.notes["cpu_pct"] = "the engine does not say how many cores its machine has"
    else:
        sheet.values["cpu_pct"] = round(100 * used / cores, 2)
    if now.periods > before.periods:
        share = (now.throttled - before.throttled) / (now.periods - before.periods)
        sheet.values["throttled_pct"] = round(100 * max(0.0, share), 1)


def _memory(now: Frame, state: State, sheet: Sheet) -> None:
    if now.memory is None:
        sheet.notes["memory"] = "the engine reports no memory"
        return
    known = now.inactive_file is not None and now.inactive_file < now.memory
    used = now.memory - (now.inactive_file or 0) if known else now.memory
    sheet.values["memory_bytes"] = used
    sheet.notes["memory_kind"] = "working set" if now.inactive_file is not None else "usage with file cache"
    if state.memory_limit is None:
        sheet.notes["memory_pct"] = "the container has no memory limit"
        return
    sheet.values["memory_limit_bytes"] = state.memory_limit
    sheet.values["memory_pct"] = round(100 * used / state.memory_limit, 2)


def _rates(now: Frame, before: Frame, sheet: Sheet) -> None:
    seconds = (now.read_ns - before.read_ns) / 1e9
    for what, (reason, *names) in _RATES.items():
        new, old = getattr(now, what), getattr(before, what)
        if new is None or old is None:
            sheet.notes[what] = reason
            continue
        for name, more, less in zip(names, new, old, strict=True):
            if more >= less:
                sheet.values[name] = round((more - less) / seconds, 1)


_RATES = {
    "network": (
        "the engine reports none: the container has no network of its own",
        "network_rx_bytes_per_s",
        "network_tx_bytes_per_s",
    ),
    "disk": ("the engine reports no reads or writes", "disk_read_bytes_per_s", "disk_write_bytes_per_s"),
}


def _inactive(stats: Json) -> int | None:
    v1 = whole(stats.get("total_inactive_file"))  # of control groups
    return whole(stats.get("inactive_file")) if v1 is None else v1


def _network(answer: Json) -> tuple[int, int] | None:
    interfaces = [one for one in part(answer, "networks").values() if isinstance(one, Mapping)]
    if not interfaces:
        return None
    received, sent = (sum(integer(one, name) for one in interfaces) for name in ("rx_bytes", "tx_bytes"))
    return received, sent


def _disk(stats: Json) -> tuple[int, int] | None:
    """An empty list is not a zero: an engine that cannot account for block devices sends the same."""
    total: Counter[str] = Counter()
    entries = parts(stats, "io_service_bytes_recursive")
    for one in entries:
        total[text(one, "op").lower()] += integer(one, "value")
    return (total["read"], total["write"]) if entries else None
