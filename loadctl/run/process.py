"""Child processes: the only module that starts and stops them.

Each child leads a session of its own, so a Ctrl-C in the terminal reaches loadctl alone and everything the
child starts dies with it. Its output goes to files (a pipe that nobody drains would stop it), and its
standard input stays open as long as loadctl lives: the end of that file tells the child that loadctl is
gone, even after a kill -9.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Self

from loadctl.engines.base import Command
from loadctl.errors import RunError, signal_name
from loadctl.scenario.redaction import Redaction
from loadctl.scenario.units import format_bytes

STOP = "stop"
"""The rung of the ladder that is a word on standard input, not a signal."""
_GAP_S = 1.0
_OUTPUT_MAX = 64 << 20
_OUTPUT_KEPT = 16 << 20
"""Bytes of an output file: one that grows beyond the first is cut to its beginning, and goes on from there."""
_SCRUBBED = ("LOADCTL_", "PYTHONINSPECT", "PYTHONSTARTUP")
"""Ours, and what would leave a child waiting at a prompt."""

GUARD = (sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")))

Rung = str | signal.Signals


@dataclass(frozen=True, slots=True)
class Ladder:
    """How a child is asked to leave, ever less politely: (seconds since the first, rung) in order."""

    rungs: Sequence[tuple[float, Rung]]

    @classmethod
    def draining(cls, drain_s: float) -> Ladder:
        """The word, time to drain with two seconds to spare, then signals."""
        return cls([(0.0, STOP), *((drain_s + 2.0 + at, rung) for at, rung in cls.signals().rungs)])

    @classmethod
    def signals(cls) -> Ladder:
        """For a child that does not listen."""
        return cls([(0.0, signal.SIGINT), (_GAP_S, signal.SIGTERM), (2 * _GAP_S, signal.SIGKILL)])

    @classmethod
    def terminating(cls) -> Ladder:
        """For a server, that writes its last words on SIGTERM."""
        return cls([(0.0, signal.SIGTERM), (2 * _GAP_S, signal.SIGKILL)])

    def due(self, elapsed_s: float, done: int) -> Sequence[Rung]:
        """The rungs that are due by now, but for the first `done`."""
        return [rung for at, rung in self.rungs[done:] if elapsed_s >= at]


class Early:
    """An engine process that comes up while its plan is still being made: two cores start a run faster than one.

    It writes to nowhere until it has its plan. It ends with the `with` block, unless a Child has taken it.
    """

    def __init__(self, command: Command, folder: Path = Path()) -> None:
        """`folder`: where it runs."""
        self._command = replace(command, cwd=folder.absolute())
        self._popen: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with contextlib.suppress(RunError):  # only a head start
            self._popen = start(self._command, subprocess.DEVNULL, subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        popen = self._popen
        if popen is not None and popen.stdin is not None:
            if popen.poll() is None:
                os.killpg(popen.pid, signal.SIGKILL)
                popen.wait()
            popen.stdin.close()

    def take(self, command: Command) -> subprocess.Popen[bytes] | None:
        """The process, where it lives and has started as `command` would."""
        mine = self._command
        if self._popen is None or self._popen.poll() is not None:
            return None
        if (mine.argv, mine.env) != (command.argv, command.env):
            return None
        if mine.cwd is None or mine.cwd.resolve() != (command.cwd or Path()).resolve():
            return None
        popen, self._popen = self._popen, None
        return popen


class Child:
    """A running child. `stdout` and `stderr` are the files that its output goes to, below `out` unless named."""

    def __init__(
        self,
        command: Command,
        *,
        out: Path,
        stdout: Path | None = None,
        stderr: Path | None = None,
        leaves_others: bool = False,
        early: Early | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        """Write the command's files below `out` and start it. `secrets`: blotted out in its output when it has ended.

        With `leaves_others`, what it has started lives on when it succeeds: a server in the background.
        Raises: RunError where it cannot be started.
        """
        write_files(command.files, out)
        self._leaves_others = leaves_others
        self._redaction = Redaction(secrets)
        self.stdout, self.stderr = stdout or out / "stdout", stderr or out / "stderr"
        self.returncode: int | None = None
        self._unsent = command.stdin.encode()
        self._climbing: tuple[Ladder, float] | None = None
        self._rungs_done = 0
        with _output(self.stdout) as to_stdout, _output(self.stderr) as to_stderr:
            taken = early.take(command) if early is not None else None
            self._popen = taken or start(command, to_stdout, to_stderr)
        os.set_blocking(self._stdin.fileno(), False)
        self._pump()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def stopping(self) -> bool:
        return self._climbing is not None

    def send(self, line: str) -> None:
        """Write a line to its standard input, now or, while the pipe is full, at the next poll."""
        self._unsent += line.encode() + b"\n"
        self._pump()

    def poll(self) -> int | None:
        """The exit code (negative: killed by that signal), None while it runs; what it leaves is killed."""
        if self.returncode is not None:
            return self.returncode
        self._pump()
        status = _exit_status(self._popen)
        if status is None:
            for path in {self.stdout, self.stderr}:
                _bound(path)
            self._climb()
            return None
        if status or self.stopping or not self._leaves_others:
            # The leader is a zombie until it is waited for, so its group's number cannot belong to strangers.
            self._signal(signal.SIGKILL)
        return self._reap()

    def stop(self, ladder: Ladder) -> None:
        """Begin to climb `ladder`; each `poll` takes the rungs that are due."""
        self._climbing, self._rungs_done = (ladder, time.monotonic()), 0
        self._climb()

    def kill(self) -> int:
        """Kill the whole group now, and wait for the end of its leader."""
        if self.returncode is None:
            self._signal(signal.SIGKILL)
            self._reap()
        return self.returncode if self.returncode is not None else -signal.SIGKILL

    def terminate(self, within_s: float) -> None:
        """End a server, which writes its last words on SIGTERM; kill it where that takes longer."""
        self.stop(Ladder.terminating())
        wait_for_all([self], within_s)
        self.kill()

    def last_words(self, limit: int = 8192) -> str:
        """The end of what it wrote to stderr."""
        return self._redaction.hidden(end_of(self.stderr, limit).strip())

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._popen.stdin is not None  # noqa: S101  PIPE was asked for
        return self._popen.stdin

    def _pump(self) -> None:
        """Write what the pipe takes. A child that is gone or does not read is found out elsewhere."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ValueError):
            while self._unsent:
                written = os.write(self._stdin.fileno(), self._unsent)
                self._unsent = self._unsent[written:]

    def _climb(self) -> None:
        if self._climbing is None:
            return
        ladder, began = self._climbing
        for rung in ladder.due(time.monotonic() - began, self._rungs_done):
            self._rungs_done += 1
            if isinstance(rung, signal.Signals):
                self._signal(rung)
            else:
                self.send(rung)

    def _signal(self, number: signal.Signals) -> None:
        """To the whole group; macOS answers EPERM for a group of zombies."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, number)

    def _reap(self) -> int:
        try:
            self.returncode = self._popen.wait(timeout=5.0)
        except subprocess.TimeoutExpired:  # in an uninterruptible system call: it dies when that returns
            self.returncode = -signal.SIGKILL
        self._stdin.close()
        for path in {self.stdout, self.stderr}:
            _blot_out(path, self._redaction)
        return self.returncode


class OrphanGuard:
    """A process that ends the groups of `pids` when loadctl is killed and they do not leave by themselves."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._popen: subprocess.Popen[bytes] | None = None
        argv = [*GUARD, "orphans", *map(str, pids)]
        with contextlib.suppress(RunError):  # engines also see by themselves that loadctl is gone
            self._popen = start(Command(argv), subprocess.DEVNULL, subprocess.DEVNULL)

    def release(self) -> None:
        """They have all ended."""
        popen, self._popen = self._popen, None
        if popen is None or popen.stdin is None:
            return
        with contextlib.suppress(OSError):
            popen.stdin.write(b".")
        popen.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            popen.wait(1.0)


