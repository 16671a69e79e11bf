"""Monitors during a run: the seam to them, and those that a scenario gets without being asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from loadctl.results.interval import Second
from loadctl.results.live import Vitals
from loadctl.results.recording import Event, ProfileMode, Reading
from loadctl.run.directory import Observer, RunDirectory
from loadctl.run.manifest import Manifest
from loadctl.scenario.scenario import Scenario

if TYPE_CHECKING:
    from loadctl.monitors.profile import Order


class Monitors(Protocol):
    """They watch in a thread of their own, and keep what they saw until it is fetched: see monitors/sampler.py."""

    def start(self, t0: float) -> None:
        """Begin; `t0` is a time of time.monotonic(), soon to come."""

    def drain(self) -> Sequence[Reading | Event]:
        """What was seen since the last call."""

    def stop(self) -> None:
        """End; `drain` once more for the last words."""


@dataclass(frozen=True, slots=True)
class Watching:
    """`watched`: a sentence that says what is watched as the system, or why nothing is."""

    sampler: Monitors
    watched: str | None = None
    notes: Sequence[str] = ()


def watching(
    scenario: Scenario,
    shard_pids: Mapping[int, int],
    *,
    profile: Callable[[int | None], Order] | None = None,
) -> Watching:
    """The scenario's own monitors. Called when the system is up, with the engine's processes by shard.

    `profile`: asked with the pid of what is watched, where that is known.
    """
    from loadctl.monitors.plan import sources_for
    from loadctl.monitors.sampler import Sampler

    plan = sources_for(scenario)
    plan.generator.watch(shard_pids)
    sources = plan.sources
    if profile is not None:
        from loadctl.monitors.profile import ProfileSource

        sources = (*sources, ProfileSource(profile(plan.system.pid)))
    sampler = Sampler(
        sources, secrets=scenario.secrets, series=scenario.judged_series, close=plan.system.close
    )
    return Watching(sampler, plan.system.watched, plan.system.notes)


@dataclass(slots=True)
class Profiling(Observer):
    """An observer in front of another one, for `RunRequest(watch=profiling.watch)` with `run(request, profiling)`."""

    mode: ProfileMode
    next: Observer
    _vitals: Vitals = field(default_factory=Vitals)
    _run: RunDirectory | None = None

    def watch(self, scenario: Scenario, shard_pids: Mapping[int, int]) -> Watching:
        """The scenario's monitors, and the profiler of what they watch."""
        from loadctl.monitors.profile import Limits, Order

        assert self._run is not None  # noqa: S101  began() comes first
        limits = {
            target.metric: target.critical if target.target is None else target.target
            for target in scenario.targets
            if target.scope.kind == "run"
        }
        percent = limits.get("error_rate")
        return watching(
            scenario,
            shard_pids,
            profile=lambda pid: Order(
                self.mode,
                pid,
                self._run.path / "profile",  # type: ignore[union-attr]
                lambda: self._vitals.now,
                Limits(limits.get("latency_p95"), None if percent is None else percent / 100),
                scenario.load.window,
            ),
        )

    def began(self, run: RunDirectory) -> None:
        self._run = run
        self.next.began(run)

    def started(self, manifest: Manifest) -> None:
        self.next.started(manifest)

    def second(self, second: Second) -> None:
        self._vitals.add(second)
        self.next.second(second)

    def reading(self, reading: Reading) -> None:
        self._vitals.read(reading)
        self.next.reading(reading)

    def event(self, event: Event) -> None:
        self.next.event(event)
