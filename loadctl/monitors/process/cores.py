"""How many cores a process may use: the machine's, cut by affinity and by the quotas of control groups."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Cores:
    """`count` may be a fraction (a quota); `of` says where it comes from, for people."""

    count: float
    of: str


@dataclass(frozen=True, slots=True)
class CgroupMount:
    """Where a hierarchy with CPU quotas is mounted; `root` is the group that its top directory shows."""

    version: int
    root: str
    path: str


def cores_of(pids: Sequence[int], proc: Path = Path("/proc")) -> Cores:
    """The cores that these processes may use together; the first one's quota holds for all of them."""
    machine = os.cpu_count() or 1
    allowed: set[int] = set()
    for pid in pids:
        allowed |= _affinity(pid)
    count = len(allowed) or machine
    of = f"{count} of {machine} cores" if count < machine else f"{machine} core{'s' if machine > 1 else ''}"
    quota = quota_of(pids[0], proc) if pids else None
    if quota is not None and quota < count:
        return Cores(quota, f"a quota of {quota:g} core{'s' if quota != 1 else ''}")
    return Cores(float(count), of)


def usable_cores() -> float:
    """The cores that loadctl itself, and the engines it starts, may use."""
    return cores_of([os.getpid()]).count


def quota_of(pid: int, proc: Path = Path("/proc")) -> float | None:
    """The tightest CPU quota of the process's control group and those above it, in cores; None: no quota."""
    try:
        groups = parse_cgroup(_text(proc / str(pid) / "cgroup"))
        mounts = parse_mounts(_text(proc / "self" / "mountinfo"))
    except OSError:
        return None
    quotas = [
        quota
        for mount in mounts
        if (group := groups.get(mount.version)) is not None
        for directory in _directories(mount, group)
        if (quota := _read_quota(mount.version, directory)) is not None
    ]
    return min(quotas, default=None)


def parse_cgroup(text: str) -> dict[int, str]:
    """/proc/PID/cgroup → the group's path in version 2 and, in version 1, of the cpu controller."""
    groups: dict[int, str] = {}
    for line in text.splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            groups[2] = path
        elif "cpu" in controllers.split(","):
            groups[1] = path
    return groups


def parse_mounts(text: str) -> list[CgroupMount]:
    """/proc/self/mountinfo → the mounts whose groups can hold a CPU quota."""
    mounts = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        root, path = [*before.split()[3:5], "", ""][:2]
        kind, _, options = [*after.split(), "", "", ""][:3]
        if kind == "cgroup2":
            mounts.append(CgroupMount(2, root, path))
        elif kind == "cgroup" and "cpu" in options.split(","):
            mounts.append(CgroupMount(1, root, path))
    return mounts


def parse_cpu_max(text: str) -> float | None:
    """Version 2, cpu.max: "150000 100000" is 1.5 cores, "max 100000" no quota."""
    quota, _, period = text.strip().partition(" ")
    return None if quota == "max" else parse_cfs(quota, period or "100000")


def parse_cfs(quota_us: str, period_us: str) -> float | None:
    """Version 1, cpu.cfs_quota_us and cpu.cfs_period_us: a quota of -1 is none. Raises: ValueError, ArithmeticError."""
    quota, period = int(quota_us), int(period_us)
    return quota / period or None if quota > 0 and period > 0 else None


def _directories(mount: CgroupMount, group: str) -> Iterator[Path]:
    """The group's directory and all above it, as far as the mount shows them."""
    inside = PurePosixPath("/", group.lstrip("/"))
    if mount.root != "/":
        # A container sees its own group as the top of the mount, but may see the path that the host uses.
        below = inside.relative_to(mount.root) if inside.is_relative_to(mount.root) else PurePosixPath()
        inside = PurePosixPath("/") / below
    if ".." in inside.parts:
        inside = PurePosixPath("/")
    directory = Path(mount.path) / inside.relative_to("/")
    yield directory
    for above in directory.parents:
        if above.is_relative_to(mount.path):
            yield above


def _read_quota(version: int, directory: Path) -> float | None:
    with contextlib.suppress(OSError, ValueError, ArithmeticError):
        if version == 2:
            return parse_cpu_max(_text(directory / "cpu.max"))
        return parse_cfs(_text(directory / "cpu.cfs_quota_us"), _text(directory / "cpu.cfs_period_us"))
    return None


def _text(path: Path) -> str:
    """Names of groups and of mounts may hold any bytes."""
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def _affinity(pid: int) -> set[int]:
    """Cores that the scheduler may give it, cpusets included; empty where the platform does not report them."""
    if hasattr(os, "sched_getaffinity"):
        with contextlib.suppress(OSError):
            return set(os.sched_getaffinity(pid))
        return set()
    import psutil  # slow, and the start of a run imports this module

    with contextlib.suppress(OSError, psutil.Error):
        process = psutil.Process(pid)
        if hasattr(process, "cpu_affinity"):
            return set(process.cpu_affinity() or ())
    return set()