def start(command: Command, stdout: IO[bytes] | int, stderr: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start it, in a session of its own. Raises: RunError where it cannot be started."""
    try:
        return subprocess.Popen(
            list(command.argv),
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            cwd=command.cwd,
            env=environment(os.environ, command.env),
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise RunError(f"{command.argv[0]} could not be started: {error.strerror}") from error


def end_of(path: Path, limit: int = 8192) -> str:
    """Its last bytes as text; empty where it cannot be read."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - limit))
        return file.read().decode("utf-8", "replace")
    return ""


def last_lines(text: str) -> str:
    """The last five that are not empty, as one line."""
    return " | ".join([line.strip() for line in text.splitlines() if line.strip()][-5:])


def killed_by(returncode: int) -> str:
    """The name of the signal in a negative exit code."""
    return f"killed by {signal_name(-returncode)}"


def wait_for_all(children: Iterable[Child], deadline_s: float) -> bool:
    """Poll until all have ended (True) or `deadline_s` seconds have passed."""
    children = list(children)
    deadline = time.monotonic() + deadline_s
    while any(child.poll() is None for child in children):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def environment(inherited: Mapping[str, str], changes: Mapping[str, str | None]) -> Mapping[str, str]:
    """`inherited` without what must not reach a child, with `changes`.

    None removes a variable, and a name that ends in * removes all that begin so.
    """
    gone = [*_SCRUBBED, *(name for name, value in changes.items() if value is None)]
    exact = {name for name in gone if not name.endswith(("*", "_"))}
    prefixes = tuple(name.rstrip("*") for name in gone if name.endswith(("*", "_")))
    kept = {k: v for k, v in inherited.items() if k not in exact and not k.startswith(prefixes)}
    return kept | {name: value for name, value in changes.items() if value is not None}


def write_files(files: Mapping[str, str], out: Path) -> None:
    """Write texts to paths below `out`, readable by their owner alone."""
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "w", encoding="utf-8", opener=_private) as file:
            file.write(text)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _output(path: Path) -> IO[bytes]:
    return open(path, "ab", opener=_private)


def _bound(path: Path) -> None:
    """A script that prints something at every request must not fill the disk in the night."""
    with contextlib.suppress(OSError):
        size = path.stat().st_size
        if size > _OUTPUT_MAX:
            os.truncate(path, _OUTPUT_KEPT)  # the child appends, so it goes on at the new end
            with path.open("ab") as file:
                file.write(f"\n[loadctl left out {format_bytes(size - _OUTPUT_KEPT)} here]\n".encode())


def _blot_out(path: Path, redaction: Redaction) -> None:
    """In place: what runs on in the background still appends to the file."""
    with (
        contextlib.suppress(OSError, ValueError),
        path.open("r+b") as file,
        mmap.mmap(file.fileno(), 0) as text,
    ):
        for begin, end in list(redaction.places(text)):
            text[begin:end] = b"*" * (end - begin)


def _exit_status(popen: subprocess.Popen[bytes]) -> int | None:
    """0 when it has succeeded, another number when it has failed, leaving it to be waited for; None while it runs."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13; the pid is then free a moment too early
        return popen.poll()
    try:
        ended = os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return -1
    return None if ended is None else ended.si_status
