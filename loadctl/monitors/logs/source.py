"""A log as a source: lines and errors by the second, the first errors as they come, the most frequent at the end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass

from loadctl.monitors.background import Background, Lost
from loadctl.monitors.logs.feed import Feed
from loadctl.monitors.logs.line import Entries, LogError, LogReader, folded
from loadctl.monitors.source import Detail, Observation
from loadctl.results.recording import Event, Reading

_POLL_S = 0.2
_FIRST = 20
_KINDS_REPORTED = 50
_KINDS_MAX = 1000
_OTHER = "(other)"
_FREQUENT = 10
_SHOWN = 300
_ROTATION_EVERY_S = 10.0
_READ_WAIT_S = 5.0
_REST_S = 5.0
"""Time for reading what was logged before the end of the watch."""


@dataclass(slots=True)
class _Kind:
    count: int
    first: float
    last: float
    level: str


class LogSource:
    """Readings: log_lines, log_errors and log_chars of the second. Memory is bounded, whatever is logged."""

    subject = "system"
    period_s = 1.0

    def __init__(self, feed: Feed, reader: LogReader) -> None:
        self._feed = feed
        self._entries = Entries(reader)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._kinds: dict[str, _Kind] = {}
        self._errors = self._reported = self._rotations = 0
        self._rotation_reported = -_ROTATION_EVERY_S
        self._background = Background(f"log-{feed.name}", self._follow)

    @property
    def name(self) -> str:
        return f"logs {self._feed.name}"

    def sample(self, t: float) -> list[Observation]:
        return [*self._background.sample(t), self._reading_of(t)]

    def close(self, t: float) -> list[Observation]:
        """What was logged since the last look is counted too, also where the log has gone in the meantime."""
        self._background.stop()
        gap = self._read_to_the_end()
        self._feed.close()
        seen = self._background.close(t)
        if gap is None or self._counts["log_lines"]:
            seen.append(self._reading_of(t))
        if gap is not None:
            seen.append(Reading(t, self.subject, "logs", self._feed.name, gap=gap))
        return [*seen, *self._frequent(t)]

    def _read_to_the_end(self) -> str | None:
        """Why that was not possible; None: all was read."""
        until = time.monotonic() + _REST_S
        try:
            self._read(self._background)
            while self._feed.behind:
                if time.monotonic() > until:
                    return f"it grew faster than it can be read: its end was not read within {_REST_S:.0f} s"
                self._read(self._background)
            self._read(self._background, at_end=True)
        except Lost as lost:
            return str(lost)
        return None

    def _reading_of(self, t: float) -> Reading:
        with self._lock:
            counts, self._counts = self._counts, Counter()
        values = {name: counts[name] for name in ("log_lines", "log_errors", "log_chars")}
        trouble = self._feed.trouble
        notes = {"log_lines": trouble} if trouble else {}
        return Reading(t, self.subject, "logs", self._feed.name, values, notes)

    def _follow(self, background: Background) -> None:
        while not background.stopping.is_set():
            self._read(background)
            background.put()
            background.stopping.wait(_POLL_S)

    def _read(self, background: Background, *, at_end: bool = False) -> None:
        """Raises: Lost."""
        if not self._reading.acquire(timeout=_READ_WAIT_S):
            raise Lost("its last lines were still being read when the watch ended")
        lines = errors = size = 0
        try:
            for line in self._feed.rest() if at_end else self._feed.lines():
                lines += 1
                size += len(line)
                error = self._entries.error(line)
                if error is not None:
                    errors += 1
                    self._take(error, background)
        finally:
            with self._lock:
                self._counts.update(log_lines=lines, log_errors=errors, log_chars=size)
            self._reading.release()
        self._report_rotation(background, at_once=at_end)

    def _take(self, error: LogError, background: Background) -> None:
        now = time.monotonic()
        self._errors += 1
        key = folded(error.message)
        kind = self._kinds.get(key)
        is_new = kind is None
        if kind is None:
            if len(self._kinds) >= _KINDS_MAX:
                key = _OTHER
            kind = self._kinds.setdefault(key, _Kind(0, now, now, error.level))
        kind.count += 1
        kind.last = now
        if self._reported < _KINDS_REPORTED and (self._errors <= _FIRST or is_new):
            self._reported += 1
            detail: Detail = {"log": self._feed.name, "level": error.level}
            background.put(Event(now, "log_error", error.message[:_SHOWN], detail))

    def _report_rotation(self, background: Background, *, at_once: bool) -> None:
        now = time.monotonic()
        early = now - self._rotation_reported < _ROTATION_EVERY_S
        if self._feed.rotations == self._rotations or (early and not at_once):
            return
        count, self._rotations = self._feed.rotations - self._rotations, self._feed.rotations
        self._rotation_reported = now
        message = f"{self._feed.name} was rotated" + (f" {count} times" if count > 1 else "")
        background.put(Event(now, "log_rotated", message, {"log": self._feed.name, "times": count}))

    def _frequent(self, t: float) -> list[Observation]:
        shift = t - time.monotonic()
        most = sorted(self._kinds.items(), key=lambda item: -item[1].count)[:_FREQUENT]
        events: list[Observation] = []
        for message, kind in most:
            first, last = round(kind.first + shift, 3), round(kind.last + shift, 3)
            detail: Detail = {"count": kind.count, "first_s": first, "last_s": last}
            detail = {**detail, "level": kind.level, "log": self._feed.name}
            events.append(Event(t, "log_messages", message[:_SHOWN], detail))
        return events
