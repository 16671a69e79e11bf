"""The machine that makes the load, as far as it explains a result: cores, limits, revision."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
from dataclasses import dataclass
from pathlib import Path

from loadctl.engines.short_command import output_of

_CGROUPS = Path("/sys/fs/cgroup")
_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`cpu_quota`: cores that a cgroup allows, None: no limit; ports: of outgoing connections."""

    platform: str
    cpu_count: int
    cpu_affinity: int
    cpu_quota: float | None
    open_files: int
    open_files_max: int
    first_port: int | None = None
    last_port: int | None = None


def this_machine() -> Machine:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = os.cpu_count() or 1
    ports = _numbers(_PORTS)
    return Machine(
        platform=platform.platform(),
        cpu_count=count,
        cpu_affinity=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count,
        cpu_quota=_cpu_quota(),
        open_files=soft,
        open_files_max=hard,
        first_port=ports[0] if len(ports) == 2 else None,
        last_port=ports[1] if len(ports) == 2 else None,
    )


def git_revision(folder: Path) -> str | None:
    """The commit that `folder` is at, with "-dirty" behind it where files differ; None: no repository.

    A repository can name programs for git to run (a file monitor, filters, those of its submodules): none is run.
    """
    git = ["git", "--no-optional-locks", "-C", str(folder), "-c", "core.fsmonitor="]
    listed = output_of([*git, "config", "--show-scope", "--name-only", "--list"], timeout_s=1.0)
    if listed is None:
        return None
    keys = [line.partition("\t")[2] for line in listed.splitlines() if line.startswith(("local", "worktree"))]
    filters = [word for key in keys if key.startswith("filter.") for word in ("-c", f"{key}=")]
    describe = ["-c", "diff.ignoreSubmodules=all", "describe", "--always", "--dirty", "--abbrev=12"]
    return output_of([*git, *filters, *describe], timeout_s=1.0)


def _cpu_quota() -> float | None:
    """The tightest of the limits from our own cgroup (version 2) upwards."""
    own = ""
    with contextlib.suppress(OSError, IndexError):
        lines = Path("/proc/self/cgroup").read_text(encoding="ascii", errors="replace").splitlines()
        own = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    quotas = []
    folder = _CGROUPS / own
    while folder.is_relative_to(_CGROUPS) and ".." not in folder.parts:
        limits = _numbers(folder / "cpu.max")
        if len(limits) == 2 and limits[1] > 0:
            quotas.append(limits[0] / limits[1])
        if folder == _CGROUPS:
            break
        folder = folder.parent
    return min(quotas, default=None)


def _numbers(path: Path) -> list[int]:
    """The whole numbers in a small file; none where it cannot be read or says something else ("max")."""
    try:
        return [int(word) for word in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []
