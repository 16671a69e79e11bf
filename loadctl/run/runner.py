"""Carrying out a run: from a scenario and an engine to a run directory that holds all that was measured.

What it means is computed afterwards from the directory, so nothing here scores or judges.
"""

from __future__ import annotations

import gc
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, Protocol

from msgspec.structs import replace

from loadctl.engines.base import Engine
from loadctl.errors import Interrupted, LoadctlError, RunError
from loadctl.results.boundaries import level_event
from loadctl.results.live import StopWatch
from loadctl.results.recording import Event
from loadctl.run.directory import Ledger, Observer, RunDirectory
from loadctl.run.interruption import Interruption
from loadctl.run.journal import UnwritableError
from loadctl.run.local_commands import LocalCommands, require_programs
from loadctl.run.machine import WallClock, git_revision, this_machine, utc
from loadctl.run.manifest import Manifest, scenario_hash, traffic_hash
from loadctl.run.merge import Merger
from loadctl.run.process import Early, Ladder
from loadctl.run.shards import Shards
from loadctl.run.watching import Watching, watching
from loadctl.scenario.expectation import expect
from loadctl.scenario.redaction import Redaction
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.watch import Watch


@dataclass(frozen=True, slots=True)
class Order:
    """`users`: change to this many users, at `per_s` users per second; `start`: the same, as the load begins.

    `stop`: no new requests; those under way are waited for, as at the end of a plan.
    """

    kind: Literal["start", "users", "stop"]
    users: int = 0
    per_s: float = 1.0


class Steering(Protocol):
    def orders(self) -> Sequence[Order]:
        """The orders since the last call; called ten times a second. Raises: RunError, which ends the run."""


_TICK_S = 0.1
_GARBAGE = 50_000
"""New objects until some of them may be garbage: a start waits longer (cli/app.py), a load goes on for hours."""
_SIGNAL_WORDS = {1: "the terminal was closed (SIGHUP)", 2: "Ctrl-C (SIGINT)"}


class _Load:
    """The load of a run, from t0 until all shards are gone."""

    def __init__(self, run: _Run, t0: float) -> None:
        self._run = run
        self._t0 = t0
        self._scenario = run.request.scenario
        self._stop_rules = StopWatch(self._scenario.stop_when)
        self._levels_seen = 0
        self._ends_by = math.inf
        """When shards that still run are stopped, in seconds since t0: they do not end by themselves."""
        if run.request.steering is None and self._scenario.load.stages:
            script = self._scenario.script
            outlasts_s = script.outlasts_s if script is not None else 0.0
            self._ends_by = self._drained_by(self._scenario.load.duration_s) + outlasts_s
        self._stopping = False
        self.stopped_early: str | None = None
        """The sentence of the stop rule that ended the load before its plan."""

    def _drained_by(self, end_s: float) -> float:
        return end_s + self._scenario.drain_s + self._run.request.overtime_s

    def watch(self) -> None:
        """Raises: UnwritableError."""
        stages = [
            Event(start, "stage", stage.name, {"planned": stage.end})
            for start, _, stage in self._scenario.load.spans()
        ]
        _look_for_garbage()
        clock = WallClock()
        last = time.monotonic()
        while not self._run.shards.gone:
            now = time.monotonic()
            if now - last > 20 * _TICK_S:  # this process was asleep, so it may not call others silent
                self._run.merger.awake(now)
            last = now
            while stages and stages[0].t <= self._now():
                self._run.ledger.event(stages.pop(0))
            broken = self.write_down(now)
            self._steer()
            for event in [*clock.step(self._now()), *self._run.shards.poll(now, self._now())]:
                self._run.ledger.event(event)
            self._end_what_must_end(broken)
            if not self._run.shards.gone:
                self._run.interruption.wait(_TICK_S)

    def write_down(self, now: float) -> str | None:
        """What has come in. The sentence of a stop rule that is broken now, or None."""
        seconds = self._run.merger.poll(now)
        self._note_levels()
        self._run.ledger.seconds(seconds)
        if self._run.watching is not None:
            self._run.ledger.observations(self._run.watching.sampler.drain())
        return self._stop_rules.heed(seconds)

    def _note_levels(self) -> None:
        """Before the seconds after them. All shards say the same; one of them may have died."""
        levels = max((log.levels for log in self._run.merger.logs), key=len)
        for level in levels[self._levels_seen :]:
            self._run.ledger.event(level_event(level))
            if level.ends:
                self._ends_by = self._drained_by(level.t)
        self._levels_seen = len(levels)

    def _steer(self) -> None:
        """Pass orders on to the shards."""
        steering = self._run.request.steering
        for order in steering.orders() if steering is not None else ():
            t = 0.0 if order.kind == "start" else max(0.0, self._now())
            if order.kind != "stop":
                detail = {"users": order.users, "per_s": order.per_s}
                self._run.ledger.event(
                    Event(t, "users", f"to {order.users} users, {order.per_s:g}/s", detail)
                )
                self._run.shards.send(f"users {t!r} {order.users} {order.per_s!r}")
            elif not self._stopping:
                self._drain(Event(t, "stop", "stopped by hand"))

    def _end_what_must_end(self, broken: str | None) -> None:
        number = self._run.interruption.number
        if self._run.interruption.at_once:
            self._run.shards.kill()
        elif self._stopping:
            return
        elif number is not None:
            name = _SIGNAL_WORDS.get(number, "SIGTERM")
            words = f"{name}: no new requests start, and those under way have {self._scenario.drain_s:g} s"
            self._drain(Event(self._now(), "signal", words, {"signal": number}))
        elif self._run.shards.beyond is not None and not self._run.shards.gone:
            self._drain(Event(self._now(), "stop", "the other shards are stopped too"))
        elif broken is not None:
            self.stopped_early = broken
            self._drain(Event(self._now(), "stop", broken))
        elif self._now() > self._ends_by:
            words = "engine processes did not end with the plan"
            self._stop(Event(self._now(), "stop", words, {"overtime": True}), Ladder.signals())

    def _drain(self, why: Event) -> None:
        self._stop(why, Ladder.draining(self._scenario.drain_s))

    def _stop(self, why: Event, ladder: Ladder) -> None:
        self._stopping = True
        self._run.ledger.event(why)
        self._run.shards.stop(ladder)

    def _now(self) -> float:
        return time.monotonic() - self._t0


