"""Where the lines of a log come from: a file, files by pattern, or what a container or a cluster sends."""

from __future__ import annotations

import glob
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from loadctl.monitors.background import Lost, Stopping
from loadctl.monitors.logs.file import BEHIND, LINE_MAX, ROTATED, FileFeed, Identity

_LOOK_EVERY_S = 1.0
_GONE_S = 5.0
_FILES_MAX = 200
_READ_MAX = 2000
_WAITING_MAX = 50_000
_WAITING_CHARS_MAX = 32 << 20
_IS_BACK_S = 2.0
_CLOSE_S = 1.0
_RETRY_MAX = 4
"""Times `retry_s`."""
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")


class Feed(Protocol):
    """Lines of one log, in their order; asked a few times a second by one thread."""

    @property
    def name(self) -> str: ...

    def lines(self) -> Iterable[str]:
        """What came since the last time, without waiting. Raises: Lost while it cannot be read."""

    def rest(self) -> Iterable[str]:
        """What has begun and was never ended; at the end of the watch.

        Raises: Lost where there never was such a log.
        """

    @property
    def trouble(self) -> str | None:
        """Why the last lines may be late or incomplete, short of being lost."""

    @property
    def behind(self) -> bool:
        """More is there than `lines` gave the last time."""

    @property
    def rotations(self) -> int: ...

    def close(self) -> None: ...


class PatternFeed:
    """All files that match a pattern, new ones from their beginning; rotated ones are the old ones, renamed."""

    def __init__(
        self, pattern: str, name: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name or Path(pattern).name
        self.trouble: str | None = None
        self._pattern = pattern
        self._clock = clock
        self._takes_rotated = _is_rotated(pattern)
        self._tails: dict[str, FileFeed] = {}
        self._ended = 0
        self._read: dict[Identity, bytes] = {}
        """Files that are or were read, and how they begin: renamed ones may match the pattern too."""
        self._refused: str | None = None
        self._had_some = self._looked = clock()
        self._look(from_start=False)

    def lines(self) -> Iterator[str]:
        now = self._clock()
        if now - self._looked >= _LOOK_EVERY_S:
            self._look(from_start=True)
        for path, tail in list(self._tails.items()):
            try:
                yield from tail.lines()
            except Lost as lost:
                if Path(path).exists():
                    self._refused = str(lost)
                self._ended += tail.rotations  # of many files one may well go
                tail.close()
                del self._tails[path]
        self.trouble = self._refused or (BEHIND if self.behind else None)
        if self._tails:
            self._had_some = now
        elif self._refused or now - self._had_some >= _GONE_S:
            raise Lost(self._refused or f"no file matches {self._pattern}")

    @property
    def behind(self) -> bool:
        return any(tail.behind for tail in self._tails.values())

    def rest(self) -> Iterator[str]:
        if not self._tails and not self._ended:
            raise Lost(f"no file ever matched {self._pattern}")
        for tail in self._tails.values():
            yield from tail.rest()

    def _look(self, *, from_start: bool) -> None:
        self._looked = self._clock()
        self._refused = None
        self._remember()
        for match in sorted(glob.glob(self._pattern, recursive=True)):  # noqa: PTH207  patterns may be absolute
            path = os.path.realpath(match)  # a link to the newest file is that file
            if path in self._tails or (_is_rotated(match) and not self._takes_rotated):
                continue
            try:
                if not Path(path).is_file() or self._was_read(Path(path)):
                    continue
                if len(self._tails) >= _FILES_MAX:
                    self._refused = (
                        f"more than {_FILES_MAX} files match {self._pattern}: the others are not read"
                    )
                    return
                self._tails[path] = FileFeed(Path(path), from_start=from_start)
            except (OSError, Lost) as error:
                cause = error.strerror if isinstance(error, OSError) else None
                self._refused = f"{path} cannot be read: {cause}" if cause else str(error)

    def _remember(self) -> None:
        for tail in self._tails.values():
            self._read.update(tail.heads())
        for identity in list(self._read)[:-_READ_MAX]:
            del self._read[identity]

    def _was_read(self, path: Path) -> bool:
        """By its beginning too: the device and inode of a deleted file are given to the next one."""
        state = path.stat()
        head = self._read.get((state.st_dev, state.st_ino))
        if head is None:
            return False
        with path.open("rb") as file:
            return file.read(len(head)) == head

    @property
    def rotations(self) -> int:
        return self._ended + sum(tail.rotations for tail in self._tails.values())

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()


class StreamFeed:
    """Lines that another process sends: `follow` yields them in a thread of its own until the event is set.

    When it ends or raises it is called again after `retry_s`, later and later while it has nothing to say: it is for
    `follow` to take up where it was.
    """

    rotations = 0

    def __init__(self, name: str, follow: Callable[[Stopping], Iterator[str]], retry_s: float = 1.0) -> None:
        self.name = name
        self._follow = follow
        self._retry_s = retry_s
        self._stopping = Stopping()
        self._waiting: deque[str] = deque()
        self._waiting_chars = self._dropped = 0
        self._lock = threading.Lock()
        self._lost: str | None = None
        self._began: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"loadctl-log-{name}", daemon=True)
        self._thread.start()

    def lines(self) -> Iterator[str]:
        with self._lock:
            waiting, self._waiting, self._waiting_chars = self._waiting, deque(), 0
        yield from waiting
        began = self._began
        if began is not None and time.monotonic() - began > _IS_BACK_S:
            self._lost = None  # it is followed again, and has nothing to say
        if self._lost is not None:
            raise Lost(self._lost)

    def rest(self) -> Iterator[str]:
        return iter(())

    @property
    def trouble(self) -> str | None:
        if not self._dropped:
            return None
        return f"{self._dropped} lines came faster than they could be read and are not counted"

    @property
    def behind(self) -> bool:
        return bool(self._waiting)

    def stop(self) -> None:
        self._stopping.set()

    def close(self, wait_s: float = _CLOSE_S) -> None:
        """Ends the thread, unless it is waiting for a server that does not answer; closing that ends it."""
        self.stop()
        self._thread.join(wait_s)

    def _run(self) -> None:
        pause = self._retry_s / 2
        while not self._stopping.is_set():
            self._began, pause = time.monotonic(), min(2 * pause, _RETRY_MAX * self._retry_s)
            try:
                for line in self._follow(self._stopping):
                    self._lost, pause = None, self._retry_s
                    self._take(line[:LINE_MAX])
            except Exception as error:  # noqa: BLE001  it becomes a gap with its reason; the run goes on
                self._lost = str(error) or type(error).__name__
            self._began = None
            self._stopping.wait(pause)

    def _take(self, line: str) -> None:
        with self._lock:
            if len(self._waiting) >= _WAITING_MAX or self._waiting_chars >= _WAITING_CHARS_MAX:
                self._dropped += 1
                return
            self._waiting.append(line)
            self._waiting_chars += len(line)


def _is_rotated(name: str) -> bool:
    return name.endswith(_PACKED) or ROTATED.search(name) is not None
