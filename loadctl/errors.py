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
    """The verdict is PASS, or WARN without --fail-on warn. Other commands: they did what they were asked."""
    FAIL = 1
    """The verdict is FAIL: a judged critical limit is crossed, or there is a critical finding. With --fail-on warn also
    WARN. `compare` and `run --baseline`: a gated metric became worse."""
    USAGE = 2
    """Wrong arguments, files or environment. Nothing was sent. `compare`: the runs are not comparable."""
    INCONCLUSIVE = 3
    """The verdict is INCONCLUSIVE: the measurement does not allow a verdict on the system. `compare --require-proof`:
    a gated metric cannot be decided."""
    ERROR = 4
    """The verdict is ERROR: the run could not be carried out. The system was never ready, the engine died, or the disk
    is full."""
    INTERNAL = 70
    """A bug in loadctl. The run directory is kept."""
    SIGINT = 130
    """The verdict is INTERRUPTED, by SIGINT (Ctrl-C). What was measured until then is scored."""
    SIGTERM = 143
    """The verdict is INTERRUPTED, by SIGTERM. What was measured until then is scored."""


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a file."""

    file: str
    """Its name."""
    line: int = 0
    column: int = 0
    """From 1; 0 where it is not known."""

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
