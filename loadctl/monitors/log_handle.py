"""An open log file and a place in it; what is renamed, emptied or deleted is seen from here, not from its name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

ANCHOR = 64
"""Bytes before the place that must still be there, and bytes of a file's beginning that tell it from another."""
LINE_MAX = 1 << 16

Identity = tuple[int, int]
"""Device and inode; freed with the last name and the last open file, and then given to another file."""


class LogHandle:
    """Whole lines come out of `lines`, the unended last one out of `rest`. For one thread."""

    def __init__(self, fd: int, offset: int = 0) -> None:
        self._fd = fd
        state = os.fstat(fd)
        self.identity: Identity = (state.st_dev, state.st_ino)
        self.offset = offset
        self._anchor = os.pread(fd, ANCHOR, max(0, offset - ANCHOR)) if offset else b""
        self._partial = b""
        # A line that is being written now began before the watch: its rest is not a line of its own.
        self._skipping = bool(self._anchor) and not self._anchor.endswith(b"\n")

    @classmethod
    def open(cls, path: Path, *, at_end: bool = False) -> LogHandle:
        """Raises: OSError."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        try:
            return cls(fd, os.fstat(fd).st_size if at_end else 0)
        except OSError:
            os.close(fd)
            raise

    def copy_at(self, path: Path) -> LogHandle | None:
        """`path` from the same place on, if it holds the same bytes before it: then it is a copy of this file."""
        with contextlib.suppress(OSError):
            copy = LogHandle.open(path)
            copy._go_on_from(self)  # noqa: SLF001  its own class
            if copy.identity != self.identity and not copy.was_cut():
                return copy
            copy.close()
        return None

    @property
    def head(self) -> bytes:
        return os.pread(self._fd, ANCHOR, 0)

    @property
    def written_ns(self) -> int:
        return os.fstat(self._fd).st_mtime_ns

    def was_cut(self) -> bool:
        """The size alone would not do: a file that was emptied and has grown past the place lost 72 % of its lines."""
        if os.fstat(self._fd).st_size < self.offset:
            return True
        return os.pread(self._fd, len(self._anchor), self.offset - len(self._anchor)) != self._anchor

    def begin_again(self) -> None:
        self.offset, self._anchor, self._partial, self._skipping = 0, b"", b"", False

    def read(self, most: int) -> bytes:
        """The next bytes; none: that is all for now."""
        data = os.pread(self._fd, most, self.offset)
        self.offset += len(data)
        self._anchor = (self._anchor + data)[-ANCHOR:]
        if data[:1] == b"\0" and not data.strip(b"\0"):
            self._leave_hole()
        return data

    def lines(self, data: bytes) -> Iterator[str]:
        if data[:1] == b"\0" and not self._partial:
            data = data.lstrip(b"\0")
        *whole, rest = data.split(b"\n")
        for line in whole:
            full, self._partial = self._partial + line, b""
            if self._skipping:
                self._skipping = False
                continue
            yield full.removesuffix(b"\r").decode("utf-8", "replace")
        if self._skipping:
            return
        self._partial += rest
        if len(self._partial) > LINE_MAX:
            yield self._partial[:LINE_MAX].decode("utf-8", "replace")
            self._partial, self._skipping = b"", True

    def rest(self) -> Iterator[str]:
        """The last line, when nobody will end it any more."""
        partial, self._partial = self._partial, b""
        if partial and not self._skipping:
            yield partial.decode("utf-8", "replace")
        self._skipping = False

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _go_on_from(self, other: LogHandle) -> None:
        self.offset, self._anchor = other.offset, other._anchor
        self._partial, self._skipping = other._partial, other._skipping

    def _leave_hole(self) -> None:
        """A writer without O_APPEND goes on at its old place in an emptied file: gigabytes of nothing before it."""
        if hasattr(os, "SEEK_DATA"):
            with contextlib.suppress(OSError):
                self.offset = max(self.offset, os.lseek(self._fd, self.offset, os.SEEK_DATA))
