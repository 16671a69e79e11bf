"""A process that comes up before what it is for is known: taken for the command that it is, or ended."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from loadctl.engines.base import Command
from loadctl.run.process import Child, wait_for_all
from loadctl.run.spare import Spare, spare

SCRIPT = """
import json, os, subprocess, sys
print("early words", flush=True)
assert sys.stdin.readline() == "ahead\\n"
files = json.loads(sys.stdin.readline().removeprefix("output "))
for number, name in enumerate(("stdout", "stderr"), 1):
    os.dup2(os.open(files[name], os.O_WRONLY | os.O_APPEND), number)
print("plan:", sys.stdin.readline(), end="")
"""
"""What a shard does that is started ahead of its plan."""


def command(script: str = SCRIPT, **more: Any) -> Command:
    return Command((sys.executable, "-S", "-c", script), **more)


@contextmanager
def coming_up() -> Iterator[Spare]:
    """No fixture: pytest changes the environment between the setup and the call."""
    with spare(command(stdin="ahead\n")) as made:
        assert made is not None
        yield made


def process_of(spare: Spare) -> psutil.Process:
    assert spare._popen is not None
    return psutil.Process(spare._popen.pid)


def as_child(spare: Spare, folder: Path, **more: Any) -> Child:
    asked = command(**more)
    return Child(
        asked, out=folder, stdout=folder / "stdout", stderr=folder / "stderr", early=spare.take(asked)
    )


def test_it_becomes_the_command_that_starts_the_same(tmp_path: Path) -> None:
    with coming_up() as waiting:
        pid = process_of(waiting).pid
        child = as_child(waiting, tmp_path, stdin="what to do\n", files={"engine/plan.json": "{}"})
        assert wait_for_all([child], 5)
        assert (child.pid, child.returncode) == (pid, 0)
        assert (tmp_path / "stdout").read_text() == "plan: what to do\n"
        assert (tmp_path / "stderr").read_text() == "early words\n", "said before there was a file"
        assert (tmp_path / "engine" / "plan.json").read_text() == "{}"
        for path in tmp_path.rglob("*.*"):
            assert path.stat().st_mode & 0o077 == 0


def test_it_is_one_process_so_the_next_shard_starts_afresh() -> None:
    with coming_up() as waiting:
        early = waiting.take(command())
        assert early is not None
        assert waiting.take(command()) is None
        early.popen.kill()
        early.popen.communicate()
        early.words.close()


@pytest.mark.parametrize(
    "other",
    [
        replace(command(), argv=(sys.executable, "other.py")),
        replace(command(), cwd=Path("/")),
        replace(command(), env={"A": "1"}),
    ],
    ids=["argv", "cwd", "env"],
)
def test_it_ends_where_the_run_needs_something_else(other: Command) -> None:
    with coming_up() as waiting:
        process = process_of(waiting)
        assert waiting.take(other) is None
        assert not process.is_running()
        assert waiting.take(command()) is None


def test_what_has_died_is_not_taken() -> None:
    with coming_up() as waiting:
        process = process_of(waiting)
        process.kill()
        process.wait(5)
        assert waiting.take(command()) is None


def test_what_it_said_before_it_broke_is_told(tmp_path: Path) -> None:
    with spare(command("import sys; sys.stdin.readline(); sys.exit('no module named gevent')")) as made:
        assert made is not None
        child = as_child(
            made, tmp_path, script="import sys; sys.stdin.readline(); sys.exit('no module named gevent')"
        )
        assert wait_for_all([child], 5)
    assert child.returncode == 1
    assert child.last_words() == "no module named gevent"


def test_it_ends_with_the_block_and_so_does_what_it_started() -> None:
    script = (
        "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True); sys.stdin.read()"
    )
    with spare(command(script)) as made:
        assert made is not None
        process = process_of(made)
        deadline = time.monotonic() + 5
        while not (started := process.children()) and time.monotonic() < deadline:
            time.sleep(0.01)
        [sleeper] = started
    assert not process.is_running()
    sleeper.wait(2)


def test_it_ends_when_loadctl_does() -> None:
    """Not killed: its standard input ends, which is all that a kill -9 leaves."""
    made = Spare(command("import sys; sys.exit(0 if sys.stdin.read() == '' else 1)"))
    assert made._popen is not None
    made._popen.communicate(timeout=5)
    assert made._popen.returncode == 0
    made.end()


def test_a_head_start_that_cannot_be_had_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with spare(Command(["no-such-program"])) as made:
        assert made is None
    with spare(None) as made:
        assert made is None
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not there"))
    with spare(command()) as made:
        assert made is None


def test_ctrl_c_in_the_terminal_does_not_reach_it() -> None:
    with coming_up() as waiting:
        process = process_of(waiting)
        assert os.getsid(process.pid) == process.pid
