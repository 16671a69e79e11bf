"""A log file followed from its end, through rotation, truncation and re-creation, without losing or repeating a line.

A file is known by (device, inode), and the place in it by the 64 bytes before it: with the size alone, a file that was
truncated and has grown past the old place lost 72 % of its lines. What was written between the last look and the
rotation is read from where it went: the open file, files rotated in between, or the copy that copytruncate made.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from loadctl.monitors.background import Lost

_ANCHOR = 64
_CHUNK = 1 << 18
_AT_ONCE = 4 << 20
_LINE_MAX = 1 << 16
_GONE_S = 5.0
_SEEN_MAX = 64
_PACKED = re.compile(r"\.(gz|bz2|xz|zst|zip)$")

Identity = tuple[int, int]


class FileTail:
    """`poll` gives the new whole lines; `rotations` counts files that ended. For one thread."""

    def __init__(self, path: Path, *, from_start: bool = False) -> None:
        self.path = path
        self.rotations = 0
        self.behind = False
        """More was there than one poll reads."""
        self._fd = -1
        self._identity: Identity | None = None
        self._offset = 0
        self._anchor = b""
        self._partial = b""
        self._skipping = False
        self._seen: list[Identity] = []
        self._missing_since: float | None = None
        self._open(at_end=not from_start)

    @property
    def identity(self) -> Identity | None:
        return self._identity

    @property
    def offset(self) -> int:
        return self._offset

    def poll(self) -> Iterator[str]:
        """Raises: Lost where there has been no such file for 5 s, or it cannot be read."""
        self.behind = False
        if self._fd < 0 and not self._open(at_end=False):
            self._complain_if_gone()
            return
        try:
            if self._was_cut():
                yield from self._rest_of_copy()
                self._begin_again()
            yield from self._drain()
            if not self.behind:
                yield from self._follow_rotation()
        except OSError as error:
            raise Lost(f"{self.path} cannot be read: {error.strerror}") from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self, *, at_end: bool) -> bool:
        try:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        except FileNotFoundError:
            self._fd = -1
            return False
        except OSError as error:
            raise Lost(f"{self.path} cannot be read: {error.strerror}") from error
        state = os.fstat(self._fd)
        self._identity = (state.st_dev, state.st_ino)
        self._remember(self._identity)
        self._missing_since = None
        self._begin_again()
        if at_end:
            self._offset = state.st_size
            self._anchor = os.pread(self._fd, _ANCHOR, max(0, self._offset - _ANCHOR))
            # A line that is being written now began before the watch: its rest is not a line of its own.
            self._skipping = bool(self._anchor) and not self._anchor.endswith(b"\n")
        return True

    def _begin_again(self) -> None:
        self._offset, self._anchor, self._partial, self._skipping = 0, b"", b"", False

    def _remember(self, identity: Identity) -> None:
        if identity not in self._seen:
            self._seen = [*self._seen[-_SEEN_MAX:], identity]

    def _was_cut(self) -> bool:
        if os.fstat(self._fd).st_size < self._offset:
            return True
        return os.pread(self._fd, len(self._anchor), self._offset - len(self._anchor)) != self._anchor

    def _drain(self) -> Iterator[str]:
        """What the open file holds beyond the place."""
        left = _AT_ONCE
        while data := os.pread(self._fd, _CHUNK, self._offset):
            self._offset += len(data)
            self._anchor = (self._anchor + data)[-_ANCHOR:]
            yield from self._lines(data)
            left -= len(data)
            if left <= 0:
                self.behind = True
                return

    def _lines(self, data: bytes) -> Iterator[str]:
        *whole, rest = data.split(b"\n")
        for i, line in enumerate(whole):
            full = self._partial + line if i == 0 else line
            if i == 0:
                self._partial = b""
            if self._skipping:
                self._skipping = False
                continue
            yield full.removesuffix(b"\r").decode("utf-8", "replace")
        if self._skipping:
            return
        self._partial = self._partial + rest if not whole else rest
        if len(self._partial) > _LINE_MAX:
            yield self._partial[:_LINE_MAX].decode("utf-8", "replace")
            self._partial, self._skipping = b"", True

    def _follow_rotation(self) -> Iterator[str]:
        try:
            state = self.path.stat()
            now: Identity | None = (state.st_dev, state.st_ino)
        except FileNotFoundError:
            now = None
        if now == self._identity:
            self._missing_since = None
            return
        if now is None:  # renamed, and not there again yet: the open file may still grow
            self._complain_if_gone()
            return
        old = os.fstat(self._fd)
        yield from self._drain()  # written between the last look and the rename
        if self.behind:
            return
        yield from self._rest_of_line()
        self.close()
        self.rotations += 1
        for path in self._rotated_since(old, now):
            yield from self._whole(path)
        self._open(at_end=False)
        yield from self._drain()

    def _rest_of_line(self) -> Iterator[str]:
        """The last line of a file that nobody will end any more."""
        if self._partial and not self._skipping:
            yield self._partial.decode("utf-8", "replace")
        self._partial, self._skipping = b"", False

    def _rotated_since(self, old: os.stat_result, now: Identity) -> list[Path]:
        """Files that were the log for a while between two looks, the oldest first."""
        found = []
        for path, state in self._siblings():
            identity = (state.st_dev, state.st_ino)
            if identity not in self._seen and identity != now and state.st_mtime_ns >= old.st_mtime_ns:
                found.append((state.st_mtime_ns, path, identity))
        for _, _, identity in found:
            self._remember(identity)
        return [path for _, path, _ in sorted(found)]

    def _siblings(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Files named after this one; those that were here at the start are known by being older."""
        with contextlib.suppress(OSError):
            for path in self.path.parent.iterdir():
                if path.name.startswith(f"{self.path.name}.") and not _PACKED.search(path.name):
                    with contextlib.suppress(OSError):
                        yield path, path.stat()

    def _whole(self, path: Path) -> Iterator[str]:
        with contextlib.suppress(OSError), path.open("rb") as file:
            for line in file:
                yield line[:_LINE_MAX].rstrip(b"\r\n").decode("utf-8", "replace")

    def _rest_of_copy(self) -> Iterator[str]:
        """copytruncate: what was added before the file was emptied stands in its copy, behind the same bytes."""
        self.rotations += 1
        for path, state in sorted(self._siblings(), key=lambda one: -one[1].st_mtime_ns):
            identity = (state.st_dev, state.st_ino)
            if identity in self._seen or state.st_size < self._offset or not self._anchor:
                continue
            with contextlib.suppress(OSError), path.open("rb") as file:
                file.seek(self._offset - len(self._anchor))
                if file.read(len(self._anchor)) != self._anchor:
                    continue
                self._remember(identity)
                yield from self._lines(file.read(_AT_ONCE))
                yield from self._rest_of_line()
                return

    def _complain_if_gone(self) -> None:
        now = time.monotonic()
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since >= _GONE_S:
            raise Lost(f"there is no file {self.path}")
