"""A container as a source: what it uses, as the engine counts it, and its incidents."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from loadctl.monitors.answer import AnswerStream
from loadctl.monitors.background import Background, Lost, Stopping
from loadctl.monitors.containers.engine import DockerEngine, NoContainer
from loadctl.monitors.containers.incidents import ContainerTracker
from loadctl.monitors.containers.record import EngineEvent, Frame, State, same_replica, use
from loadctl.monitors.source import Observation
from loadctl.results.recording import Event, Reading

_T = TypeVar("_T", Frame | None, EngineEvent | None)

_CHECK_S = 5.0
_CHECK_DOWN_S = 1.0
_PAUSE_S = 0.2
_CLOCK_STEP_S = 5.0
_LAST_LINES = 3
_KILLED = 128 + 9
_LOOPS = 3
"""Restarts by its policy while loadctl waits for it: it will not come up."""


class _Clock:
    """The engine's wall clock on time.monotonic(), anchored when it was last asked."""

    def __init__(self) -> None:
        self._anchor = (time.time_ns(), time.monotonic())

    def set(self, engine: DockerEngine) -> float | None:
        """Ask for the time; returns the cores of its machine, from the same answer."""
        began = time.monotonic()
        machine = engine.machine()
        if machine.now_ns:
            self._anchor = (machine.now_ns, (began + time.monotonic()) / 2)
        return machine.cores

    def monotonic(self, ns: int) -> float:
        """Never later than now: what is reported has happened."""
        wall, at = self._anchor
        return min(time.monotonic(), at + (ns - wall) / 1e9)

    def off(self, ns: int) -> bool:
        """Whether a time that is now reads as another: one of the clocks was set."""
        wall, at = self._anchor
        return abs(at + (ns - wall) / 1e9 - time.monotonic()) > _CLOCK_STEP_S

    def now_ns(self) -> int:
        wall, at = self._anchor
        return wall + int((time.monotonic() - at) * 1e9)


