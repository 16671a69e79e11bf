"""What can go wrong for a user, each with what failed, where, and what to do; and the exit codes of the whole tool.

LoadctlError
├── UsageError       nothing was sent: wrong arguments or files           exit 2
│   └── InvalidInput     one or many mistakes in YAML, each with its place
├── RunError         the run could not be carried out                     exit 4
└── Interrupted      SIGINT or SIGTERM before there was anything to score exit 130 / 143
Everything else that reaches the funnel in cli/app.py is a bug: exit 70.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from signal import Signals


def signal_name(number: int) -> str:
    """For people: SIGKILL, or "signal 40" where it has no name."""
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


class ExitCode(IntEnum):
    OK = 0
    """PASS, or WARN unless --fail-on warn; every command that did what it was asked."""
    FAIL = 1
    """A judged critical limit is crossed, or a critical finding."""
    USAGE = 2
    """Usage or configuration error: nothing was sent."""
    INCONCLUSIVE = 3
    """The measurement does not allow a verdict on the system."""
    ERROR = 4
    """The run could not be carried out."""
    INTERNAL = 70
    """A bug in loadctl; the run directory is kept. sysexits.h's EX_SOFTWARE."""
    SIGINT = 130
    SIGTERM = 143


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a file; line and column count from 1."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])


class LoadctlError(Exception):
    """Base of all errors shown to the user without a traceback."""

    def __init__(self, message: str, *, where: Where | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint


class UsageError(LoadctlError):
    """Nothing was sent: the arguments, the configuration or the environment are wrong."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in an input file: where, what, and what to write instead; `excerpt` is the source line."""

    where: Where
    message: str
    hint: str | None = None
    excerpt: str | None = None


class InvalidInput(UsageError):
    """All mistakes found in the input, in the order of their places."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.where))
        super().__init__("; ".join(f"{m.where}  {m.message}" for m in self.mistakes))


class RunError(LoadctlError):
    """The run could not be carried out: the system was never ready, the engine never spoke, the disk is full."""


class Interrupted(LoadctlError):
    """A signal ended loadctl before there was anything to score; `signal_number` decides the exit code."""

    def __init__(
        self, signal_number: int, message: str = "interrupted before the load began; nothing was sent"
    ) -> None:
        super().__init__(message)
        self.signal_number = signal_number
