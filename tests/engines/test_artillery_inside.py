"""The parts of the runtime in JavaScript that compute: the same numbers as in Python, to the bit."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadctl.engines.locust.inside.load.schedule import Schedule, Stage, phase
from tests.engines.scripted import Runtime

if TYPE_CHECKING:
    from loadctl.engines.artillery.locate import Artillery

VECTORS = Path(__file__).parents[1] / "scenario" / "prng-vectors.json"


def test_it_draws_what_the_vectors_say(artillery: Artillery) -> None:
    vectors = json.loads(VECTORS.read_text())
    drawn = Runtime("artillery", artillery).run("run_draw", vectors)
    for part in ("draws", "hash32", "helpers"):
        assert drawn[part] == vectors[part]


def test_its_schedule_is_that_of_the_other_engine(artillery: Artillery) -> None:
    chance = random.Random(3)

    def level() -> float:
        return chance.choice([0, chance.randint(0, 60), round(chance.uniform(0, 60), 3)])

    wanted = [
        [Stage(level(), level(), chance.choice([0, 0.5, 1, 3, 12])) for _ in range(chance.randint(1, 5))]
        for _ in range(200)
    ]
    wanted = [stages for stages in wanted if sum(stage.duration_s for stage in stages)]
    answers: list[dict[str, Any]] = Runtime("artillery", artillery).run(
        "run_schedule", [[stage._asdict() for stage in stages] for stages in wanted]
    )
    for stages, answer in zip(wanted, answers, strict=True):
        schedule = Schedule(stages)
        assert answer["users"] == [schedule.users_at(tenth / 10) for tenth in range(len(answer["users"]))]
        shards = [[list(each) for each in schedule.arrivals(shard, 3)] for shard in range(3)]
        assert answer["arrivals"] == shards, stages
        assert answer["phases"] == [phase(index) for index in (0, 1, 7, 1000)]


def test_every_thread_tells_the_time_of_this_program(artillery: Artillery) -> None:
    """A clock that was a millisecond behind made every arrival of the open model a millisecond late."""
    before = time.monotonic()
    told = Runtime("artillery", artillery).run("run_clock", {})
    assert before <= min(told["main"], told["worker"])
    assert max(told["main"], told["worker"]) <= time.monotonic()
    assert max(map(abs, told["apart_us"])) < 200
