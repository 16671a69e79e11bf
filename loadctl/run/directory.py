"""The run directory: made before a run, filled while it goes, read afterwards by store.py."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from loadctl.errors import RunError, UsageError
from loadctl.results.interval import Second
from loadctl.results.recording import END, Event, Reading
from loadctl.results.wire.line import Lines
from loadctl.run.journal import Journal, event_line, is_written, reading_line, unwritable
from loadctl.run.machine import calendar_time
from loadctl.run.manifest import Manifest, from_text, to_text
from loadctl.scenario.load import Load

_TIME = re.compile(r"\d{8,}T\d{6}Z-")
_RESERVE_BYTES = 64 << 10
_PROBE_BYTES = 16 << 10


class _Latency(msgspec.Struct, gc=False):
    p95: float | None = None


class _Total(msgspec.Struct, gc=False):
    throughput_per_s: float | None = None
    error_rate: float | None = None
    latency_ms: _Latency = msgspec.field(default_factory=_Latency)


class _Summary(msgspec.Struct, gc=False):
    total: _Total = msgspec.field(default_factory=_Total)


class _Result(msgspec.Struct, gc=False):
    """What a list of runs shows of result.json; nothing else of it is made."""

    verdict: str | None = None
    smoke: bool = False
    summary: _Summary = msgspec.field(default_factory=_Summary)


class _Named(msgspec.Struct, gc=False):
    name: str | None = None


class _Made(msgspec.Struct, gc=False):
    """The same of run.json."""

    scenario: _Named = msgspec.field(default_factory=_Named)
    engine: str | None = None
    git_revision: str | None = None
    created_at: str | None = None
    t0_wall: str | None = None


_RESULT, _MADE = msgspec.json.Decoder(_Result), msgspec.json.Decoder(_Made)
_Form = TypeVar("_Form", _Result, _Made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A run in a list of runs. `verdict` and figures: None before there is a result. `began`: UTC, ISO 8601."""

    verdict: str | None
    smoke: bool
    scenario: str | None
    engine: str | None
    began: str | None
    git_revision: str | None
    p95_ms: float | None
    throughput_per_s: float | None
    error_rate: float | None


class _Inside:
    """A path in the run directory, by its fixed name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, run: RunDirectory, kind: object) -> Path:
        return run.path / self._name


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """One run on disk; its owner alone may read it."""

    path: Path

    @classmethod
    def create(cls, parent: Path, scenario: str, engine: str) -> RunDirectory:
        """A new one below `parent`. Raises: UsageError where that cannot be written."""
        began = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        name = re.sub(r"[^A-Za-z0-9_.]+", "-", scenario).strip("-.")[:60] or "scenario"
        path = parent.absolute() / f"{began}-{name}-{engine}-{secrets.token_hex(2)}"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
            directory = cls(path)
            directory.frames.mkdir(mode=0o700)
            directory.engine.mkdir(mode=0o700)
            directory._reserve.write_bytes(os.urandom(_RESERVE_BYTES))
        except OSError as error:
            raise UsageError(
                f"cannot write run directories in {parent}: {error.strerror or error}",
                hint="choose another folder:  --out DIR",
            ) from error
        return directory

    @property
    def id(self) -> str:
        return self.path.name

    frames = _Inside("frames")
    engine = _Inside("engine")
    """Folder of the engine's generated files, output and artefacts."""
    intervals = _Inside("intervals.ndjson")
    readings = _Inside("readings.ndjson")
    events = _Inside("events.ndjson")
    result = _Inside("result.json")
    _manifest = _Inside("run.json")
    _reserve = _Inside(".reserve")
    """Room that is given back when the disk is full, so that how the run ended can still be written."""

    def frame_file(self, shard: int) -> Path:
        return self.frames / f"{shard}.ndjson"

    def journal(self, path: Path) -> Journal:
        """Raises: UnwritableError."""
        try:
            return Journal(path)
        except OSError as error:
            raise unwritable(path, error) from error

    def write_manifest(self, manifest: Manifest) -> None:
        """Raises: UnwritableError."""
        self.replace("run.json", to_text(manifest))

    def manifest(self) -> Manifest:
        """Raises: UsageError where there is none, or one of another format."""
        try:
            text = self._manifest.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"{self._manifest}: {error.strerror or error}") from error
        return from_text(text, self._manifest)

    def replace(self, name: str, text: str) -> Path:
        """Write a whole file in one step: a reader finds the old one or the new one, never a part.

        Raises: UnwritableError.
        """
        path = self.path / name
        partial = path.with_name(f".{path.name}.partial")
        try:
            fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise unwritable(path, error) from error
        return path

    def probe(self) -> None:
        """Find out whether there is still room, as engines that died may have had none. Raises: UnwritableError."""
        self.replace("probe", " " * _PROBE_BYTES).unlink()

    @property
    def is_going(self) -> bool:
        """Whether the loadctl that made it still writes to it."""
        return is_written(self.events)

    def free_reserve(self) -> None:
        """Where this fails, a full disk is not the problem."""
        with contextlib.suppress(OSError):
            self._reserve.unlink()

    def meta_file(self, shard: int) -> Path:
        """Of a finished run: a copy of the few lines among a shard's frames that are not seconds."""
        return self.frames / f"{shard}.meta"

    def outline(self) -> Outline:
        """What cannot be read is None; such a run still stands in the list."""
        result = _decoded(_RESULT, self.result) or _Result()
        made = _decoded(_MADE, self._manifest) or _Made()
        total = result.summary.total
        return Outline(
            verdict=result.verdict,
            smoke=result.smoke,
            scenario=made.scenario.name,
            engine=made.engine,
            began=calendar_time(made.t0_wall or made.created_at or ""),
            git_revision=made.git_revision,
            p95_ms=total.latency_ms.p95,
            throughput_per_s=total.throughput_per_s,
            error_rate=total.error_rate,
        )

    @property
    def age(self) -> tuple[int, str, int]:
        """Order of creation: the name's second, and within it the clock of the file system."""
        match = _TIME.match(self.id)
        second = match.group() if match else ""
        made_ns = 0
        with contextlib.suppress(OSError):
            made_ns = self.engine.stat().st_ctime_ns
        return len(second), second, made_ns


def _decoded(decoder: msgspec.json.Decoder[_Form], path: Path) -> _Form | None:
    try:
        return decoder.decode(path.read_bytes()) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None


class Observer:
    """Who watches a run; this one does nothing. Called from the run's own loop: answer quickly, and raise nothing."""

    def began(self, run: RunDirectory) -> None:
        """The directory exists; nothing was sent yet."""

    def started(self, manifest: Manifest) -> None:
        """The system is up and the load begins at the manifest's `t0_monotonic_s` (time.monotonic)."""

    def second(self, second: Second) -> None:
        """A merged second. A shard that lags behind gives another of the same t, to be added."""

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
