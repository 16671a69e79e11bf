"""Which process is meant by a pid or a name."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadctl.monitors.process.port import FoundProcess, NotFound, by_name, by_pid
from tests.monitors.conftest import Spawn

NOWHERE = "http://192.0.2.1"
NAME = f"api-{os.getpid()}"
"""Of this process of the tests only: another may run a test of this module at the same time."""


@pytest.fixture
def sleepers(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes of one program."""
    program = tmp_path / NAME
    shutil.copy(shutil.which("sleep") or "", program)
    started = [subprocess.Popen([program, "60"]) for _ in range(2)]
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_a_pid_names_a_running_process() -> None:
    found = by_pid(os.getpid())
    assert isinstance(found, FoundProcess)
    assert found.pid == os.getpid()


def test_a_pid_that_nobody_has() -> None:
    found = by_pid(2**22 + 1)
    assert isinstance(found, NotFound)
    assert found.reason == f"no process has pid {2**22 + 1}"


def test_a_name_that_one_process_has(sleepers: list[subprocess.Popen[bytes]]) -> None:
    sleepers[1].kill()
    sleepers[1].wait()
    assert by_name(NAME, NOWHERE) == FoundProcess(sleepers[0].pid, NAME)


def test_a_name_that_several_have_must_be_told_apart(sleepers: list[subprocess.Popen[bytes]]) -> None:
    found = by_name(NAME, NOWHERE)
    pids = ", ".join(str(pid) for pid in sorted(process.pid for process in sleepers))
    assert found == NotFound(f"2 processes are called {NAME}: pid {pids}", "choose one with --pid")


def test_a_script_goes_by_its_own_name_not_only_by_its_interpreter(spawn: Spawn, tmp_path: Path) -> None:
    script = tmp_path / f"{NAME}.py"
    script.write_text("import time; print('ready', flush=True); time.sleep(60)")
    process = spawn("import runpy, sys, os; os.execv(sys.executable, [sys.executable, sys.argv[1]])", script)
    found = by_name(f"{NAME}.py", NOWHERE)
    assert isinstance(found, FoundProcess)
    assert found.pid == process.pid


def test_a_name_that_nobody_has() -> None:
    found = by_name("no-such-server", NOWHERE)
    assert isinstance(found, NotFound)
    assert found.reason == "no process is called no-such-server"