class ContainerSource:
    """Watches the container that `name` means: a name, an id, a label `key=value`, or a compose service.

    Values: cpu_cores, cpu_pct (of cores_available: its quota, else the machine's), throttled_pct, memory_bytes (working
    set), memory_limit_bytes, memory_pct, network_rx_bytes_per_s, network_tx_bytes_per_s, disk_read_bytes_per_s,
    disk_write_bytes_per_s, pids (threads included). Notes: memory_kind, cpu_of, and what is missing with its reason.
    A container that takes its place is followed. Raises UsageError if there is none.
    """

    period_s = 1.0

    def __init__(self, engine: DockerEngine, name: str, subject: str = "system") -> None:
        self.subject = subject
        found = engine.resolve(name)
        self._engine = engine
        self._entity = found.name
        self._clock = _Clock()
        self._lock = threading.Lock()
        self._tracker: ContainerTracker | None = None
        self._first = found.id
        self._state: State | None = None
        self._machine_cores: float | None = None
        self._asked_restarts: int | None = None
        self._pending: list[Observation] = []
        self._streams: dict[str, AnswerStream[Frame | None] | AnswerStream[EngineEvent | None]] = {}
        self._closed = threading.Event()
        self._looking = threading.Lock()
        self._next_check = 0.0
        self._since_ns = 0
        self._events = Background(f"events-{found.name}", self._follow_events)
        self._stats = Background(f"stats-{found.name}", self._follow_stats)

    @property
    def name(self) -> str:
        return f"container {self._entity}"

    def sample(self, t: float) -> list[Observation]:
        self._events.start()
        self._stats.start()
        self._pending += self._happened(t)
        seen = self._stats.take(t)  # raises while the engine is away: what happened is kept until it is back
        pending, self._pending = self._pending, []
        readings = [one for one in seen if not isinstance(one, Reading) or one.t >= 0]
        down = self._tracker.down if self._tracker is not None else None
        gap = [] if down is None else [Reading(t, self.subject, "container", self._entity, gap=down)]
        return [*pending, *readings, *gap]

    def close(self, t: float) -> list[Observation]:
        self._closed.set()
        backgrounds = (self._events, self._stats)
        for background in backgrounds:
            background.stopping.set()
        for stream in list(self._streams.values()):
            stream.close()
        for background in backgrounds:
            background.stop()
        last = [*self._pending, *self._happened(t)]
        with self._lock:
            return [*last, *self._shifted(self._tracker.end() if self._tracker is not None else [], t)]

    def local_pid(self) -> int | None:
        """Of its first process, as this machine counts; None where the engine is another machine's (or in a VM)."""
        with contextlib.suppress(NoContainer, Lost, OSError):
            state = self._engine.inspect(self._first)
            groups = Path(f"/proc/{state.pid}/cgroup").read_text(encoding="utf-8", errors="replace")
            return state.pid if state.pid and state.id in groups else None
        return None

    def why_dead(self) -> str | None:
        """One sentence with its last log lines when it has ended for good; None while it may come up."""
        try:
            state = self._engine.inspect(self._tracker.id if self._tracker is not None else self._first)
            if self._asked_restarts is None:
                self._asked_restarts = state.restarts
            if state.restarts - self._asked_restarts >= _LOOPS:
                return f"container {state.name} ended {_LOOPS} times, {self._last_lines(state)}"
            if not state.gone:
                return None
            if state.error:
                return f"container {state.name} could not be started: {state.error}"
            return f"container {state.name} {self._last_lines(state)}"
        except NoContainer:
            return (
                None if self._successor(self._first) is not None else f"container {self._entity} was removed"
            )
        except Lost:
            return None

    def _follow_events(self, background: Background) -> None:
        self._connect()
        with self._engine.events(self._since_ns) as stream:
            background.put()
            for event in self._open("events", stream):
                if event is None:
                    continue
                self._since_ns = event.ns + 1
                with self._lock:
                    background.put(*(self._tracker.see(event) if self._tracker is not None else []))
                if event.action == "die":
                    self._check(
                        background
                    )  # podman has no event for a kill by the kernel; its inspection knows

    def _follow_stats(self, background: Background) -> None:
        tracker = self._connect()
        background.put()
        while not background.stopping.is_set():
            self._check_if_due(background)
            if tracker.down is None:
                with contextlib.suppress(NoContainer):  # the next look shows its state
                    self._read(tracker, background)
                self._next_check = 0.0
            else:
                background.put()
            background.stopping.wait(_PAUSE_S)

    def _read(self, tracker: ContainerTracker, background: Background) -> None:
        """Statistics of one container, until it ends or another takes its place."""
        watched = tracker.run
        state = self._engine.inspect(tracker.id)
        before: Frame | None = None
        with self._engine.stats(tracker.id) as stream:
            for frame in self._open("stats", stream):
                self._check_if_due(background)
                if frame is None or tracker.down is not None or tracker.run != watched:
                    return
                if self._clock.off(frame.read_ns):
                    self._clock.set(self._engine)
                if self._state is not None and self._state.id == state.id:
                    state = self._state  # limits can be changed while it runs
                sheet = use(frame, before, state, self._machine_cores)
                at = self._clock.monotonic(frame.read_ns)
                background.put(Reading(at, self.subject, "container", self._entity, *sheet))
                before = frame

    def _open(self, kind: str, stream: AnswerStream[_T]) -> AnswerStream[_T]:
        """Keep it where `close` can end it."""
        self._streams[kind] = stream
        if self._closed.is_set():
            stream.close()
        return stream

    def _connect(self) -> ContainerTracker:
        """Set the clock, and look for the first time."""
        self._machine_cores = self._clock.set(self._engine)
        since_ns = self._clock.now_ns()
        state = self._look() if self._tracker is None else None
        with self._lock:
            if self._tracker is None:
                if state is None:
                    raise Lost(f"container {self._entity} no longer exists")
                self._since_ns, self._state = since_ns, state
                self._tracker = ContainerTracker(state, self._clock.monotonic)
            return self._tracker

    def _check_if_due(self, background: Background) -> None:
        if time.monotonic() >= self._next_check:
            self._check(background)

    def _check(self, background: Background) -> None:
        """Inspections are made one after the other, and judged in the order in which they were made."""
        tracker = self._tracker
        if tracker is None:
            return
        with self._looking:
            state = self._look()
            with self._lock:
                if state is None:
                    tracker.missing(time.monotonic())
                else:
                    self._state = state
                    background.put(*tracker.check(state))
                self._next_check = time.monotonic() + (_CHECK_DOWN_S if tracker.uncertain else _CHECK_S)

    def _look(self) -> State | None:
        """It, or, where it does not run, what has taken its place."""
        identity = self._first if self._tracker is None else self._tracker.id
        state: State | None = None
        with contextlib.suppress(NoContainer):
            state = self._engine.inspect(identity)
        if state is not None and state.running:
            return state
        return self._successor(identity) or state

    def _successor(self, identity: str) -> State | None:
        with contextlib.suppress(NoContainer):
            named = self._engine.inspect(self._entity)
            if named.id != identity:
                return named
        labels = self._state.labels if self._state is not None else {}
        for other in self._engine.containers():
            if other.running and other.id != identity and same_replica(labels, other.labels):
                return self._engine.inspect(other.id)
        return None

    def _last_lines(self, state: State) -> str:
        cause = ", out of memory" if state.oom_killed and state.exit_code == _KILLED else ""
        self._machine_cores = self._clock.set(self._engine)
        ago = max(0.0, (self._clock.now_ns() - state.finished_ns) / 1e9)
        with self._engine.logs(state.id, tail=_LAST_LINES, follow=False) as log:
            lines = " | ".join(line.strip()[:200] for line in log if line.strip())
        return f"exited with {state.exit_code}{cause} ({ago:.1f} s ago): {lines or 'its log is empty'}"

    def _happened(self, t: float) -> list[Observation]:
        """What the events report, and what is certain by now; their loss is reported by the statistics."""
        try:
            events = self._events.take(t)
        except Lost:
            events = []
        with self._lock:
            return [*events, *self._shifted(self._tracker.tick(time.monotonic()) if self._tracker else [], t)]

    @staticmethod
    def _shifted(events: Iterable[Event], t: float) -> list[Observation]:
        shift = t - time.monotonic()
        return [Event(round(e.t + shift, 3), e.kind, e.message, e.detail) for e in events]


class ContainerLog:
    """Lines from now on; after an interruption all lines since, by this machine's clock."""

    def __init__(self, engine: DockerEngine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._since_s: float | None = None

    def __call__(self, stopping: Stopping) -> Iterator[str]:
        since, self._since_s = self._since_s, time.time()
        tail = 0 if since is None else None
        name = self._engine.resolve(self._name).id
        with self._engine.logs(name, since_s=since, tail=tail) as stream, stopping.ends(stream):
            for line in stream:
                yield line
                self._since_s = time.time()