def _look_for_garbage() -> None:
    """Collect garbage from here on, without looking through what has been imported by now."""
    if not gc.get_freeze_count():
        gc.freeze()
    gc.set_threshold(_GARBAGE)


_HEAD_START_S = 0.04
_HEAD_START_OF_A_SHARD_S = 0.01
"""Between the word "start" and t0, so that all shards have heard it by then: they share cores."""
_HELLO_S = 20.0
_SCRIPT_HELLO_S = 60.0
"""A script imports what it likes, and may have to be compiled first."""
_LOOK_S = 0.005
"""How often it is asked whether all shards are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """`watch` is called once before t0, when the system is up, with the shards' pids; None: no monitors."""

    scenario: Scenario
    engine: Engine
    out: Path
    """Parent of the run directory."""
    shards: int = 1
    argv: Sequence[str] = ()
    watch: Callable[[Scenario, Mapping[int, int]], Watching] | None = watching
    steering: Steering | None = None
    """Sets the number of users and ends the load, where the scenario has no stages."""
    early: Early | None = None
    """An engine process that has been coming up since before the scenario was known."""
    ready_deadline_s: float = 30.0
    hello_deadline_s: float | None = None
    """How long an engine may take to be ready; None: as long as engines take, and longer with a script of one's own."""
    hung_s: float = 15.0
    """A shard that has written nothing for this long is killed: a frame is due every second."""
    overtime_s: float = 15.0
    """How long shards may take after the plan's end and the drain, before they are stopped."""


def run(request: RunRequest, observer: Observer | None = None) -> RunDirectory:
    """Carry the run out; SIGINT and SIGTERM end it early, and what was measured by then is kept.

    Raises: UsageError when nothing can be written, or a program is missing; RunError when the run could not begin,
    or its directory became unwritable; Interrupted when a signal came before the load began. The directory says so too.
    """
    require_programs(request.scenario)
    with Interruption() as interruption:
        progress = _Run(request, observer or Observer(), interruption)
        with closing(progress.ledger):
            try:
                progress.carry_out()
            except BaseException as error:
                progress.abort(error)
                raise
            finally:
                progress.clean_up()
    if not interruption.at_once:
        from loadctl.run.store import pack  # a start need not wait for what reads

        pack(progress.directory)
    return progress.directory


