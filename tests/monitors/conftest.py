"""Real processes to watch, each ended by the test that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start Python code as a session of its own and wait for its line "ready"; the session is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *args: object, program: Path | None = None) -> subprocess.Popen[str]:
        command = [str(program)] if program else [sys.executable, "-c", textwrap.dedent(code)]
        process = subprocess.Popen(
            [*command, *map(str, args)], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready")
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait until something outside has happened; 5 s at most."""

    def wait(happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not happened():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.01)

    return wait
