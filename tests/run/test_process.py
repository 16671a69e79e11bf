"""Children: what they inherit, how they are stopped, and that nothing of them survives."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from loadctl.engines.base import Command
from loadctl.engines.short_command import output_of
from loadctl.errors import RunError
from loadctl.run import process
from loadctl.run.process import STOP, Child, Ladder, environment, wait_for_all
from tests.e2e.shell import all_gone, wait_for


@contextmanager
def child(folder: Path, script: str, **more: object) -> Iterator[Child]:
    command = Command([sys.executable, "-S", "-c", script], **more)  # type: ignore[arg-type]
    started = Child(command, out=folder, stdout=folder / "stdout", stderr=folder / "stderr")
    try:
        yield started
    finally:
        started.kill()


def said(folder: Path, words: str, within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while words not in (folder / "stdout").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("elapsed_s", "done", "rungs"),
    [
        (0.0, 0, [STOP]),
        (11.9, 1, []),
        (12.0, 1, [signal.SIGINT]),
        (13.0, 2, [signal.SIGTERM]),
        (14.0, 3, [signal.SIGKILL]),
        (14.0, 4, []),
        (99.0, 1, [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]),
    ],
)
def test_a_child_that_drains_for_ten_seconds_is_asked_ever_less_politely(
    elapsed_s: float, done: int, rungs: list[object]
) -> None:
    assert Ladder.draining(10.0).due(elapsed_s, done) == rungs


def test_the_environment_is_our_own_with_what_the_command_changes() -> None:
    inherited = {
        "PATH": "/bin",
        "LOADCTL_HOST": "x",
        "TOOL_A": "1",
        "TOOL_B": "2",
        "KEY": "old",
        "PYTHONINSPECT": "1",
    }
    changes = {"TOOL_*": None, "KEY": "new", "PATH2": "p", "ABSENT": None}
    assert environment(inherited, changes) == {"PATH": "/bin", "KEY": "new", "PATH2": "p"}


def test_files_are_written_for_their_owner_alone(tmp_path: Path) -> None:
    with child(
        tmp_path, "print(open('engine/plan.json').read())", files={"engine/plan.json": "{}"}, cwd=tmp_path
    ) as c:
        assert wait_for_all([c], 5)
    assert (tmp_path / "stdout").read_text() == "{}\n"
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0


def test_more_than_a_pipe_holds_reaches_standard_input_as_the_child_reads(tmp_path: Path) -> None:
    text = "x" * 1_000_000 + "\n"
    script = (
        "import sys, time; time.sleep(0.2); n = len(sys.stdin.readline()); print(n, sys.stdin.readline())"
    )
    began = time.monotonic()
    with child(tmp_path, script, stdin=text) as c:
        assert time.monotonic() - began < 0.2
        c.send("start 5")
        assert wait_for_all([c], 5)
    assert (tmp_path / "stdout").read_text().split() == ["1000001", "start", "5"]


def test_sigint_reaches_a_child_even_where_loadctl_ignores_it(tmp_path: Path) -> None:
    """As a shell does with what it starts in the background."""
    with child(
        tmp_path, "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    ) as c:
        assert wait_for_all([c], 5)
    assert (tmp_path / "stdout").read_text() == "True\n"


def test_a_ladder_is_climbed_until_the_child_gives_in(tmp_path: Path) -> None:
    script = (
        "import os, signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "signal.signal(signal.SIGTERM, lambda *_: (print('terminated', flush=True), os._exit(7)));"
        "print('ready', flush=True); time.sleep(60)"
    )
    with child(tmp_path, script) as c:
        said(tmp_path, "ready")
        c.stop(Ladder([(0.0, STOP), (0.1, signal.SIGINT), (0.2, signal.SIGTERM), (5.0, signal.SIGKILL)]))
        assert c.stopping
        assert wait_for_all([c], 3)
        assert c.returncode == 7


def test_kill_ends_the_whole_group_at_once(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print('grandchild', p.pid, flush=True); time.sleep(60)"
    )
    with child(tmp_path, script) as c:
        said(tmp_path, "grandchild")
        time.sleep(0.05)
        grandchild = psutil.Process(int((tmp_path / "stdout").read_text().split()[1]))
        assert c.kill() == -signal.SIGKILL
        grandchild.wait(2)
        assert os.getpgid(0) != c.pid


def test_its_last_words_are_the_end_of_stderr(tmp_path: Path) -> None:
    with child(
        tmp_path, "import sys; sys.stderr.write('x' * 100_000 + '\\nlast words\\n'); sys.exit(3)"
    ) as c:
        assert wait_for_all([c], 5)
        assert c.returncode == 3
        assert c.last_words().endswith("x\nlast words")
        assert len(c.last_words()) < 10_000


def test_an_endless_output_is_cut_to_its_beginning_and_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_OUTPUT_MAX", 100_000)
    monkeypatch.setattr(process, "_OUTPUT_KEPT", 10_000)
    code = "print('first', flush=True)\nfor i in range(300): print('x' * 9999, flush=True); time.sleep(.01)"
    with child(tmp_path, f"import time\n{code}\nprint('last')") as c:
        assert wait_for_all([c], 20)
    text = (tmp_path / "stdout").read_text()
    assert len(text) < 1_500_000  # of 3 MB
    assert text.startswith("first\n")
    assert text.endswith("last\n")
    assert "[loadctl left out " in text


def test_a_program_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no-such-program could not be started: No such file"):
        Child(Command(["no-such-program"]), out=tmp_path, stdout=tmp_path / "a", stderr=tmp_path / "b")


def test_the_output_of_a_short_command() -> None:
    assert output_of([sys.executable, "-c", "print(' 42 ')"], 5.0) == "42"
    assert output_of([sys.executable, "-c", "raise SystemExit(1)"], 5.0) is None
    assert output_of([sys.executable, "-c", "import time; time.sleep(9)"], 0.1) is None
    assert output_of(["no-such-program"], 1.0) is None


def test_what_a_short_command_has_started_does_not_outlive_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    hangs = f"sleep 60 & echo $! > {note}; wait"
    assert output_of(["sh", "-c", hangs], 0.5) is None
    assert all_gone([psutil.Process(int(note.read_text()))])


ASKS = """
import sys
from loadctl.engines.short_command import output_of
output_of(["sh", "-c", f"sleep 60 & echo $! > {sys.argv[1]}; wait"], 60.0)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nor_does_it_outlive_loadctl(tmp_path: Path, number: signal.Signals) -> None:
    note = tmp_path / "pid"
    loadctl = subprocess.Popen([sys.executable, "-c", ASKS, str(note)], stderr=subprocess.DEVNULL)
    wait_for(
        lambda: len(psutil.Process(loadctl.pid).children()) == 2 or None, 10
    )  # the command and its watcher
    grandchild = psutil.Process(int(note.read_text()))
    loadctl.send_signal(number)
    loadctl.wait(10)
    assert all_gone([grandchild])


