"""Merging: follow the shards' frame files while they grow, and add up each second once it is whole."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from loadctl.results.interval import Second
from loadctl.results.recording import Example, ScriptFault, Shard
from loadctl.results.wire.frame import MAX_LINE_BYTES, Bye, Hello, Note, ScriptCode, parse
from loadctl.scenario.load import LevelChange

SILENT_S = 3.0
"""A shard that has written nothing for this long no longer holds the others up; what it writes later is added then."""
_CHUNK = 1 << 20
_NOTES_MAX = 100
_EXAMPLES_EACH = 3
_EXAMPLES_MAX = 500
_FAULTS_MAX = 20


@dataclass(slots=True)
class ShardLog:
    """What one shard has written so far, fed line by line in order."""

    index: int
    hello: Hello | None = None
    bye: Bye | None = None
    last_t: int = -1
    in_flight: dict[str, int] = field(default_factory=dict)
    """Requests under way, by endpoint, when its last frame was written."""
    notes: list[str] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    script_faults: list[ScriptFault] = field(default_factory=list)
    faults_after_bye: int = 0
    """A script may raise after its shard's bye, in its last listeners."""
    script_code: int | None = None
    script_why: str = ""
    levels: list[LevelChange] = field(default_factory=list)
    """Of a script's own load, as it came to them; all shards say the same."""
    unreadable: int = 0
    """Lines that were torn or not a frame."""

    def take(self, line: bytes) -> Second | None:
        """Read a line; the second, where it holds one."""
        found = parse(line)
        if isinstance(found, Second):
            self.last_t = max(self.last_t, found.t)
            self.in_flight = {name: cell.in_flight for name, cell in found.cells.items() if cell.in_flight}
            return found
        match found:
            case Hello():
                self.hello = found
            case Bye():
                self.bye = found
            case Note() if len(self.notes) < _NOTES_MAX:
                self.notes.append(found.message)
            case Example() if len(self.examples) < _EXAMPLES_MAX:
                self.examples.append(found)
            case ScriptFault() if len(self.script_faults) < _FAULTS_MAX:
                self.script_faults.append(found)
                self.faults_after_bye += self.bye is not None
            case ScriptCode():
                self.script_code, self.script_why = found.code, found.why
            case LevelChange():
                self.levels.append(found)
            case None if line.strip():
                self.unreadable += 1
        return None

    def shard(self) -> Shard:
        torn = [f"{self.unreadable} lines of its frames could not be read"] if self.unreadable else []
        return Shard(
            index=self.index,
            hello=self.hello is not None,
            bye=self.bye is not None,
            pid=self.hello.pid if self.hello else None,
            engine_version=self.hello.version if self.hello else None,
            engine_users=self.hello.users if self.hello else None,
            engine_extension=self.hello.extension if self.hello else None,
            virtual_users=self.bye.virtual_users if self.bye else None,
            last_t=self.last_t if self.last_t >= 0 else None,
            unfinished=self.bye.unfinished if self.bye else {},
            cut_off={} if self.bye else self.in_flight,
            totals=self.bye.totals if self.bye else {},
            notes=(*self.notes, *torn),
            script_faults=tuple(self.script_faults),
            script_faults_count=self._faults_count(),
            script_code=self.script_code,
            script_why=self.script_why,
        )

    def _faults_count(self) -> int:
        """Without its bye only those are known that it wrote down."""
        before = len(self.script_faults) - self.faults_after_bye
        totals = self.bye.totals if self.bye else {}
        return max(totals.get("script_faults", 0), before) + self.faults_after_bye


