"""`loadctl doctor`: is this machine fit to make load, and what to do where it is not."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from loadctl.cli.arguments import JsonFlag
from loadctl.results.verdict import ExitCode

_ENOUGH_FILES = 10_000
_ENOUGH_PORTS = 20_000
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True, slots=True)
class _Check:
    name: str
    good: bool
    found: str
    advice: str | None = None


def doctor(as_json: JsonFlag = False) -> int:
    """Check Python, engines, open-file limit, ports and cores."""
    checks = [*_python(), *_engines(), *_open_files(), *_ports(), *_cores(), *_folder()]
    if as_json:
        sys.stdout.write(json.dumps([asdict(check) for check in checks], indent=2) + "\n")
    else:
        for check in checks:
            sys.stdout.write(f"{'ok' if check.good else 'look':<6}{check.name:<14}{check.found}\n")
            if check.advice:
                sys.stdout.write(f"{'':<20}{check.advice}\n")
    return ExitCode.OK if all(check.good for check in checks) else ExitCode.ERROR


def _python() -> Iterator[_Check]:
    yield _Check("python", True, f"{platform.python_version()} at {sys.executable}")


def _engines() -> Iterator[_Check]:
    from loadctl.engines import ENGINES

    for name, engine in ENGINES.items():
        version = engine.version()
        yield _Check(
            name, version is not None, version or "not installed", None if version else engine.install_hint
        )


def _open_files() -> Iterator[_Check]:
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    usable = hard if hard != resource.RLIM_INFINITY else max(soft, _ENOUGH_FILES)
    yield _Check(
        "open files",
        usable >= _ENOUGH_FILES,
        f"up to {usable:,} (soft limit {soft:,}; engines raise it themselves)",
        None
        if usable >= _ENOUGH_FILES
        else f"one user needs one connection: `ulimit -n {_ENOUGH_FILES}` as root",
    )


def _ports() -> Iterator[_Check]:
    if not _PORT_RANGE.exists():
        return
    low, high = map(int, _PORT_RANGE.read_text().split())
    count = high - low + 1
    yield _Check(
        "ports",
        count >= _ENOUGH_PORTS,
        f"{count:,} ephemeral ports ({low}–{high})",
        None if count >= _ENOUGH_PORTS else "sysctl -w net.ipv4.ip_local_port_range='10240 65000'",
    )


def _cores() -> Iterator[_Check]:
    from loadctl.monitors.cores import usable_cores

    cores = usable_cores()
    total = os.cpu_count() or 1
    advice = "generator and system share one core here: run the system elsewhere" if cores < 2 else None
    yield _Check("cores", cores >= 2, f"{cores:g} of {total} usable by this process", advice)


def _folder() -> Iterator[_Check]:
    folder = Path.cwd()
    writable = os.access(folder, os.W_OK)
    yield _Check(
        "folder",
        writable,
        f"runs are written to {folder / 'runs'}",
        None if writable else "not writable: enter another folder, or use --out DIR",
    )
