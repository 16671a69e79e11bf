"""What a request costs a generator: CPU time of its whole process tree, over requests that the server counted."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.generators import Generator
from tests.bench.web_server import WebServer

WARM_S = 2.5
"""From the first requests on: compilers compile, connections open, all users come."""
WINDOW_S = 6.0
_FIRST_S = 60.0


@dataclass(frozen=True)
class Cost:
    """In the steady window: CPU time (user + system) of a request, requests a second."""

    cpu_us: float
    per_s: float


def cost_of(generator: Generator, server: WebServer, folder: Path) -> Cost:
    """One measurement. The generator is killed after it; what it would say is not used. Raises: Missing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    start = generator.start(folder, server.url)
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            start.argv,
            env=dict(start.env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    with _ended_after(process):
        try:
            found = _measure(server, process)
        except (RuntimeError, psutil.Error) as error:
            words = (folder / "said").read_text(errors="replace")[-1500:]
            raise RuntimeError(f"{generator.name}: {error}\n{words}") from error
    if server.refused():
        raise RuntimeError(f"{generator.name} sent what was not asked for: {server.refused()}")
    return found


def _measure(server: WebServer, process: subprocess.Popen[bytes]) -> Cost:
    _wait_for_load(server, process)
    time.sleep(WARM_S)
    cpu_s, requests, at = tree_cpu_s(process.pid), server.requests(), time.monotonic()
    time.sleep(WINDOW_S)
    cpu_s = tree_cpu_s(process.pid) - cpu_s
    requests = server.requests() - requests - 1
    took_s = time.monotonic() - at
    if process.poll() is not None:
        raise RuntimeError("it ended by itself")
    return Cost(1e6 * cpu_s / requests, requests / took_s)


def tree_cpu_s(pid: int) -> float:
    """User and system time of a process and all its descendants, those that ended and were waited for included."""
    root = psutil.Process(pid)
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def _wait_for_load(server: WebServer, process: subprocess.Popen[bytes]) -> None:
    before = server.requests()
    deadline = time.monotonic() + _FIRST_S
    asked = 0
    while time.monotonic() < deadline and process.poll() is None:
        asked += 1
        if server.requests() - before - asked > 100:
            return
        time.sleep(0.05)
    raise RuntimeError("it made no load" if process.poll() is None else "it ended before it made load")


@contextlib.contextmanager
def _ended_after(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        everyone = []
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(process.pid)
            everyone = [root, *root.children(recursive=True)]
        for each in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait(10)
        psutil.wait_procs(everyone, timeout=10)
