"""Files that somebody names, or that lie in the folder: whole texts, and never one without end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from loadctl.errors import UsageError

LARGEST = 100_000_000
"""Bytes. Scenarios are far smaller (document.py has their limit); data files may have a million rows."""
_BEGINNING = 1_000_000
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def is_file(path: Path) -> bool:
    """Whether a regular file is there; a name that no file can have is none."""
    return os.path.isfile(path)  # noqa: PTH113  that of pathlib raises OSError for names that are too long


def read_text(path: Path, *, streams: bool = False, damaged: str = "strict") -> str:
    """The text of a file. With `streams` also what a pipe brings, as in `--targets <(…)`.

    `damaged`: what to do with bytes that are no UTF-8, as decode() has it. Raises: UsageError.
    """
    try:
        if not streams and not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise UsageError(f"cannot read {path}: it is no regular file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > LARGEST:
        raise UsageError(f"{path} is too large: more than {LARGEST // 1_000_000} MB")
    try:
        return data.decode("utf-8-sig", damaged)
    except UnicodeDecodeError as error:
        hint = "it is UTF-16; save it as UTF-8" if data.startswith(_UTF_16) else None
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start})", hint=hint) from error


def beginning(path: Path) -> str:
    """What a file begins with; nothing where it cannot be read."""
    if not is_file(path):
        return ""
    try:
        with path.open("rb") as file:
            return file.read(_BEGINNING).decode("utf-8", "replace")
    except OSError:
        return ""
