"""Standard output: the product of a command, which may be a terminal, a file, or a pipe whose reader leaves early."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys

from loadctl.errors import RunError


def write(text: str) -> None:
    """Write to stdout now. A reader that has left (`| head`) is no failure, and changes no exit code.

    Raises: RunError where stdout is a file that cannot be written.
    """
    try:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        hush()
    except OSError as error:
        hush()
        raise RunError(f"stdout cannot be written: {error.strerror}") from error


def write_json(document: object) -> None:
    write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def columns() -> int:
    """How wide stdout is; 80 where it is no terminal, so that files look alike."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80


def hush() -> None:
    """Let nothing more go to stdout, or the interpreter complains about it at its end."""
    with contextlib.suppress(OSError, io.UnsupportedOperation):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
