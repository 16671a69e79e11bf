"""Profiling as part of a run: it hears what a run measures, and adds its source to those that watch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loadctl.results.interval import Second
from loadctl.results.profile import ProfileMode
from loadctl.results.recording import Event, Reading
from loadctl.results.vitals import Vitals
from loadctl.run.directory import RunDirectory
from loadctl.run.ledger import Observer
from loadctl.run.manifest import Manifest
from loadctl.run.watching import Watching, watching
from loadctl.scenario.scenario import Scenario


@dataclass(slots=True)
class Profiling:
    """An observer before another one: `RunRequest(watch=profiling.watch)` and `run(request, profiling)` go together."""

    mode: ProfileMode
    next: Observer
    _vitals: Vitals = field(default_factory=Vitals)
    _run: RunDirectory | None = None

    def watch(self, scenario: Scenario, shard_pids: Mapping[int, int]) -> Watching:
        """The scenario's monitors, and the profiler of what they watch."""
        from loadctl.monitors.profile import Order
        from loadctl.monitors.profile_trigger import Limits

        assert self._run is not None  # noqa: S101  began() comes first
        limits = {target.metric: target for target in scenario.targets if target.scope.kind == "run"}

        def limit(metric: str) -> float | None:
            target = limits.get(metric)
            return None if target is None else target.critical if target.target is None else target.target

        percent = limit("error_rate")
        return watching(
            scenario,
            shard_pids,
            profile=lambda pid: Order(
                self.mode,
                pid,
                self._run.path / "profile",  # type: ignore[union-attr]
                lambda: self._vitals.now,
                Limits(limit("latency_p95"), None if percent is None else percent / 100),
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
