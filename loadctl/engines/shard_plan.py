"""What a shard needs to know, whichever engine it runs in."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from loadctl.engines.journey_plan import user_type_plan
from loadctl.scenario.rotation import weighted_order

if TYPE_CHECKING:
    from loadctl.scenario.scenario import Scenario
    from loadctl.scenario.user_type import Json


def shard_plan(scenario: Scenario, shard: int, shards: int) -> dict[str, Json]:
    """Plain JSON, as the `inside/` of every engine reads it."""
    script = scenario.script
    rate_limit = scenario.rate_limit
    names = [user_type.name for user_type in scenario.user_types]
    order = weighted_order({user_type.name: user_type.weight for user_type in scenario.user_types})
    return {
        "shard": shard,
        "shards": shards,
        "host": scenario.address,
        "model": scenario.load.model,
        "stages": [
            {"start": stage.start, "end": stage.end, "duration_s": stage.duration_s}
            for stage in scenario.load.stages
        ],
        "timeout_s": scenario.timeout_s,
        "drain_s": scenario.drain_s,
        "max_in_flight": scenario.max_in_flight,
        "rate_limit": {"per_s": rate_limit.per_s, "by": rate_limit.by} if rate_limit else None,
        "tls": asdict(scenario.tls),
        "seed": scenario.seed,
        "rotation": [names.index(name) for name in order],
        "user_types": [user_type_plan(user_type) for user_type in scenario.user_types],
        "script": {
            "path": str(Path(script.path).absolute()),
            "weights": dict(script.weights),
            "environment": script.environment,
        }
        if script
        else None,
        "secrets": list(scenario.secrets),
    }