class _Run:
    """The steps of a run, in the order of `carry_out`."""

    def __init__(self, request: RunRequest, observer: Observer, interruption: Interruption) -> None:
        """Raises: UsageError where no directory can be written, UnwritableError where its journals cannot."""
        self.request = request
        self.directory = directory = RunDirectory.create(
            request.out, request.scenario.name, request.engine.name
        )
        self.observer = observer
        self.ledger = Ledger(directory, observer, request.scenario.load)
        self.interruption = interruption
        files = [directory.frame_file(k) for k in range(request.shards)]
        self.merger = Merger(files, time.monotonic())
        self.shards = Shards(
            request.engine, directory, self.merger, request.hung_s, request.early, request.scenario.secrets
        )
        self.watching: Watching | None = None
        self._commands = LocalCommands(
            request.scenario, directory.engine, interruption, tell=self._tell, now=self._now
        )
        self._started_at = time.monotonic()
        self._t0: float | None = None

    def carry_out(self) -> None:
        """The engine comes up while the rest is prepared; it sends nothing before `start`."""
        self.observer.began(self.directory)
        engine_version = self.request.engine.version()
        if self.request.scenario.before:
            self.directory.write_manifest(self._manifest(engine_version))
            self._commands.before()
        self._started_at = time.monotonic()
        try:
            self._start_shards(engine_version)
        finally:
            self.directory.write_manifest(manifest := self._manifest(engine_version))
        self._wait_for_system()
        self._wait_for_shards()
        load = self._begin(manifest)
        load.watch()
        self._close(load)

    def abort(self, error: BaseException) -> None:
        """Leave nothing running and, where that can be written, say why the run ended."""
        self.shards.kill()
        if self.watching is not None:
            self.watching.sampler.stop()
        known = isinstance(error, LoadctlError)
        interrupted_by = error.signal_number if isinstance(error, Interrupted) else None
        message = str(error) if known else f"internal error: {error!r}"
        failure = None if interrupted_by else Redaction(self.request.scenario.secrets).hidden(message)
        self.ledger.end(self._now(), interrupted_by=interrupted_by, failure=failure)

    def clean_up(self) -> None:
        """The scenario's `after:`. How the run ended is written already, and nothing changes that any more."""
        self._commands.after()

    def _tell(self, event: Event) -> None:
        try:
            self.ledger.event(event)
        except UnwritableError:
            if event.kind != "after":
                raise
            self.observer.event(event)  # a full disk is no reason to leave the system up

    def _start_shards(self, engine_version: str | None) -> None:
        request = self.request
        if engine_version is None:
            raise RunError(f"{request.engine.name} is not installed", hint=request.engine.install_hint)
        self.shards.start(request.engine.plan(request.scenario, self.directory.path, request.shards))

    def _manifest(self, engine_version: str | None) -> Manifest:
        request = self.request
        source = Path(request.scenario.source)
        expectation = expect(request.scenario)
        return Manifest(
            id=self.directory.id,
            scenario=request.scenario,
            scenario_hash=scenario_hash(request.scenario),
            traffic_hash=traffic_hash(request.scenario),
            engine=request.engine.name,
            engine_version=engine_version,
            shards=request.shards,
            argv=request.argv,
            smoke=request.scenario.smoke is not None,
            targets_judged=expectation.targets_judged,
            targets_total=sum(target.judged for target in request.scenario.targets),
            versions={"loadctl": version("loadctl"), "python": platform.python_version()},
            machine=this_machine(),
            git_revision=git_revision(source.parent if source.is_file() else Path.cwd()),
            created_at=utc(time.time()),
            pid=os.getpid(),
        )

    def _wait_for_system(self) -> None:
        if self.request.scenario.health == "none":
            return
        from loadctl.run.readiness import wait_for_system  # while the engine comes up

        wait_for_system(
            self.request.scenario,
            self.request.argv,
            deadline_s=self.request.ready_deadline_s,
            pause=self._pause,
        )

    def _pause(self, seconds: float) -> None:
        """Between probes. Raises: Interrupted; RunError when an engine has ended meanwhile."""
        self.interruption.wait(seconds)
        if self.interruption.number is not None:
            raise Interrupted(self.interruption.number)
        self.shards.ready()

    def _watch(self) -> None:
        request = self.request
        if request.watch is not None and self.watching is None:
            self.watching = request.watch(request.scenario, self.shards.pids)

    def _wait_for_shards(self) -> None:
        """Until all have said hello; what the scenario says to watch must be there by then."""
        request = self.request
        if request.watch is not watching or request.scenario.watch != Watch():
            self._watch()
        longest_s = request.hello_deadline_s or (_SCRIPT_HELLO_S if request.scenario.script else _HELLO_S)
        deadline = self._started_at + longest_s
        while True:
            now = time.monotonic()
            self.ledger.seconds(self.merger.poll(now))
            if self.shards.ready():
                return
            if now > deadline:
                script = request.scenario.script
                raise self.shards.late(longest_s, script.path if script else None)
            self._pause(_LOOK_S)

    def _begin(self, manifest: Manifest) -> _Load:
        head_start_s = _HEAD_START_S + _HEAD_START_OF_A_SHARD_S * self.request.shards
        self._t0 = t0 = time.monotonic() + head_start_s
        wall = utc(time.time() + head_start_s)
        extension = next((log.hello.extension for log in self.merger.logs if log.hello), None)
        manifest = replace(manifest, t0_wall=wall, t0_monotonic_s=t0, engine_extension=extension)
        self.merger.awake(t0)
        self.shards.send(f"start {t0!r}")
        self.directory.write_manifest(manifest)  # a slow disk must not use the head start up
        self._watch()  # where the scenario names nothing, nothing can be missing
        if self.watching is not None:
            self.watching.sampler.start(t0)
            manifest = replace(manifest, watched=self.watching.watched, watch_notes=self.watching.notes)
            self.directory.write_manifest(manifest)
        self.observer.started(manifest)
        for note in dict.fromkeys(note for log in self.merger.logs for note in log.notes):
            self.observer.event(Event(0.0, "note", note))  # the frames hold it
        return _Load(self, t0)

    def _close(self, load: _Load) -> None:
        if self.watching is not None:
            self.watching.sampler.stop()
        load.write_down(time.monotonic())
        self.ledger.seconds(self.merger.finish())
        number = self.interruption.number
        failure = self.shards.failure if number is None else None
        if failure:
            self.directory.probe()
        self.ledger.end(self._now(), interrupted_by=number, failure=failure, stopped_early=load.stopped_early)

    def _now(self) -> float:
        """Seconds since the start of the load; 0 before it."""
        return 0.0 if self._t0 is None else time.monotonic() - self._t0
