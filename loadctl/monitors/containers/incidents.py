"""Incidents of a container: each reported once, with its cause and its true time. Pure; times are passed in.

The engine's events come first. Inspections are a check, for events that were missed while the engine was away:
what they alone say is believed when they say it twice with no event between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from loadctl.errors import signal_name
from loadctl.monitors.containers.record import EngineEvent, State, same_replica
from loadctl.monitors.source import Detail
from loadctl.results.recording import Event

GRACE_S = 10.0
"""How long a container may be gone before it counts as crashed or stopped; a restart policy brings it back sooner."""
_OOM_S = 2.0
"""A container that was meant by an out-of-memory kill has died by then; else it was another process inside."""
_SAME_START_NS = 10**9
"""An event of a start and the start in an inspection are some milliseconds apart."""
_HARMLESS = {f"{prefix}{name}" for prefix in ("", "SIG") for name in ("HUP", "USR1", "USR2", "WINCH")}
_HARMLESS |= {"1", "10", "12", "28"}
"""Signals that ask for something other than an end: reload, rotate the log, …"""
_SIGNALLED = 128


@dataclass(slots=True)
class _Gone:
    """Since when it is gone (monotonic), how it ended, and whether that was reported. `asked`: by a stop or a kill."""

    at: float
    exit_code: int | None = None
    oom: bool = False
    asked: bool = False
    reported: bool = False

    @property
    def clean(self) -> bool:
        return self.asked or (not self.oom and self.exit_code == 0)

    @property
    def cause(self) -> str:
        if self.asked:
            return "stopped on request"
        if self.oom:
            return "killed by the kernel: out of memory"
        if self.exit_code is None:
            return "it ended for an unknown reason"
        if self.exit_code > _SIGNALLED:
            return f"killed by {signal_name(self.exit_code - _SIGNALLED)} (exit code {self.exit_code})"
        return f"it exited with {self.exit_code}"


class ContainerTracker:
    """Follows one container, and what takes its place: the same name, or the same replica of a compose service.

    `monotonic` turns the engine's clock (ns) into seconds on time.monotonic(). Not safe for several threads.
    """

    def __init__(self, first: State, monotonic: Callable[[int], float]) -> None:
        self.id = first.id
        self.name = first.name
        self._labels = first.labels
        self._started_ns = first.started_ns
        self._health = first.health
        self._monotonic = monotonic
        self._seen_ns = 0
        self._asked = False
        self._oom_at: float | None = None
        self._flag_is_old = first.oom_killed
        self._suspected: tuple[str, bool, int] | None = None
        # One that never ran in this watch was not lost in it.
        self._gone = (
            None if first.running else _Gone(monotonic(first.finished_ns), first.exit_code, reported=True)
        )

    @property
    def down(self) -> str | None:
        """Why it cannot be measured; None while it runs."""
        return None if self._gone is None else f"{self.name} is not running: {self._gone.cause}"

    @property
    def run(self) -> tuple[str, int]:
        """Which container, and which start of it: counters start at 0 with each."""
        return self.id, self._started_ns

    @property
    def uncertain(self) -> bool:
        """It is worth looking again soon."""
        return self._gone is not None or self._suspected is not None

    def see(self, event: EngineEvent) -> list[Event]:
        """One event of the engine; those of other containers, and those seen before, change nothing."""
        if event.ns <= self._seen_ns:
            return []
        own, at = event.id == self.id, self._monotonic(event.ns)
        replaces = event.name == self.name or same_replica(self._labels, event.labels)
        if event.action == "start" and (own or (self._gone is not None and replaces)):
            self._seen_ns, self._suspected = event.ns, None
            return self._started(event.id, event.ns, at)
        if not own:
            return []
        self._seen_ns, self._suspected = event.ns, None
        match event.action:
            case "kill":
                self._asked = self._asked or event.labels.get("signal", "") not in _HARMLESS
            case "oom":
                self._out_of_memory(at)
            case "die" | "destroy":
                self._ended(at, event.exit_code)
            case "health_status":
                return self._is_healthy(event.health, at)
        return []

    def check(self, state: State) -> list[Event]:
        """An inspection of the container, or of what has taken its place."""
        if state.id == self.id and not state.running and self._gone is not None:
            self._gone.oom = self._gone.oom or self._inspected_oom(state)
        if state.id == self.id and state.running:
            self._flag_is_old = state.oom_killed or self._oom_at is not None
        view = (state.id, state.running, state.started_ns)
        same = state.id == self.id and abs(state.started_ns - self._started_ns) < _SAME_START_NS
        expected = (self._gone is None and same) if state.running else self._gone is not None
        if expected or view != self._suspected:
            self._suspected = None if expected else view
            return []
        self._suspected = None
        if not state.running:
            self._died(self._monotonic(state.finished_ns), state.exit_code, oom=self._inspected_oom(state))
            return []
        if self._gone is None:
            ended_ns = state.finished_ns if state.finished_ns > self._started_ns else state.started_ns
            self._died(self._monotonic(ended_ns), None, oom=self._inspected_oom(state))
        return self._started(state.id, state.started_ns, self._monotonic(state.started_ns))

    def missing(self, at: float) -> None:
        """Neither it nor what could take its place is there."""
        if self._gone is None:
            self._died(at, None)

    def tick(self, now: float) -> list[Event]:
        """What has become certain because nothing happened."""
        events = []
        if self._oom_at is not None and now - self._oom_at >= _OOM_S:
            events += self._survived()
        gone = self._gone
        if gone is not None and not gone.reported and now - gone.at >= GRACE_S:
            events.append(self._stayed_away(gone, f"and had not come back after {GRACE_S:.0f} s"))
        return events

    def end(self) -> list[Event]:
        """At the end of the watch: what is gone stays gone, however short the time since."""
        events = self._survived() if self._oom_at is not None else []
        if self._gone is not None and not self._gone.reported:
            events.append(self._stayed_away(self._gone, "and had not come back by the end"))
        return events

    def _inspected_oom(self, state: State) -> bool:
        """Docker's flag outlives a kill that the container survived, and its restart: one that was up is not news."""
        return state.oom_killed and state.id == self.id and not self._flag_is_old

    def _out_of_memory(self, at: float) -> None:
        self._flag_is_old = True
        if self._gone is None:
            self._oom_at = at if self._oom_at is None else self._oom_at
        elif at - self._gone.at < _OOM_S:
            self._gone.oom = True

    def _ended(self, at: float, exit_code: int | None) -> None:
        gone = self._gone
        if gone is None:
            self._died(at, exit_code)
        elif gone.exit_code is None and not gone.reported:  # an inspection was faster
            gone.exit_code, gone.asked = exit_code, gone.asked or self._asked

    def _died(self, at: float, exit_code: int | None, *, oom: bool = False) -> None:
        self._gone = _Gone(at, exit_code, oom or self._oom_at is not None, self._asked)
        self._asked, self._oom_at = False, None

    def _started(self, identity: str, ns: int, at: float) -> list[Event]:
        if self._gone is None:
            if abs(ns - self._started_ns) < _SAME_START_NS:
                return []  # the start that is known
            self._died(at, None)
        gone, self._gone = self._gone, None
        replaced, self.id = identity != self.id, identity
        self._flag_is_old = not replaced and (self._flag_is_old or (gone is not None and gone.oom))
        self._started_ns, self._health, self._asked, self._oom_at = ns, None, False, None
        if gone is None or gone.reported:
            return [self._event(at, "service_up", f"{self.name} is running")]
        return [self._restarted(gone, at, replaced=replaced)]

    def _restarted(self, gone: _Gone, at: float, *, replaced: bool) -> Event:
        down_s = max(0.0, at - gone.at)
        cause = gone.cause
        if replaced:
            cause = "replaced by another container" + ("" if gone.clean else f" after it was lost: {cause}")
        detail = {"cause": cause, "exit_code": gone.exit_code, "down_s": round(down_s, 3)}
        message = f"{self.name} restarted: {cause}; down for {down_s:.1f} s"
        return self._event(gone.at, "service_restarted", message, detail)

    def _stayed_away(self, gone: _Gone, ending: str) -> Event:
        gone.reported = True
        kind = "service_down" if gone.clean else "service_crashed"
        detail = {"cause": gone.cause, "exit_code": gone.exit_code}
        return self._event(gone.at, kind, f"{self.name} is gone: {gone.cause}, {ending}", detail)

    def _survived(self) -> list[Event]:
        at, self._oom_at = self._oom_at, None
        message = f"the kernel killed a process in {self.name}: out of memory; the container is still running"
        return [] if at is None else [self._event(at, "oom_kill", message)]

    def _is_healthy(self, health: str, at: float) -> list[Event]:
        before, self._health = self._health, health
        if not health or health == before:
            return []
        was = f" (was {before})" if before else ""
        detail = {"health": health, "before": before}
        return [self._event(at, "health_changed", f"{self.name} is {health}{was}", detail)]

    def _event(self, at: float, kind: str, message: str, detail: Detail | None = None) -> Event:
        return Event(at, kind, message, {**(detail or {}), "container": self.id[:12]})
