"""`loadctl doctor`: is this machine fit to make load, and what to do where it is not."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from loadctl.cli.options import JsonFlag
from loadctl.cli.output import write, write_json
from loadctl.errors import ExitCode

_ENOUGH_FILES = 10_000
_ENOUGH_PORTS = 20_000
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True, slots=True)
class _Check:
    """`good` False: look at it, and `advice` says what helps; `needed`: without it nothing can be run here."""

    name: str
    good: bool
    found: str
    advice: str | None = None
    needed: bool = False

    @property
    def lines(self) -> Iterator[str]:
        word = "ok" if self.good else "wrong" if self.needed else "look"
        yield f"{word:<6}{self.name:<12}{self.found}"
        if self.advice and not self.good:
            yield f"{'':<18}{self.advice}"


def doctor(*, as_json: JsonFlag = False) -> ExitCode:
    """Check Python, engines, open-file limit, ports and cores."""
    checks = [*_python(), *_engines(), *_open_files(), *_ports(), *_cores(), *_folder()]
    broken = [check.name for check in checks if check.needed and not check.good]
    if as_json:
        write_json([asdict(check) | {"advice": None if check.good else check.advice} for check in checks])
    else:
        write("\n".join(line for check in checks for line in check.lines))
        write(f"Nothing can be run here: {', '.join(broken)}" if broken else "Load can be made here.")
    return ExitCode.ERROR if broken else ExitCode.OK


def _python() -> Iterator[_Check]:
    yield _Check("python", True, f"{platform.python_version()} at {sys.executable}")


def _engines() -> Iterator[_Check]:
    """One is enough."""
    from loadctl.engines import ENGINES

    states = {name: engine.state(os.environ) for name, engine in ENGINES.items()}
    none = not any(state.version for state in states.values())
    for name, state in states.items():
        found = f"{state.version}   {state.where}" if state.version else str(state.reason)
        yield _Check(name, state.version is not None, found, state.hint, needed=none)


def _open_files() -> Iterator[_Check]:
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    usable = hard if hard != resource.RLIM_INFINITY else max(soft, _ENOUGH_FILES)
    yield _Check(
        "open files",
        usable >= _ENOUGH_FILES,
        f"{usable:,} (soft limit {soft:,}; engines raise it themselves)",
        f"one user needs one connection: `ulimit -n {_ENOUGH_FILES}` as root",
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
        "sysctl -w net.ipv4.ip_local_port_range='10240 65000'",
    )


def _cores() -> Iterator[_Check]:
    from loadctl.monitors.process.cores import usable_cores

    cores = usable_cores()
    found = f"{cores:g} of {os.cpu_count() or 1} usable by this process"
    yield _Check(
        "cores", cores >= 2, found, "generator and system share one core here: run the system elsewhere"
    )


def _folder() -> Iterator[_Check]:
    folder = Path.cwd()
    writable = os.access(folder, os.W_OK)
    yield _Check(
        "folder",
        writable,
        f"runs are written to {folder / 'runs'}",
        "not writable: change to another folder, or use --out DIR",
        needed=True,
    )
