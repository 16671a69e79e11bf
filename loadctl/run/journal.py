"""Append-only files of a run, one JSON object a line, and the lines of readings and events."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeGuard, cast

import msgspec

from loadctl.errors import RunError
from loadctl.results.recording import Event, Reading
from loadctl.results.wire.frame import MAX_LINE_BYTES
from loadctl.results.wire.record import MOST_S

if TYPE_CHECKING:
    from loadctl.results.readings import Readings

_NUMBER_MAX = 1 << 63
_LEVEL = 3
"""Its best. On frames 6 % larger than what gzip makes at level 4, in 0.4 of its time."""
_GZIP = 31
"""A gzip header and trailer around it, and the widest window."""
_HELP = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG), "make room"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "make it writable again"),
}


class UnwritableError(RunError):
    """The run directory cannot be written any more; what is there already stays."""


def unwritable(path: Path, error: OSError) -> UnwritableError:
    helps = _HELP.get(error.errno or 0)
    return UnwritableError(
        f"run directory unwritable in mid-run: {path}: {error.strerror or error}",
        hint=f"{helps}, then look at what was measured until then:  loadctl report {path.parent}"
        if helps
        else None,
    )


class Journal:
    """A file that only grows, by whole lines that reach the kernel at once: a kill -9 loses none of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._torn = False
        with contextlib.suppress(OSError):  # some network file systems know no locks
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def append(self, lines: Iterable[str]) -> None:
        """Append lines. Raises: UnwritableError; lines that were complete by then remain."""
        data = "".join(f"{line}\n" for line in lines).encode()
        if data and self._torn:
            data = b"\n" + data
        try:
            while data:
                written = os.write(self._fd, data)
                self._torn = data[written - 1 : written] != b"\n"
                data = data[written:]
        except OSError as error:
            raise unwritable(self.path, error) from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def is_written(path: Path) -> bool:
    """Whether a process has it open as a Journal now; the kernel drops the lock even after a kill -9."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of `path` or, where that is missing, of `path`.gz, as far as they can be read.

    Of a line longer than any of ours only the beginning.
    """
    packed = path.with_name(path.name + ".gz")
    with contextlib.suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                yield from _bounded(file)
        elif packed.is_file():
            yield from _unpacked(packed)


def _unpacked(path: Path) -> Iterator[bytes]:
    from isal import igzip, isal_zlib

    damaged = cast("type[Exception]", isal_zlib.error)  # its types call it an instance
    # A file cut short or damaged: what came before counts.
    with contextlib.suppress(EOFError, damaged), igzip.open(path, "rb") as file:
        yield from _bounded(io.BufferedReader(cast("io.RawIOBase", file), 1 << 16))  # its own lines are slow


def _bounded(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES):
        yield line
        while len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES)


def compress(path: Path) -> None:
    """Replace `path` by `path`.gz, in one step: a reader finds one of them whole at any time."""
    from isal import isal_zlib

    packed = path.with_name(path.name + ".gz")
    partial = packed.with_name(packed.name + ".partial")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    packer = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
    with os.fdopen(fd, "wb") as file, path.open("rb") as source:
        while block := source.read(1 << 20):
            file.write(packer.compress(block))
        file.write(packer.flush())
    partial.replace(packed)
    path.unlink()


def reading_line(reading: Reading) -> str:
    rounded = msgspec.structs.replace(reading, t=round(reading.t, 3))
    try:
        return msgspec.json.encode(rounded).decode()
    except UnicodeEncodeError:
        return _line(msgspec.to_builtins(rounded))


def event_line(event: Event) -> str:
    fields: dict[str, object] = {"t": round(event.t, 3), "kind": event.kind, "message": event.message}
    fields |= {"detail": dict(event.detail)} if event.detail else {}
    return _line(fields)


def _line(fields: object) -> str:
    """With ? for half a character (a lone surrogate), which no file can hold."""
    text = json.dumps(fields, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


_READINGS = msgspec.json.Decoder(Reading)


def read_readings(lines: Iterable[bytes]) -> Readings:
    """A reading a line; a torn or damaged one is left out."""
    from loadctl.results.readings import Columns  # a start need not wait for what reads

    columns = Columns()
    decode, add = _READINGS.decode, columns.add
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            add(decode(line))
    return columns.readings()


def read_event(line: bytes) -> Event | None:
    """An event from its line; None for a torn one."""
    fields = _fields(line)
    t, kind, message = (fields.get(key) for key in ("t", "kind", "message"))
    if not (_is_time(t) and isinstance(kind, str) and isinstance(message, str)):
        return None
    detail = {
        name: _whole(value) if isinstance(value, str) else value
        for name, value in _part(fields, "detail").items()
        if value is None or isinstance(value, str) or _is_number(value)
    }
    return Event(float(t), _whole(kind), _whole(message), detail)


def _fields(line: bytes) -> Mapping[str, object]:
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _part(fields: Mapping[str, object], key: str) -> Mapping[str, object]:
    part = fields.get(key)
    return {_whole(name): value for name, value in part.items()} if isinstance(part, dict) else {}


def _is_time(value: object) -> TypeGuard[int | float]:
    return _is_number(value) and abs(value) <= MOST_S


def _is_number(value: object) -> TypeGuard[int | float]:
    """One that a result can hold: JSON readers also take NaN, and whole numbers that are no float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < _NUMBER_MAX


def _whole(text: str) -> str:
    """Without halves of characters, which JSON can spell and no file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
