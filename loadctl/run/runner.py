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
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal, Protocol

from loadctl.engines.base import Engine
from loadctl.errors import Interrupted, LoadctlError, RunError
from loadctl.results.boundaries import level_event
from loadctl.results.live import StopWatch
from loadctl.results.recording import Event
from loadctl.run.directory import Ledger, Observer, RunDirectory, Silent
from loadctl.run.interruption import Interruption
from loadctl.run.journal import UnwritableError
from loadctl.run.local_commands import LocalCommands, require_programs
from loadctl.run.machine import WallClock, git_revision, this_machine, utc
from loadctl.run.manifest import Manifest, scenario_hash
from loadctl.run.merge import Merger
from loadctl.run.process import Early, Ladder
from loadctl.run.shards import Shards
from loadctl.run.watching import Watching, watching
from loadctl.scenario.expectation import expect
from loadctl.scenario.invocation import Invocation
from loadctl.scenario.redaction import Redaction
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.watch import Watch


@dataclass(frozen=True, slots=True)
class Order:
    """`users`: so many from now on, who come or leave at `per_s` a second; `start`: from the start of the load on.

    `stop`: no new requests; those under way are waited for, as at the end of a plan.
    """

    kind: Literal["start", "users", "stop"]
    users: int = 0
    per_s: float = 1.0


class Steering(Protocol):
    def orders(self) -> Sequence[Order]:
        """Those that have come since the last call; called ten times a second. Raises: RunError, which ends the run."""


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
            words = "engine processes did not end with the plan"
            self._stop(Event(self._now(), "stop", words, {"overtime": True}), Ladder.signals())

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
    """`watch` is called once before t0, when the system is up, with the shards' pids; None: nobody watches."""

    scenario: Scenario
    engine: Engine
    out: Path
    """Parent of the run directory."""
    shards: int = 1
    argv: Sequence[str] = ()
    watch: Callable[[Scenario, Mapping[int, int]], Watching] | None = watching
    steering: Steering | None = None
    """Who says how many users there are, and when the load ends, where the scenario has no stages."""
    early: Early | None = None
    """An engine process that has been coming up since before the scenario was known."""
    ready_deadline_s: float = 30.0
    hello_deadline_s: float | None = None
    """How long an engine may take to be ready; None: as long as engines take, and longer with a script of one's own."""
    hung_s: float = 15.0
    """A shard that has said nothing for so long is killed: a frame is due every second."""
    overtime_s: float = 15.0
    """After the plan's end and the drain: whoever is still there then does not end by itself."""


def run(request: RunRequest, observer: Observer | None = None) -> RunDirectory:
    """Carry the run out; SIGINT and SIGTERM end it early, and what was measured by then is kept.

    Raises: UsageError when nothing can be written, or a program is missing; RunError when the run could not begin,
    or its directory became unwritable; Interrupted when a signal came before the load began. The directory says so too.
    """
    require_programs(request.scenario)
    with Interruption() as interruption:
        directory = RunDirectory.create(request.out, request.scenario.name, request.engine.name)
        with closing(Ledger(directory, observer or Silent(), request.scenario.load)) as ledger:
            progress = _Run(request, directory, ledger, observer or Silent(), interruption)
            try:
                progress.carry_out()
            except BaseException as error:
                progress.abort(error)
                raise
            finally:
                progress.clean_up()
    if not interruption.at_once:
        from loadctl.run.store import pack  # a start need not wait for what reads

        pack(directory)
    return directory


