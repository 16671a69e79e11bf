"""A log file followed from its end, through rotation, truncation and re-creation, without losing or repeating a line.

What was written between the last look and the rotation is read from where it went: the renamed file, which its writer
may hold open for long after (logrotate's `create`), files that were the log for a while in between, or the copy that
copytruncate made.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from loadctl.monitors.background import Lost

ANCHOR = 64
"""Bytes before the offset that must still be there, and bytes of a file's beginning that identify it."""
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
        """The last line, if it will not be ended any more."""
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


_CHUNK = 1 << 18
_AT_ONCE = 4 << 20
"""Bytes that one call of `lines` reads."""
BEHIND = "the log grows faster than it can be read: its lines are counted late"
_GONE_S = 5.0
_QUIET_S = 10.0
"""How long a renamed file must be silent before it is closed."""
_OLD_MAX = 64
ROTATED = re.compile(r"[._-](?:\d[\dTZ:._-]*|old|bak|prev)$")
"""What rotation appends to a name: .1, -20261124, .2026-11-24_12-00, .old. Packed ones are not read."""


@dataclass(frozen=True, slots=True)
class _Known:
    head: bytes
    written_ns: int


@dataclass(slots=True)
class _Old:
    handle: LogHandle
    quiet_since: float


class FileFeed:
    """The lines of one file, from its end on; of one that is not there yet, from its beginning. For one thread.

    `name`: as it was written, which distinguishes logs of one name in two folders.
    """

    def __init__(
        self,
        path: Path,
        name: str | None = None,
        *,
        from_start: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name or path.name
        self.path = path
        self.rotations = 0
        self.behind = False
        """More was there than one call of `lines` reads."""
        self._clock = clock
        self._left = 0
        self._handle: LogHandle | None = None
        self._old: list[_Old] = []
        self._missing_since: float | None = None
        self._open(at_end=not from_start)
        self._known = {
            identity: _Known(_head(path), state.st_mtime_ns) for path, identity, state in self._siblings()
        }

    def lines(self) -> Iterator[str]:
        """Raises: Lost where there has been no such file for 5 s, or it cannot be read."""
        self.behind, self._left = False, _AT_ONCE
        if self._handle is None and not self._open(at_end=False):
            self._complain_if_gone()
            return
        try:
            yield from self._drain_old()
            yield from self._follow()
        except OSError as error:
            raise Lost(f"{self.path} cannot be read: {error.strerror}") from error

    def rest(self) -> Iterator[str]:
        """Lines without an end; at the end of the watch they count too.

        Raises: Lost where there never was such a file.
        """
        if self._handle is None and not self.rotations:
            raise Lost(f"there was no {self.path}")
        for handle in self._handles():
            yield from handle.rest()

    @property
    def trouble(self) -> str | None:
        return BEHIND if self.behind else None

    def heads(self) -> dict[Identity, bytes]:
        """The files that are read now, and how they begin."""
        return {handle.identity: handle.head for handle in self._handles()}

    def close(self) -> None:
        for handle in self._handles():
            handle.close()
        self._handle, self._old = None, []

    def _handles(self) -> list[LogHandle]:
        return [*(old.handle for old in self._old), *([self._handle] if self._handle else [])]

    def _open(self, *, at_end: bool) -> bool:
        try:
            self._handle = LogHandle.open(self.path, at_end=at_end)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise Lost(f"{self.path} cannot be read: {error.strerror}") from error
        self._missing_since = None
        return True

    def _drain(self, handle: LogHandle) -> Iterator[str]:
        """What the file holds beyond its place, as far as this call may read."""
        while self._left > 0:
            data = handle.read(min(_CHUNK, self._left))
            if not data:
                return
            self._left -= len(data)
            yield from handle.lines(data)
        self.behind = True

    def _drain_old(self) -> Iterator[str]:
        for old in list(self._old):
            place = old.handle.offset
            yield from self._drain(old.handle)
            now = self._clock()
            if old.handle.offset != place or self.behind:
                old.quiet_since = now
            elif now - old.quiet_since > _QUIET_S:
                yield from old.handle.rest()
                old.handle.close()
                self._old.remove(old)

    def _follow(self) -> Iterator[str]:
        handle = self._handle
        assert handle is not None  # noqa: S101  lines() has opened it
        if handle.was_cut():
            yield from self._rest_of_copy(handle)
            handle.begin_again()
        yield from self._drain(handle)
        try:
            state = self.path.stat()
            if (state.st_dev, state.st_ino) == handle.identity:
                self._missing_since = None
                return
            new = LogHandle.open(self.path)
            if new.identity == handle.identity:  # renamed back in between
                new.close()
                return
        except FileNotFoundError:  # renamed, and not there again yet
            self._complain_if_gone()
            return
        self.rotations += 1
        self._missing_since = None
        self._handle = new
        self._keep(handle)
        yield from self._drain(handle)  # written between the last look and the rename
        for between in self._rotated_between(handle):
            self._keep(between)
            yield from self._drain(between)
        yield from self._drain(new)
        while len(self._old) > _OLD_MAX:
            self._old.pop(0).handle.close()

    def _keep(self, handle: LogHandle) -> None:
        """Until its writer has surely left it; while it is open, no other file has its identity."""
        self._old.append(_Old(handle, self._clock()))

    def _rotated_between(self, old: LogHandle) -> list[LogHandle]:
        """Files that were the log for a while between two looks, the oldest first. New copies of old ones are not."""
        reading = self.heads()
        heads = {*reading.values(), *(known.head for known in self._known.values())}
        found = []
        known = {}
        for path, identity, state in self._siblings():
            head = _head(path)
            seen = self._known.get(identity)
            known[identity] = _Known(head, state.st_mtime_ns)
            is_known = identity in reading or (seen is not None and head.startswith(seen.head))
            is_copy = len(head) == ANCHOR and head in heads
            if is_known or is_copy or not head or not ROTATED.search(path.name[len(self.path.name) :]):
                continue
            if state.st_mtime_ns >= old.written_ns:
                found.append((state.st_mtime_ns, path))
        self._known = known
        handles = []
        for _, path in sorted(found):
            with contextlib.suppress(OSError):
                handles.append(LogHandle.open(path))
        return handles

    def _rest_of_copy(self, handle: LogHandle) -> Iterator[str]:
        """copytruncate: what was added before the file was emptied is in its copy, after the same bytes."""
        self.rotations += 1
        for path, identity, state in sorted(self._siblings(), key=lambda one: -one[2].st_mtime_ns):
            seen = self._known.get(identity)
            if seen is not None and seen.written_ns == state.st_mtime_ns:
                continue
            copy = handle.copy_at(path) if handle.offset else None
            if copy is not None:
                self._known[identity] = _Known(copy.head, state.st_mtime_ns)
                self._keep(copy)
                yield from self._drain(copy)
                return
        yield from handle.rest()

    def _siblings(self) -> list[tuple[Path, Identity, os.stat_result]]:
        """Regular files named after this one."""
        found = []
        name = self.path.name
        with contextlib.suppress(OSError):
            for path in self.path.parent.iterdir():
                if path.name.startswith(name) and path.name[len(name) :][:1] in {".", "-", "_"}:
                    with contextlib.suppress(OSError):
                        state = path.stat()
                        if stat.S_ISREG(state.st_mode):
                            found.append((path, (state.st_dev, state.st_ino), state))
        return found

    def _complain_if_gone(self) -> None:
        now = self._clock()
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since >= _GONE_S:
            raise Lost(f"there is no file {self.path}")


def _head(path: Path) -> bytes:
    """Empty too where it cannot be read: it will not be then either."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(ANCHOR)
    return b""
