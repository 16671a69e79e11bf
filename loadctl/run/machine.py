"""The machine that makes the load, as far as it explains a result: cores, limits, revision."""

from __future__ import annotations

import os
import platform
import re
import resource
import time
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from loadctl.engines.short_command import output_of
from loadctl.monitors.process.cores import quota_of
from loadctl.results.recording import Event
from loadctl.results.wire.record import MOST_S

_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_CPUS = Path("/proc/cpuinfo")
_FIRST_CPU = 2000
"""Characters; of hundreds of cores the file is long, and its beginning says enough."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """`cpu_quota`: cores that a cgroup allows, None: no limit; ports: of outgoing connections. Earlier versions did not
    write `architecture` and `cpu_model`; the latter is known on Linux only."""

    platform: str
    architecture: str | None = None
    cpu_model: str | None = None
    cpu_count: int
    cpu_affinity: int
    cpu_quota: float | None
    open_files: int
    open_files_max: int
    first_port: int | None = None
    last_port: int | None = None

    @property
    def cores(self) -> float:
        """That loadctl may use."""
        return min(self.cpu_affinity, self.cpu_quota or self.cpu_affinity)


def this_machine() -> Machine:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = os.cpu_count() or 1
    ports = _numbers(_PORTS)
    return Machine(
        platform=platform.platform(),
        architecture=platform.machine() or None,
        cpu_model=_cpu_model(),
        cpu_count=count,
        cpu_affinity=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count,
        cpu_quota=quota_of(os.getpid()),
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


def _cpu_model() -> str | None:
    """As Linux calls it; elsewhere, and on many ARM machines, there is no such line."""
    try:
        with _CPUS.open(encoding="utf-8", errors="replace") as file:
            found = re.search(r"^model name\s*: (.+)$", file.read(_FIRST_CPU), re.MULTILINE)
    except OSError:
        return None
    return found[1].strip() if found else None


def _numbers(path: Path) -> list[int]:
    """The whole numbers in a small file; none where it cannot be read or says something else ("max")."""
    try:
        return [int(word) for word in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []


_STEP_S = 1.0


class WallClock:
    """Notices when the wall clock is set, which shifts times of day but no durations."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def step(self, t: float) -> list[Event]:
        offset = time.time() - time.monotonic()
        step = offset - self._offset
        if abs(step) <= _STEP_S:
            return []
        self._offset = offset
        return [
            Event(t, "clock_step", f"the wall clock was set by {step:+.1f} s", {"step_s": round(step, 3)})
        ]


def utc(wall_s: float) -> str:
    """ISO 8601, to the millisecond."""
    whole_s, ms = divmod(round(wall_s * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole_s))}.{ms:03}Z"


def calendar_time(stamp: str) -> str | None:
    """`stamp`, where it and the end of the longest run after it are times that a calendar has."""
    try:
        _ = datetime.fromisoformat(stamp) + timedelta(seconds=MOST_S)
    except (ValueError, OverflowError):
        return None
    return stamp
