"""Who watches during a run: the seam to the monitors, and the monitors that a scenario gets by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from loadctl.results.recording import Event, Reading
from loadctl.scenario.scenario import Scenario

if TYPE_CHECKING:
    from loadctl.monitors.profile import Order


class Sampler(Protocol):
    """Watches in a thread of its own, and keeps what it saw until it is fetched."""

    def start(self, t0: float) -> None:
        """Begin; `t0` is a time of time.monotonic(), soon to come."""

    def drain(self) -> Sequence[Reading | Event]:
        """What was seen since the last call."""

    def stop(self) -> None:
        """End; `drain` once more for the last words."""


@dataclass(frozen=True, slots=True)
class Watching:
    """`watched` says to people what is watched as the system, or why nothing is."""

    sampler: Sampler
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
    from loadctl.monitors.sampler import Sampler as Monitors

    plan = sources_for(scenario)
    plan.generator.watch(shard_pids)
    sources = plan.sources
    if profile is not None:
        from loadctl.monitors.profile import ProfileSource

        sources = (*sources, ProfileSource(profile(plan.pid)))
    sampler = Monitors(sources, secrets=scenario.secrets, series=scenario.judged_series, close=plan.close)
    return Watching(sampler, plan.watched, plan.notes)
