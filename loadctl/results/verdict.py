"""The run's one word, and the exit codes of the whole tool. Nothing else in loadctl decides an exit code."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Verdict(StrEnum):
    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"
    INTERRUPTED = "INTERRUPTED"


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
