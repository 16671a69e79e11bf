"""Artillery's virtual users for user types: how many a shard needs, and the phase that creates them before the load.

None are created later, because Artillery's phases are fixed at the start and the plan knows its highest level.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadctl.scenario.load import Load
    from loadctl.scenario.scenario import Scenario
    from loadctl.scenario.user_type import Json

_LESS = 1e-6
"""As in the schedule: ten a second for 0.1 + 0.2 s is three arrivals, not four."""


def places(load: Load, shard: int, shards: int, max_in_flight: int) -> int:
    """Closed model: the most users of this shard; open model: those that may be in flight, or all its arrivals."""
    stages = [stage for stage in load.stages if stage.duration_s > 0]
    if load.model == "closed":
        peak = max((floor(max(stage.start, stage.end) + 0.5) for stage in stages), default=0)
        return len(range(shard, peak, shards))
    arrivals = ceil(sum((stage.start + stage.end) / 2 * stage.duration_s for stage in stages) - _LESS)
    at_once = max(1, len(range(shard, max_in_flight, shards)))
    return min(at_once, len(range(shard, arrivals, shards)))


def phase(count: int) -> Mapping[str, Json]:
    """As fast as Artillery makes exactly so many.

    It rounds the time between two down to whole microseconds, here to one, and makes as many as fit into the duration:
    half a microsecond more than needed loses none to rounding and adds none.
    """
    return {"duration": f"{(count + 0.5) / 1000:.4f}ms", "arrivalCount": count}


def script(scenario: Scenario, count: int) -> Mapping[str, Json]:
    """What Artillery runs: one scenario of loadctl's engine, in which each virtual user is a user of the plan."""
    return {
        "config": {"target": scenario.shown_host, "engines": {"loadctl": {}}, "phases": [phase(count)]},
        "scenarios": [
            {"name": "loadctl", "engine": "loadctl", "flow": [user.name for user in scenario.user_types]}
        ],
    }
