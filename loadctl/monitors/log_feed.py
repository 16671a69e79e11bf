"""Where the lines of a log come from: a file, files by pattern, or what a container or a cluster sends."""

from __future__ import annotations

import contextlib
import glob
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from loadctl.monitors.background import Lost
from loadctl.monitors.log_file import FileTail, Identity

_LOOK_EVERY_S = 1.0
_WAITING_MAX = 100_000
_ROTATED = re.compile(r"\.\d+$|\.(gz|bz2|xz|zst|zip)$|-\d{8}(\.\d+)?$")


class Feed(Protocol):
    """Lines of one log, in their order; asked a few times a second by one thread."""

    @property
    def name(self) -> str: ...

    def lines(self) -> Iterable[str]:
        """What came since the last time, without waiting. Raises: Lost while it cannot be read."""

    @property
    def rotations(self) -> int: ...

    def close(self) -> None: ...


class FileFeed:
    """One file, from its end on; one that is not there yet, from its beginning."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._tail = FileTail(path)

    def lines(self) -> Iterator[str]:
        return self._tail.poll()

    @property
    def rotations(self) -> int:
        return self._tail.rotations

    def close(self) -> None:
        self._tail.close()


class PatternFeed:
    """All files that match a pattern, new ones from their beginning; rotated ones are the old ones, renamed."""

    def __init__(self, pattern: str) -> None:
        self.name = Path(pattern).name
        self._pattern = pattern
        self._takes_rotated = bool(_ROTATED.search(pattern))
        self._tails: dict[str, FileTail] = {}
        self._looked = 0.0
        self._look(from_start=False)

    def lines(self) -> Iterator[str]:
        if time.monotonic() - self._looked >= _LOOK_EVERY_S:
            self._look(from_start=True)
        for path, tail in list(self._tails.items()):
            try:
                yield from tail.poll()
            except Lost:  # of many files one may well go
                tail.close()
                del self._tails[path]
        if not self._tails:
            raise Lost(f"no file matches {self._pattern}")

    def _look(self, *, from_start: bool) -> None:
        self._looked = time.monotonic()
        known = self._known()
        for path in sorted(glob.glob(self._pattern, recursive=True)):  # noqa: PTH207  patterns may be absolute
            if path in self._tails or (_ROTATED.search(path) and not self._takes_rotated):
                continue
            with contextlib.suppress(OSError, Lost):
                state = Path(path).stat()
                if (state.st_dev, state.st_ino) not in known and Path(path).is_file():
                    self._tails[path] = FileTail(Path(path), from_start=from_start)

    def _known(self) -> set[Identity]:
        return {tail.identity for tail in self._tails.values() if tail.identity is not None}

    @property
    def rotations(self) -> int:
        return sum(tail.rotations for tail in self._tails.values())

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()


class StreamFeed:
    """Lines that somebody sends: `follow` yields them in a thread of its own until the event is set."""

    rotations = 0

    def __init__(
        self, name: str, follow: Callable[[threading.Event], Iterator[str]], retry_s: float = 1.0
    ) -> None:
        self.name = name
        self._follow = follow
        self._retry_s = retry_s
        self._stopping = threading.Event()
        self._waiting: deque[str] = deque(maxlen=_WAITING_MAX)
        self._lost: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"loadctl-log-{name}", daemon=True)
        self._thread.start()

    def lines(self) -> Iterator[str]:
        while self._waiting:
            yield self._waiting.popleft()
        if self._lost is not None:
            raise Lost(self._lost)

    def close(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                for line in self._follow(self._stopping):
                    self._lost = None
                    self._waiting.append(line)
            except Exception as error:  # noqa: BLE001  it becomes a gap with its reason; the run goes on
                self._lost = str(error) or type(error).__name__
            self._stopping.wait(self._retry_s)
