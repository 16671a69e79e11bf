"""Writing to stdout and stderr, which may be a terminal, a file, or a pipe whose reader leaves early."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from loadctl.errors import RunError

if TYPE_CHECKING:
    from loadctl.results.result import Result


def is_terminal() -> bool:
    """Whether stderr is a terminal that can redraw lines: not a pipe, not a dumb terminal, not a CI job."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("CI")


def in_actions() -> bool:
    """Whether GitHub Actions reads the log, where some lines are commands."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


_CONTROL = re.compile(r"(?P<ours>\x1b\[(?:[01](?:;[0-9]{2})?m|K))|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Characters that command a terminal; `ours`: colours, and the line of `wait`."""


_secrets: dict[str, str] = {}


def hide_in_messages(secrets: Mapping[str, str]) -> None:
    """From here on `complain` redacts those that come from the environment: an error does not know which part of its
    text is one. Those written in a file are often ordinary words, such as the password of a demo.
    """
    _secrets.update((value, shown) for value, shown in secrets.items() if shown.startswith("${"))


def without_secrets(text: str) -> str:
    if not _secrets:
        return text
    from loadctl.scenario.redaction import Redaction

    return Redaction(_secrets).hidden(text)


def write(text: str, *, as_json: bool = False) -> None:
    """Write to stdout now. A reader that has left (`| head`) is no failure, and changes no exit code.

    Raises: RunError where stdout is a file that cannot be written.
    """
    text = for_the_log(text, as_json=as_json)
    try:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        hush(sys.stdout)
    except OSError as error:
        hush(sys.stdout)
        raise RunError(f"stdout cannot be written: {error.strerror}") from error


def write_json(document: object) -> None:
    write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False), as_json=True)


def columns() -> int:
    """How wide stdout is; 80 where it is no terminal, so that files look alike."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80


def complain(text: str) -> bool:
    """Write to stderr now; False where that cannot be written, which changes no exit code either."""
    return write_commands(for_the_log(without_secrets(text)))


def write_commands(lines: str) -> bool:
    """The same, where the log shall understand a line as a command (see reports/ci/workflow_commands.py)."""
    try:
        sys.stderr.write(lines)
        sys.stderr.flush()
    except OSError:
        hush(sys.stderr)
        return False
    return True


def for_the_log(text: str, *, as_json: bool = False) -> str:
    """`text` without sequences that would command a terminal or GitHub, which file names and systems may contain."""
    text = _CONTROL.sub(_escaped if as_json else _without, text)
    if not in_actions():
        return text
    from loadctl.reports.ci.workflow_commands import harmless, harmless_json

    return harmless_json(text) if as_json else harmless(text)


def _without(found: re.Match[str]) -> str:
    return found["ours"] or " "


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0][0]):04x}{found[0][1:]}"


def hush(stream: TextIO) -> None:
    """Send nothing more there, or the interpreter reports an error when it exits."""
    with contextlib.suppress(OSError, io.UnsupportedOperation):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)


def open_standard_streams() -> None:
    """Where one is closed (`<&-`, `>&-`, a daemon), the next file opened would take its number, and messages would be
    written into it.
    """
    for fd, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, mode)  # the lowest free number: this one
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def tell(result: Result, *, quiet: bool = False, as_json: bool = False) -> None:
    """On stdout, in the form asked for."""
    from loadctl.reports.terminal.screen import headline, render
    from loadctl.results.result import dumps

    if as_json:
        write(dumps(result), as_json=True)
    elif quiet:
        write(headline(result, colour=wants_colour()))
    else:
        write(render(result, width=columns(), colour=wants_colour()))