KILLED = """
import subprocess, sys, time
from loadctl.run.process import OrphanGuard
argv = [sys.executable, "-c", "import time; time.sleep(60)"]
made = [subprocess.Popen(argv, start_new_session=True) for _ in range(2)]
OrphanGuard([made[0].pid])
print(*(one.pid for one in made), flush=True)
time.sleep(60)
"""


def test_a_stopped_process_does_not_outlive_a_kill_of_loadctl() -> None:
    loadctl = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    assert loadctl.stdout is not None
    mine, other = (psutil.Process(int(word)) for word in loadctl.stdout.readline().split())
    guard = _guard_of(loadctl.pid)
    time.sleep(1)  # the guard reads when they began
    mine.suspend()
    loadctl.kill()
    loadctl.wait()
    loadctl.stdout.close()
    try:
        psutil.wait_procs([mine, guard], timeout=8)
        assert not mine.is_running() or mine.status() == psutil.STATUS_ZOMBIE
        assert not guard.is_running() or guard.status() == psutil.STATUS_ZOMBIE
        assert other.is_running()
    finally:
        other.kill()


def _guard_of(pid: int) -> psutil.Process:
    """Once it has become its own program."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for each in psutil.Process(pid).children():
            if "guard.py orphans" in " ".join(each.cmdline()):
                return each
        time.sleep(0.01)
    raise AssertionError("loadctl has no guard")


def test_a_released_guard_leaves_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
    ) as one:
        guard = process.OrphanGuard([one.pid])
        guard.release()
        assert one.poll() is None
        one.kill()
