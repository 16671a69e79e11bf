"""Artillery's own virtual users: as many as the plan needs, each a user or a place, and Artillery's own count."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import closing
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadctl.engines.artillery import engine
from loadctl.engines.artillery.engine import ArtilleryEngine
from loadctl.engines.locust.inside.load.schedule import Schedule
from loadctl.engines.locust.inside.load.schedule import Stage as Span
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.user_type import Request, Task, Think, UserType
from tests.engines.conftest import Shards, closed, opened
from tests.engines.scripted import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadctl.engines.artillery.locate import Artillery
    from tests.engines.conftest import KnownServer

INSIDE = Path(engine.__file__).with_name("inside")
COUNTING = """
import { getEnvironmentData } from 'node:worker_threads';
import { countVirtualUsers } from 'INSIDE/load/places.mjs';
export default class {
  constructor(script, ee) {
    this.arrivals = [];
    ee.on('phaseStarted', () => this.arrivals.push(0));
    ee.on('done', ({ counters }) => {
      console.log(JSON.stringify({ arrivals: this.arrivals, counters, counted: this.counted }));
    });
  }
  async init() {
    this.counted = await countVirtualUsers({ package: getEnvironmentData('test').folder });
  }
  createScenario(spec, ee) {
    return (context, done) => {
      ee.emit('started');
      const n = this.arrivals.pop() + 1;
      this.arrivals.push(n);
      setImmediate(() => done(n === 3 ? new Error('no') : null, context));
    };
  }
}
"""


@pytest.fixture
def shards(artillery: Artillery, server: KnownServer, tmp_path: Path) -> Iterator[Shards]:
    assert artillery
    with closing(Shards(tmp_path, server, ArtilleryEngine())) as started:
        yield started


def user(path: str = "/sleep/1", *, name: str = "A", think: float | None = None) -> UserType:
    request = Request(method="GET", url=path, endpoint=f"GET {path}", timeout_s=5.0)
    pause = None if think is None else Think(think, think)
    return UserType(name=name, weight=1, tasks=[Task("t", 1, [request])], think=pause)


def arrivals(count: int) -> int:
    """As Artillery computes them (core/phases.js, arrivals/lib/index.js), in the same floating point."""
    text = engine.creating_phase(count)["duration"]
    assert isinstance(text, str)
    duration_ms = float(text.removesuffix("ms")) / 1000 * 1000
    tick_us = floor(duration_ms / count * 1000)
    return floor(duration_ms * 1000 / tick_us)


def test_a_phase_makes_exactly_so_many_by_artillerys_own_arithmetic() -> None:
    chance = random.Random(5)
    for count in [*range(1, 5001), *(chance.randint(5001, 200_000) for _ in range(5000))]:
        assert arrivals(count) == count


def test_a_phase_makes_exactly_so_many_in_artillerys_worker_and_its_counters_are_known_at_once(
    artillery: Artillery, tmp_path: Path
) -> None:
    """Holds what we use of Artillery beside its documented engines: its worker, its phases, its counters."""
    counts = [1, 7, 999, 1000, 5000, 0]
    folder = tmp_path / "artillery-engine-counting"
    folder.mkdir()
    (folder / "package.json").write_text('{"type": "module", "main": "index.mjs"}')
    (folder / "index.mjs").write_text(COUNTING.replace("INSIDE", INSIDE.as_uri()))
    given = {"package": str(artillery.package), "phases": [*map(engine.creating_phase, counts)]}
    run = subprocess.run(
        [str(artillery.node), str(Path(__file__).with_name("run_virtual_users.mjs"))],
        input=json.dumps(given),
        env={**os.environ, "NODE_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    [line] = [line for line in run.stdout.splitlines() if line.startswith("{")]
    said = json.loads(line)
    assert said["arrivals"] == counts
    assert said["counters"]["vusers.created"] == sum(counts)
    assert said["counters"]["vusers.failed"] == sum(count >= 3 for count in counts)
    assert said["counted"] == {name: said["counters"][name] for name in said["counted"]}


def test_as_many_as_the_plan_ever_wants_of_a_shard() -> None:
    chance = random.Random(7)

    def level() -> float:
        return chance.choice([0, chance.randint(0, 60), round(chance.uniform(0, 60), 3)])

    for _ in range(300):
        stages = [
            Stage(level(), level(), chance.choice([0, 0.5, 1, 3]), "s") for _ in range(chance.randint(1, 5))
        ]
        schedule = Schedule([Span(one.start, one.end, one.duration_s) for one in stages])
        shards = chance.randint(1, 4)
        most = max((schedule.users_at(ms / 1000) for ms in range(int(schedule.duration_s * 1000))), default=0)
        peak = [engine.places_needed(Load("closed", stages), k, shards, 10) for k in range(shards)]
        assert sum(peak) >= most, (
            "one that falls while it is still handed out never reaches its highest number"
        )
        assert peak == [len(range(k, sum(peak), shards)) for k in range(shards)]
        for k in range(shards):
            all_of_them = len([*schedule.arrivals(k, shards)]) if schedule.duration_s else 0
            assert engine.places_needed(Load("open", stages), k, shards, 10**6) == all_of_them
            mine = max(1, len(range(k, 10, shards)))
            assert engine.places_needed(Load("open", stages), k, shards, 10) == min(mine, all_of_them)


def counters(shards_folder: Path, shard: int = 0) -> dict[str, int]:
    [path] = shards_folder.glob(f"run-*/engine/vusers-{shard}.json")
    found: dict[str, int] = json.loads(path.read_text())
    return found


def test_each_user_of_a_closed_load_is_a_virtual_user_from_before_the_load_to_its_end(
    shards: Shards, server: KnownServer, tmp_path: Path
) -> None:
    """Taken away and wanted again, a number is a new user in the same virtual user."""
    steps = [
        Request(method="POST", url="/login", endpoint="POST /login", timeout_s=5.0),
        Request(method="GET", url="/sleep/1", endpoint="GET /sleep/1", timeout_s=5.0),
    ]
    patient = UserType(
        name="A", weight=1, start=steps[:1], tasks=[Task("t", 1, steps[1:])], think=Think(0.05, 0.05)
    )
    load = closed((3, 3, 1), (1, 1, 1), (5, 5, 1.5))
    both = [shards.spawn(user_types=[patient], load=load, shard=k, shards=2) for k in range(2)]
    for shard in both:
        shard.wait_for_hello()
        assert server.count["POST /login"] == 0
    t0 = both[0].start(0.2)
    both[1].start_at(t0)
    said = [shard.result() for shard in both]
    assert [one.returncode for one in said] == [0, 0]
    assert server.count["POST /login"] == 3 + 4
    assert [one.bye["virtual_users"] for one in said] == [
        {"created": count, "completed": count, "failed": 0} for count in (3, 2)
    ]
    [hello] = said[0].of("hello")
    assert (hello["version"], hello["extension"]) == ("2.0.34", "engine loadctl")


@pytest.mark.parametrize(("max_in_flight", "made"), [(1000, 30), (4, 4)])
def test_in_the_open_model_a_virtual_user_is_a_place_and_serves_arrivals_of_every_type(
    shards: Shards, server: KnownServer, tmp_path: Path, max_in_flight: int, made: int
) -> None:
    types = [user("/sleep/2", name="A"), user("/sleep/3", name="B")]
    said = shards.run(user_types=types, load=opened((30, 30, 1)), max_in_flight=max_in_flight)
    assert said.totals["planned"] == said.totals["begun"] == 30
    assert said.ok("GET /sleep/2") == server.count["GET /sleep/2"] == 15
    assert said.ok("GET /sleep/3") == server.count["GET /sleep/3"] == 15
    assert said.bye["virtual_users"] == {"created": made, "completed": made, "failed": 0}
    assert counters(tmp_path) == {"vusers.created": made, "vusers.completed": made, "vusers.failed": 0}


def test_a_place_is_vacated_for_an_arrival_of_another_type(shards: Shards, server: KnownServer) -> None:
    types = [user("/sleep/2", name="A"), user("/sleep/3", name="B")]
    said = shards.run(user_types=types, load=opened((10, 10, 1)), max_in_flight=1)
    assert said.totals["begun"] == 10 == said.ok("GET /sleep/2") + said.ok("GET /sleep/3")
    assert server.count["GET /sleep/2"] == server.count["GET /sleep/3"] == 5
    assert said.bye["virtual_users"]["created"] == 1


def test_a_virtual_user_whose_request_was_not_answered_before_the_end_has_failed(shards: Shards) -> None:
    said = shards.run(
        user_types=[user("/hang"), user(name="B", think=9.0)], load=closed((4, 4, 1)), drain_s=0.3
    )
    assert len(said.bye["unfinished"]["GET /hang"]) == 2
    assert said.bye["virtual_users"] == {"created": 4, "completed": 2, "failed": 2}


def test_virtual_users_that_were_stopped_before_the_load_have_completed(shards: Shards) -> None:
    shard = shards.spawn(user_types=[user()], load=closed((4, 4, 30)))
    shard.wait_for_hello()
    shard.say("stop")
    said = shard.result()
    assert said.bye["virtual_users"] == {"created": 4, "completed": 4, "failed": 0}


def test_at_a_second_signal_those_who_wait_for_an_answer_have_failed(shards: Shards) -> None:
    shard = shards.begin(
        user_types=[user("/hang"), user(name="B", think=9.0)], load=closed((4, 4, 30)), drain_s=9.0
    )
    shard.sleep_until(1.2)
    for _ in range(2):
        shard.process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    asked = time.monotonic()
    said = shard.result()
    assert said.ended - asked < 1.0
    assert len(said.bye["unfinished"]["GET /hang"]) == 2
    assert said.bye["virtual_users"] == {"created": 4, "completed": 2, "failed": 2}


def test_surplus_ones_end_at_once_and_the_others_with_what_became_of_them(artillery: Artillery) -> None:
    said = Runtime("artillery", artillery).run("run_places", None)
    assert not said["early"], "not complete with one of two"
    assert said["atOnce"] == [["surplus", None], ["another", None]]
    assert said["broke"] == ["not expected"]
    assert said["active"] == [3, 1]
    assert said["ended"] == [
        ["a", "not expected"],
        ["b", "its request was not answered before the load ended"],
    ]


def test_a_shard_without_users_says_hello_and_bye(shards: Shards) -> None:
    said = shards.run(user_types=[user()], load=closed((1, 1, 1)), shard=1, shards=2)
    assert said.returncode == 0
    assert said.bye["virtual_users"] == {"created": 0, "completed": 0, "failed": 0}


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        (
            "import '../nothing.mjs'; export default class {}",
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find module",
        ),
        (
            "export default class { constructor() { throw new TypeError('no such thing'); } }",
            "TypeError: no such thing",
        ),
        (
            "export default class { createScenario() { return () => {}; } }",
            "Artillery could not load its engine loadctl",
        ),
    ],
    ids=["its module", "its constructor", "a stranger's of that name"],
)
def test_an_engine_that_does_not_load_ends_the_start_in_its_own_words(
    artillery: Artillery,
    server: KnownServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    breaks: str,
    words: str,
) -> None:
    """One beside Artillery is taken before that of NODE_PATH."""
    modules = tmp_path / "node_modules"
    modules.mkdir()
    for package in artillery.package.parent.iterdir():
        (modules / package.name).symlink_to(package)
    (modules / "artillery").unlink()
    shutil.copytree(artillery.package, modules / "artillery", symlinks=True)
    engine = modules / "artillery-engine-loadctl"
    engine.mkdir()
    (engine / "package.json").write_text('{"type": "module", "main": "index.mjs"}')
    (engine / "index.mjs").write_text(breaks)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "artillery").symlink_to(modules / "artillery" / "bin" / "run")
    for name in ("XDG_DATA_HOME", "LOADCTL_ENGINES"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{artillery.node.parent}:/usr/bin:/bin")
    with closing(Shards(tmp_path / "shards", server, ArtilleryEngine())) as broken:
        said = broken.spawn(user_types=[user()], load=closed((1, 1, 1))).result()
    outcome = ArtilleryEngine().outcome(said.returncode or 0, said.stderr)
    assert outcome.kind == "failed"
    assert words in (outcome.reason or ""), said.stderr
    assert not said.lines