class _Run:
    def __init__(
        self,
        request: RunRequest,
        directory: RunDirectory,
        ledger: Ledger,
        observer: Observer,
        interruption: Interruption,
    ) -> None:
        self._request = request
        self._directory = directory
        self._ledger = ledger
        self._observer = observer
        self._interruption = interruption
        files = [directory.frame_file(k) for k in range(request.shards)]
        self._merger = Merger(files, time.monotonic())
        self._shards = Shards(
            request.engine, directory, self._merger, request.hung_s, request.early, request.scenario.secrets
        )
        self._watching: Watching | None = None
        self._commands = LocalCommands(
            request.scenario, directory.engine, interruption, tell=self._tell, now=self._now
        )
        self._started_at = time.monotonic()
        self._t0: float | None = None

    def carry_out(self) -> None:
        """The engine comes up while the rest is prepared; it sends nothing before it is told to."""
        self._observer.began(self._directory)
        engine_version = self._request.engine.version()
        if self._request.scenario.before:
            self._directory.write_manifest(self._manifest(engine_version))
            self._commands.before()
        self._started_at = time.monotonic()
        try:
            self._start_shards(engine_version)
        finally:
            self._directory.write_manifest(manifest := self._manifest(engine_version))
        self._wait_for_system()
        self._wait_for_shards()
        load = self._begin(manifest)
        load.watch()
        self._close(load)

    def abort(self, error: BaseException) -> None:
        """Leave nothing running and, where that can be written, say why the run ended."""
        self._shards.kill()
        if self._watching is not None:
            self._watching.sampler.stop()
        known = isinstance(error, LoadctlError)
        interrupted_by = error.signal_number if isinstance(error, Interrupted) else None
        said = str(error) if known else f"internal error: {error!r}"
        failure = None if interrupted_by else Redaction(self._request.scenario.secrets).hidden(said)
        self._ledger.end(self._now(), interrupted_by=interrupted_by, failure=failure)

    def clean_up(self) -> None:
        """The scenario's `after:`. How the run ended is written already, and nothing changes that any more."""
        self._commands.after()

    def _tell(self, event: Event) -> None:
        try:
            self._ledger.event(event)
        except UnwritableError:
            if event.kind != "after":
                raise
            self._observer.event(event)  # a full disk is no reason to leave the system up

    def _start_shards(self, engine_version: str | None) -> None:
        request = self._request
        if engine_version is None:
            raise RunError(f"{request.engine.name} is not installed", hint=request.engine.install_hint)
        self._shards.start(request.engine.plan(request.scenario, self._directory.path, request.shards))

    def _manifest(self, engine_version: str | None) -> Manifest:
        request = self._request
        source = Path(request.scenario.source)
        expectation = expect(request.scenario)
        return Manifest(
            id=self._directory.id,
            scenario=request.scenario,
            scenario_hash=scenario_hash(request.scenario),
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
        scenario = self._request.scenario
        if scenario.health == "none":
            return
        from loadctl.monitors.liveness import liveness  # while the engine comes up
        from loadctl.run.readiness import wait_until_ready

        with liveness(scenario) as alive:
            wait_until_ready(
                scenario.address,
                health=scenario.health,
                deadline_s=self._request.ready_deadline_s,
                tls=scenario.tls,
                elsewhere=Invocation(scenario, self._request.argv).elsewhere,
                alive=alive,
                pause=self._pause,
                is_base=True,
            )

    def _pause(self, seconds: float) -> None:
        """Between probes. Raises: Interrupted; RunError when an engine has ended meanwhile."""
        self._interruption.wait(seconds)
        if self._interruption.number is not None:
            raise Interrupted(self._interruption.number)
        self._shards.ready()

    def _watch(self) -> None:
        request = self._request
        if request.watch is not None and self._watching is None:
            self._watching = request.watch(request.scenario, self._shards.pids)

    def _wait_for_shards(self) -> None:
        """All have said hello, and what somebody wants to have watched is there."""
        request = self._request
        if request.watch is not watching or request.scenario.watch != Watch():
            self._watch()
        longest_s = request.hello_deadline_s or (_SCRIPT_HELLO_S if request.scenario.script else _HELLO_S)
        deadline = self._started_at + longest_s
        while True:
            now = time.monotonic()
            self._ledger.seconds(self._merger.poll(now))
            if self._shards.ready():
                return
            if now > deadline:
                raise self._shards.late(longest_s)
            self._pause(_LOOK_S)

    def _begin(self, manifest: Manifest) -> UnderWay:
        head_start_s = _HEAD_START_S + _HEAD_START_OF_A_SHARD_S * self._request.shards
        self._t0 = t0 = time.monotonic() + head_start_s
        wall = utc(time.time() + head_start_s)
        extension = next((log.hello.extension for log in self._merger.logs if log.hello), None)
        manifest = replace(manifest, t0_wall=wall, t0_monotonic_s=t0, engine_extension=extension)
        self._merger.awake(t0)
        self._shards.begin(t0)
        self._directory.write_manifest(manifest)  # a slow disk must not use the head start up
        self._watch()  # what nobody named cannot be missing
        if self._watching is not None:
            self._watching.sampler.start(t0)
            manifest = replace(manifest, watched=self._watching.watched, watch_notes=self._watching.notes)
            self._directory.write_manifest(manifest)
        self._observer.started(manifest)
        for note in dict.fromkeys(note for log in self._merger.logs for note in log.notes):
            self._observer.event(Event(0.0, "note", note))  # the frames hold it
        return UnderWay(
            self._request.scenario,
            t0=t0,
            shards=self._shards,
            merger=self._merger,
            ledger=self._ledger,
            interruption=self._interruption,
            watching=self._watching,
            steering=self._request.steering,
            overtime_s=self._request.overtime_s,
        )

    def _close(self, load: UnderWay) -> None:
        if self._watching is not None:
            self._watching.sampler.stop()
        load.write_down(time.monotonic())
        self._ledger.seconds(self._merger.finish())
        number = self._interruption.number
        failure = self._shards.failure if number is None else None
        if failure:
            self._directory.probe()
        self._ledger.end(
            self._now(), interrupted_by=number, failure=failure, stopped_early=load.stopped_early
        )

    def _now(self) -> float:
        """Seconds since the start of the load; 0 before it."""
        return 0.0 if self._t0 is None else time.monotonic() - self._t0
