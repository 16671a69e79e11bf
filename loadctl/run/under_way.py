"""A load under way: what comes in is written down, and what does not end by itself is ended."""

from __future__ import annotations

import gc
import math
import time

from loadctl.results.load_seen import level_event
from loadctl.results.recording import Event
from loadctl.results.stopping import StopWatch
from loadctl.run.interruption import Interruption
from loadctl.run.ledger import Ledger
from loadctl.run.merge import Merger
from loadctl.run.process import Ladder
from loadctl.run.shards import Shards
from loadctl.run.steering import Steering
from loadctl.run.wall_clock import WallClock
from loadctl.run.watching import Watching
from loadctl.scenario.scenario import Scenario

_TICK_S = 0.1
_GARBAGE = 50_000
"""New objects until some of them may be garbage: a start waits longer (cli/app.py), a load goes on for hours."""
_SIGNAL_WORDS = {1: "the terminal was closed (SIGHUP)", 2: "Ctrl-C (SIGINT)"}


class UnderWay:
    """From t0 (time.monotonic) until all shards are gone."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        t0: float,
        shards: Shards,
        merger: Merger,
        ledger: Ledger,
        interruption: Interruption,
        watching: Watching | None,
        steering: Steering | None,
        overtime_s: float,
    ) -> None:
        self._scenario = scenario
        self._t0 = t0
        self._shards = shards
        self._merger = merger
        self._ledger = ledger
        self._interruption = interruption
        self._watching = watching
        self._steering = steering
        self._stop_rules = StopWatch(scenario.stop_when)
        self._overtime_s = overtime_s
        self._levels_told = 0
        open_end = steering is not None or not scenario.load.stages
        self._ends_by = math.inf if open_end else self._patience_s()
        self._stopping = False
        self.stopped_early: str | None = None
        """The sentence of the stop rule that ended the load before its plan."""

    def _patience_s(self) -> float:
        script = self._scenario.script
        outlasts_s = script.outlasts_s if script is not None else 0.0
        return self._scenario.load.duration_s + self._scenario.drain_s + self._overtime_s + outlasts_s

    def watch(self) -> None:
        """Raises: UnwritableError."""
        stages = [
            Event(start, "stage", stage.name, {"planned": stage.end})
            for start, _, stage in self._scenario.load.spans()
        ]
        _look_for_garbage()
        clock = WallClock()
        last = time.monotonic()
        while not self._shards.gone:
            now = time.monotonic()
            if now - last > 20 * _TICK_S:  # this process was asleep, so it may not call others silent
                self._merger.awake(now)
            last = now
            while stages and stages[0].t <= self._now():
                self._ledger.event(stages.pop(0))
            broken = self.write_down(now)
            self._steer()
            for event in [*clock.step(self._now()), *self._shards.poll(now, self._now())]:
                self._ledger.event(event)
            self._end_what_must_end(broken)
            if not self._shards.gone:
                self._interruption.wait(_TICK_S)

    def write_down(self, now: float) -> str | None:
        """What has come in. The sentence of a stop rule that is broken now, or None."""
        seconds = self._merger.poll(now)
        self._tell_levels()
        self._ledger.seconds(seconds)
        if self._watching is not None:
            self._ledger.observations(self._watching.sampler.drain())
        return self._stop_rules.heed(seconds)

    def _tell_levels(self) -> None:
        """Before the seconds after them. All shards say the same; one of them may have died."""
        said = max((log.levels for log in self._merger.logs), key=len)
        for level in said[self._levels_told :]:
            self._ledger.event(level_event(level))
            if level.ends:
                self._ends_by = level.t + self._scenario.drain_s + self._overtime_s
        self._levels_told = len(said)

    def _steer(self) -> None:
        """Pass orders on to the shards."""
        for order in self._steering.orders() if self._steering is not None else ():
            t = 0.0 if order.kind == "start" else max(0.0, self._now())
            if order.kind != "stop":
                detail = {"users": order.users, "per_s": order.per_s}
                self._ledger.event(Event(t, "users", f"to {order.users} users, {order.per_s:g}/s", detail))
                self._shards.say(f"users {t!r} {order.users} {order.per_s!r}")
            elif not self._stopping:
                self._drain(Event(t, "stop", "stopped by hand"))

    def _end_what_must_end(self, broken: str | None) -> None:
        number = self._interruption.number
        if self._interruption.at_once:
            self._shards.kill()
        elif self._stopping:
            return
        elif number is not None:
            name = _SIGNAL_WORDS.get(number, "SIGTERM")
            words = f"{name}: no new requests; those under way have {self._scenario.drain_s:g} s"
            self._drain(Event(self._now(), "signal", words, {"signal": number}))
        elif self._shards.beyond is not None and not self._shards.gone:
            self._drain(Event(self._now(), "stop", "the other shards end too"))
        elif broken is not None:
            self.stopped_early = broken
            self._drain(Event(self._now(), "stop", broken))
        elif self._now() > self._ends_by:
            self._stop(
                Event(self._now(), "stop", "engine processes did not end with the plan"), Ladder.signals()
            )

    def _drain(self, why: Event) -> None:
        self._stop(why, Ladder.draining(self._scenario.drain_s))

    def _stop(self, why: Event, ladder: Ladder) -> None:
        self._stopping = True
        self._ledger.event(why)
        self._shards.stop(ladder)

    def _now(self) -> float:
        return time.monotonic() - self._t0


def _look_for_garbage() -> None:
    """From here on. What has been imported by now is none, so it is not looked through."""
    if not gc.get_freeze_count():
        gc.freeze()
    gc.set_threshold(_GARBAGE)
