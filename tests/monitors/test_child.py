"""Helper programs of monitors: started, read, stopped, and gone when loadctl is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from loadctl.monitors.child import HelperMissing, HelperProgram


def test_its_output_goes_to_a_file(tmp_path: Path) -> None:
    program = HelperProgram(["echo", "hello"], output=tmp_path / "out")
    assert program.wait(20) == 0
    assert (tmp_path / "out").read_text() == "hello\n"


def test_a_missing_program_is_said() -> None:
    with pytest.raises(HelperMissing, match="no-such-program could not be started"):
        HelperProgram(["no-such-program"])


def test_it_is_asked_before_it_is_killed(tmp_path: Path) -> None:
    code = "import signal,sys,time; signal.signal(15, lambda *_: sys.exit(7)); print(1, flush=True); time.sleep(60)"
    program = HelperProgram([sys.executable, "-c", code], output=tmp_path / "out")
    wait_for(lambda: (tmp_path / "out").read_text() == "1\n")
    assert program.stop() == 7
    assert program.stop() == 7


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    code = "import signal,time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    program = HelperProgram([sys.executable, "-c", code], output=tmp_path / "out")
    wait_for(lambda: (tmp_path / "out").read_text() == "1\n")
    assert program.stop(wait_s=0.1) == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only there the kernel does it")
def test_it_dies_with_a_loadctl_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import time\nfrom loadctl.monitors.child import HelperProgram\n"
        "print(HelperProgram(['sleep', '60']).pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path.cwd()) as parent:
        assert parent.stdout is not None
        helper = psutil.Process(int(parent.stdout.readline()))
        wait_for(lambda: helper.name() == "sleep")
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        wait_for(lambda: not helper.is_running() or helper.status() == psutil.STATUS_ZOMBIE)


def wait_for(true: object) -> None:
    assert callable(true)
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