class Tail:
    """The whole lines appended to a file since the last look; a part of a line waits for its rest."""

    def __init__(self, path: Path, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._path = path
        self._max_line_bytes = max_line_bytes
        self._offset = 0
        self._part = bytearray()
        self._skipping = False

    def lines(self) -> Iterator[bytes]:
        try:
            # Whatever has come to lie there, such as a pipe without a writer, must not hold the run up.
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        except OSError:
            return
        try:
            while block := _pread(fd, self._offset):
                self._offset += len(block)
                yield from self._split(block)
        finally:
            os.close(fd)

    def rest(self) -> bytes:
        """What has no line end: the torn last line of a shard that is gone."""
        return bytes(self._part)

    def _split(self, block: bytes) -> Iterator[bytes]:
        *whole, part = block.split(b"\n")
        for line in whole:
            if self._skipping:
                self._skipping = False
            else:
                self._part += line
                yield bytes(self._part)
            self._part.clear()
        if not self._skipping:
            self._part += part
        if len(self._part) > self._max_line_bytes:  # a line without end must not fill the memory
            self._part.clear()
            self._skipping = True


def _pread(fd: int, offset: int) -> bytes:
    try:
        return os.pread(fd, _CHUNK, offset)
    except OSError:
        return b""


@dataclass(slots=True)
class _Source:
    tail: Tail
    log: ShardLog
    heard_at: float = 0.0
    gone: bool = False

    def holds_up(self, now: float) -> bool:
        """Whether the others wait for it."""
        return not self.gone and self.log.bye is None and now - self.heard_at <= SILENT_S


class Merger:
    """Adds up the shards' frames. `now` is any monotonic time in seconds, the same clock in all calls.

    Each second is given out once all shards that are alive and not silent have passed it. What a shard says
    about a second that is out already comes as another `Second` of the same t: readers add them up.
    """

    def __init__(self, files: Sequence[Path], now: float) -> None:
        self._sources = [_Source(Tail(path), ShardLog(k), now) for k, path in enumerate(files)]
        self._pending: dict[int, Second] = {}

    @property
    def logs(self) -> Sequence[ShardLog]:
        return [source.log for source in self._sources]

    def silence_s(self, shard: int, now: float) -> float:
        """How long ago it last wrote anything."""
        return now - self._sources[shard].heard_at

    def awake(self, now: float) -> None:
        """Count silence from now: the load begins, or this process itself was asleep."""
        for source in self._sources:
            source.heard_at = now

    def gone(self, shard: int) -> None:
        """It has exited: read what it left; the others no longer wait for it."""
        source = self._sources[shard]
        self._read(source, source.heard_at)
        source.gone = True
        if rest := source.tail.rest():
            self._add(source, rest)

    def poll(self, now: float) -> list[Second]:
        """Seconds that have become whole, in order; late additions to earlier ones among them."""
        for source in self._sources:
            if not source.gone:
                self._read(source, now)
        waited_for = [source for source in self._sources if source.holds_up(now)]
        passed = min((source.log.last_t for source in waited_for), default=None)
        return self._take(t for t in self._pending if passed is None or t <= passed)

    def finish(self) -> list[Second]:
        """Everything that is left."""
        return self._take(self._pending)

    def _take(self, which: Iterable[int]) -> list[Second]:
        return [self._pending.pop(t) for t in sorted(which)]

    def _read(self, source: _Source, now: float) -> None:
        for line in source.tail.lines():
            source.heard_at = now
            self._add(source, line)

    def _add(self, source: _Source, line: bytes) -> None:
        second = source.log.take(line)
        if second is None:
            return
        if second.t in self._pending:
            self._pending[second.t].merge(second)
        else:
            self._pending[second.t] = second


def in_step(shards: Sequence[Iterable[Second]]) -> Iterator[Second]:
    """The seconds of several shards side by side, each added up; few of them are alive at a time.

    One that stands in the wrong place of its shard comes as another `Second` of the same t.
    """
    whole: Second | None = None
    for second in heapq.merge(*shards, key=_t):
        if whole is not None and second.t == whole.t:
            whole.merge(second)
            continue
        if whole is not None:
            yield whole
        whole = second
    if whole is not None:
        yield whole


_t = attrgetter("t")


def first_examples(logs: Iterable[ShardLog]) -> list[Example]:
    """The first three of each endpoint and class over all shards, in order of time."""
    kept: list[Example] = []
    seen: dict[tuple[str, str], int] = {}
    for example in sorted((e for log in logs for e in log.examples), key=lambda e: e.t):
        key = example.endpoint, example.error_class
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= _EXAMPLES_EACH:
            kept.append(example)
    return kept[:_EXAMPLES_MAX]
