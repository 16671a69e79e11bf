"""Errors in words: what failed, where, and what to do, as lines for stderr; and as an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from signal import SIGINT

from loadctl.errors import Interrupted, InvalidInput, LoadctlError, Mistake, RunError
from loadctl.results.verdict import ExitCode


def code_of(error: LoadctlError) -> ExitCode:
    if isinstance(error, Interrupted):
        return ExitCode.SIGINT if error.signal_number == SIGINT else ExitCode.SIGTERM
    return ExitCode.ERROR if isinstance(error, RunError) else ExitCode.USAGE


_WIDEST = 200
_BEFORE = 100
"""Of a longer line only the part around the mistake is shown."""


def explain(error: LoadctlError) -> str:
    """Several lines, without control characters that a file or a URL may have brought."""
    if isinstance(error, InvalidInput):
        text = "\n".join(line for mistake in error.mistakes for line in _mistake(mistake))
    else:
        word = "ERROR  " if isinstance(error, RunError) else ""
        indent = "\n" + " " * len(word)
        place = f"{error.where}  " if error.where else ""
        hint = f"\n{error.hint}" if error.hint else ""
        text = f"{word}{place}" + f"{error.message}{hint}".replace("\n", indent)
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def _mistake(mistake: Mistake) -> Iterator[str]:
    yield f"{mistake.where}  {mistake.message}"
    if mistake.excerpt is not None:
        left = max(0, mistake.where.column - _BEFORE) if len(mistake.excerpt) > _WIDEST else 0
        yield f"{mistake.where.line:>5} | {mistake.excerpt[left : left + _WIDEST]}"
        if mistake.where.column:
            yield f"      | {' ' * (mistake.where.column - 1 - left)}^"
    if mistake.hint:
        yield f"      {mistake.hint}"
