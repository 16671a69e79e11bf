"""The ledger: all that a run writes down while it goes, told to whoever watches at the same time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Protocol

from loadctl.errors import RunError
from loadctl.results.interval import Second
from loadctl.results.line import Lines
from loadctl.results.recording import END, Event, Reading
from loadctl.run.directory import RunDirectory
from loadctl.run.journal import event_line, reading_line
from loadctl.run.manifest import Manifest
from loadctl.scenario.load import Load


class Observer(Protocol):
    """Who watches a run. Called from the run's own loop, so answers come quickly and nothing is raised."""

    def began(self, run: RunDirectory) -> None:
        """The directory exists; nothing was sent yet."""

    def started(self, manifest: Manifest) -> None:
        """The system is up and the load begins at the manifest's `t0_monotonic_s` (time.monotonic)."""

    def second(self, second: Second) -> None:
        """A merged second. A shard that lags behind gives another of the same t, to be added."""

    def reading(self, reading: Reading) -> None: ...

    def event(self, event: Event) -> None: ...


class Silent:
    """Nobody watches."""

    def began(self, run: RunDirectory) -> None: ...

    def started(self, manifest: Manifest) -> None: ...

    def second(self, second: Second) -> None: ...

    def reading(self, reading: Reading) -> None: ...

    def event(self, event: Event) -> None: ...


class Ledger:
    """Appends to the run's journals. All methods but `end` and `close` raise UnwritableError."""

    def __init__(self, run: RunDirectory, observer: Observer, load: Load) -> None:
        self._run = run
        self._observer = observer
        self._lines = Lines(load)
        self._intervals = run.journal(run.intervals)
        self._readings = run.journal(run.readings)
        self._events = run.journal(run.events)

    def seconds(self, seconds: Iterable[Second]) -> None:
        seconds = list(seconds)
        self._intervals.append(line for second in seconds for line in self._lines.of(second))
        for second in seconds:
            self._observer.second(second)

    def observations(self, observations: Iterable[Reading | Event]) -> None:
        observations = list(observations)
        self._readings.append(reading_line(seen) for seen in observations if isinstance(seen, Reading))
        for seen in observations:
            if isinstance(seen, Reading):
                self._observer.reading(seen)
            else:
                self.event(seen)

    def event(self, event: Event) -> None:
        self._lines.heed(event)
        self._events.append([event_line(event)])
        self._observer.event(event)

    def end(
        self, t: float, *, interrupted_by: int | None, failure: str | None, stopped_early: str | None = None
    ) -> None:
        """How the run ended, in the room kept for it where there is no other. Without it, loadctl was killed."""
        self._run.free_reserve()
        detail = {"interrupted_by": interrupted_by, "failure": failure, "stopped_early": stopped_early}
        event = Event(t, END, failure or "the run ended", detail)
        with contextlib.suppress(RunError):
            self._events.append([event_line(event)])
            self._intervals.append(self._lines.rest())

    def close(self) -> None:
        for journal in (self._intervals, self._readings, self._events):
            journal.close()
