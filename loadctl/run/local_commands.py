"""The commands around a run (`before:`, `after:`, `--on-finish`): each to its end, its output kept, none left."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Literal

from loadctl.engines.base import Command
from loadctl.errors import Interrupted, RunError, UsageError
from loadctl.results.recording import Event
from loadctl.run.interruption import Interruption
from loadctl.run.process import GUARD, Child, Ladder, end_of, killed_by, last_lines, write_files
from loadctl.scenario.redaction import Redaction
from loadctl.scenario.scenario import LocalCommand, Scenario
from loadctl.scenario.units import format_duration
from loadctl.temporary import temporary_folder

Phase = Literal["before", "after", "on-finish"]

_TICK_S = 0.02


class LocalCommands:
    """Those of one scenario. `tell` gets an event when one begins and when it has ended, with the time `now()`."""

    def __init__(
        self,
        scenario: Scenario,
        folder: Path,
        interruption: Interruption,
        *,
        tell: Callable[[Event], None],
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """The outputs go to `folder`, as before-1.log, after-1.log, …"""
        self._scenario = scenario
        self._folder = folder
        self._interruption = interruption
        self._tell = tell
        self._now = now

    def before(self) -> None:
        """All of `before:`, in order. What they leave in the background lives on.

        Raises: RunError for the first that fails; Interrupted, with nothing of it left behind.
        """
        for index, command in enumerate(self._scenario.before, 1):
            if self._interruption.number is not None:
                raise Interrupted(self._interruption.number)
            trouble = self._carry_out("before", index, command)
            if self._interruption.number is not None:
                raise Interrupted(self._interruption.number)
            if trouble is not None:
                log = self._log("before", index)
                words = f"{self._shown(command)} {trouble} (nothing was sent): {self._last_lines(log)}"
                raise RunError(f"before: {words}", hint=f"its output is in {log}")

    def after(self) -> None:
        """All of `after:`, whether or not others failed. A second signal leaves at once; nothing is raised."""
        for index, command in enumerate(self._scenario.after, 1):
            if self._interruption.at_once:
                message = f"after: {self._shown(command)} was not run: the second signal leaves at once"
                self._event("after", index, command, message)
            else:
                self._carry_out("after", index, command)

    def finish(self, command: LocalCommand, result: Path) -> None:
        """What `--on-finish` says, with the path of result.json as its last word, in the working directory.

        The verdict is out, so nothing is raised; a signal stops it.
        """
        self._carry_out("on-finish", 1, replace(command, argv=(*command.argv, str(result))))

    def _carry_out(self, phase: Phase, index: int, command: LocalCommand) -> str | None:
        """What went wrong, in words that follow the command in a sentence; None where nothing did."""
        shown, began = self._shown(command), time.monotonic()
        self._event(phase, index, command, f"{phase}: {shown}")
        code: int | None = None
        try:
            code, trouble = self._ended(phase, self._started(phase, index, command), command.timeout_s)
        except RunError as error:
            trouble = f"failed: {error}"
        took_s = time.monotonic() - began
        message = f"{phase}: ended after {took_s:.1f} s"
        if trouble is not None:
            words = f": {self._last_lines(self._log(phase, index))}" if phase != "before" else ""
            message = f"{phase}: {shown} {trouble} after {took_s:.1f} s{words}"
        self._event(phase, index, command, message, exit_code=code, took_s=round(took_s, 3))
        return trouble

    def _ended(self, phase: Phase, child: Child, timeout_s: float) -> tuple[int, str | None]:
        """Its exit code and what went wrong, once it has ended or was stopped."""
        began, reason = time.monotonic(), None
        try:
            while (code := child.poll()) is None:
                reason = reason or self._reason_to_stop(phase, time.monotonic() - began, timeout_s)
                if self._interruption.at_once:
                    child.kill()
                elif reason is not None and not child.stopping:
                    child.stop(Ladder.signals())
                self._interruption.wait(_TICK_S)
        finally:
            child.kill()
        return code, reason or _trouble(code)

    def _reason_to_stop(self, phase: Phase, elapsed_s: float, timeout_s: float) -> str | None:
        asked = self._interruption.number is not None and phase != "after"
        if asked or self._interruption.at_once:
            return "was stopped by a signal to loadctl"
        if elapsed_s > timeout_s:
            return f"did not end within {format_duration(timeout_s)} and was stopped"
        return None

    def _started(self, phase: Phase, index: int, command: LocalCommand) -> Child:
        log = self._log(phase, index)
        try:
            write_files({log.name: f"$ {self._shown(command)}\n"}, log.parent)
        except OSError:  # a full disk is no reason to leave the system up
            log = Path(os.devnull)
        # A scenario's commands run beside its file, an option's where it was typed.
        folder = Path.cwd() if phase == "on-finish" else folder_of(self._scenario)
        return Child(
            Command([*GUARD, "command", *command.argv], cwd=folder),
            out=self._folder,
            stdout=log,
            stderr=log,
            leaves_others=phase == "before",
            secrets=self._scenario.secrets,
        )

    def _event(
        self, phase: Phase, index: int, command: LocalCommand, message: str, **detail: float | None
    ) -> None:
        about = {"command": self._shown(command), "log": self._log(phase, index).name, **detail}
        self._tell(Event(self._now(), phase, message, about))

    def _log(self, phase: Phase, index: int) -> Path:
        return self._folder / f"{phase}-{index}.log"

    def _shown(self, command: LocalCommand) -> str:
        return command.shown(self._scenario.secrets)

    def _last_lines(self, log: Path) -> str:
        _, _, text = end_of(log).partition("\n")  # after its head, or the rest of a longer line
        return Redaction(self._scenario.secrets).hidden(last_lines(text)) or "it printed nothing"


@contextlib.contextmanager
def commands_around(scenario: Scenario, tell: Callable[[Event], None]) -> Iterator[None]:
    """`before:` on the way in, `after:` on the way out, whatever happens: for what makes no run directory.

    Raises: RunError, Interrupted.
    """
    if not scenario.before and not scenario.after:
        yield
        return
    with temporary_folder("commands") as folder:
        try:
            with Interruption() as interruption:
                LocalCommands(scenario, folder, interruption, tell=tell).before()
            with _ends_on_signals():
                yield
        except RunError as error:
            if error.hint and str(folder) in error.hint:
                error.hint = None  # the folder goes with the command
            raise
        finally:
            with Interruption() as interruption:
                LocalCommands(scenario, folder, interruption, tell=tell).after()


def require_programs(scenario: Scenario) -> None:
    """Find out before anything is started. A path that an earlier command may make is looked for when its turn comes.

    Raises: UsageError.
    """
    for phase, commands in (("before", scenario.before), ("after", scenario.after)):
        for index, command in enumerate(commands):
            name = command.argv[0]
            if os.sep in name and phase == "before" and index:
                continue
            problem = _unusable(name, folder_of(scenario))
            if problem is not None:
                program = Redaction(scenario.secrets).hidden(name)
                raise UsageError(
                    f"{phase}: {program} {problem}; nothing was sent",
                    where=command.where,
                    hint=_hint(commands),
                )


def require_program(command: LocalCommand, option: str) -> None:
    """The same for the command of an option. Raises: UsageError."""
    problem = _unusable(command.argv[0], Path.cwd())
    if problem is not None:
        raise UsageError(f"{option}: {command.argv[0]} {problem}; nothing was sent", hint=_hint([command]))


def folder_of(scenario: Scenario) -> Path:
    """Of the scenario file; the working directory where there is none."""
    source = Path(scenario.source)
    return source.absolute().parent if source.is_file() else Path.cwd()


def _unusable(name: str, folder: Path) -> str | None:
    if os.sep not in name:
        return None if shutil.which(name) else "is not a program on PATH"
    path = folder / name
    if not path.is_file():
        return f"is not a file in {folder}" if not Path(name).is_absolute() else "is not a file"
    return None if os.access(path, os.X_OK) else "is not executable (chmod +x)"


def _hint(commands: Sequence[LocalCommand]) -> str | None:
    """A list of single words was probably meant as one command."""
    if len(commands) > 1 and all(len(command.argv) == 1 for command in commands):
        return "a list is a list of commands; the words of one command:  [[docker, compose, up]]"
    return "no shell runs it; write  sh -c '…'  if you need one"


def _trouble(code: int) -> str | None:
    if code < 0:
        return f"was {killed_by(code)}"
    return f"failed with exit code {code}" if code else None


@contextlib.contextmanager
def _ends_on_signals() -> Iterator[None]:
    """A request to end leaves through the way out; Python itself would just end."""

    def leave(number: int, _frame: FrameType | None) -> None:
        error = Interrupted(number)
        error.message = "interrupted before every request was answered"
        raise error

    previous = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
