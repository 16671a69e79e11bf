"""Scripts of one's own that use loadctl's engine beside Artillery's, and engines that cannot be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadctl.engines.artillery.engine import ArtilleryEngine
from loadctl.engines.artillery.own_script import read_flows
from loadctl.errors import InvalidInput
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.user_type import Think
from tests.engines.conftest import closed, opened
from tests.engines.script_folder import HEAD, TWENTY, Folder, finished

if TYPE_CHECKING:
    from tests.engines.conftest import KnownServer

MIXED = """\
before: {flow: [{get: {url: /before}}]}
scenarios:
  - name: ours
    engine: loadctl
    weight: 3
    start:
      - {post: /echo/login, json: {user: "{{ user }}"}}
    headers: {X-Tenant: acme}
    flow:
      - {get: /sleep/20, check: {status: 2xx, has: ok}}
      - {think: 50ms}
      - {repeat: 2, flow: [{get: "/sleep/{{ random_int(1, 2) }}", name: "GET /sleep/{ms}"}]}
      - {get: /status/404, check: {status: 404}}
  - name: theirs
    flow:
      - get: {url: /sleep/30, capture: {json: $.ok, as: ok}}
      - think: 0.05
      - get: {url: "/status/500"}
"""


def test_a_script_that_mixes_both_engines_counts_every_request_of_both(
    folder: Folder, server: KnownServer
) -> None:
    folder.write(script__yml=HEAD + TWENTY + "  engines: {loadctl: {}}\n" + MIXED)
    said = finished(folder.run())
    assert said.totals["planned"] == said.totals["begun"] == said.totals["turns"] == 20
    ours, theirs = server.count["POST /echo/login"], server.count["GET /sleep/30"]
    assert ours + theirs == 20
    assert 0 < theirs < ours
    assert said.ok("POST /echo/login") == said.ok("GET /sleep/20") == server.count["GET /sleep/20"] == ours
    assert (
        said.ok("GET /sleep/{ms}") == server.count["GET /sleep/1"] + server.count["GET /sleep/2"] == 2 * ours
    )
    assert said.ok("GET /status/404") == server.count["GET /status/404"] == ours
    assert said.ok("GET /sleep/30") == theirs
    assert said.errors("GET /status/500") == {"status_500": theirs}
    assert server.count.pop("GET /before") == 1
    assert said.totals["completed"] == sum(server.count.values())
    assert said.totals["faults"] == 0
    assert min(cell["ok"]["min_us"] for cell in said.cells("GET /sleep/20") if "ok" in cell) >= 20_000
    [hello] = said.of("hello")
    assert hello["users"] == "the script's own users and clients, and steps of user types on loadctl's engine"


def test_its_hooks_run_on_engines_of_artillery(folder: Folder) -> None:
    folder.write(
        script__yml=HEAD
        + TWENTY
        + "  engines: {loadctl: {}}\nbefore: {engine: loadctl, flow: [{get: /}]}\n"
        + "scenarios:\n  - {engine: loadctl, flow: [{get: /}]}\n"
    )
    said = folder.run()
    outcome = ArtilleryEngine().outcome(said.returncode or 0, said.stderr)
    assert "before: and after: of a script run on an engine of Artillery" in (outcome.reason or "")
    assert not said.lines


@pytest.mark.parametrize("load", [closed((4, 4, 1)), opened((20, 20, 1))])
def test_it_does_under_a_scenarios_load(folder: Folder, server: KnownServer, load: Load) -> None:
    folder.write(
        script__yml=HEAD + "scenarios:\n  - {engine: loadctl, flow: [{get: /sleep/5}, {get: /sleep/6}]}\n"
    )
    said = finished(folder.run(load))
    assert said.ok("GET /sleep/5") == server.count["GET /sleep/5"] >= 20
    assert said.ok("GET /sleep/6") == server.count["GET /sleep/6"]
    assert said.totals["failed"] == said.totals["faults"] == 0
    assert not said.bye["unfinished"]
    if load.model == "open":
        assert said.totals["begun"] == said.totals["turns"] == 20
    else:
        assert [line["users"] for line in said.frames[:1]] == [4]


def test_a_step_that_is_taken_once_is_where_each_virtual_user_is_new(
    folder: Folder, server: KnownServer
) -> None:
    """Two that are in flight together; those after them take their places."""
    folder.write(
        script__yml=HEAD
        + "  phases: [{duration: 1, arrivalCount: 2}, {pause: 1}, {duration: 1, arrivalRate: 2}]\n"
        + "scenarios:\n  - engine: loadctl\n    start: [{post: '/echo/{{ user }}', name: login, once: true}]\n"
        + "    flow: [{get: /sleep/900}]\n"
    )
    said = finished(folder.run())
    assert said.ok("GET /sleep/900") == 4
    assert said.ok("login") == server.count["POST /echo/0"] + server.count["POST /echo/1"] == 2


def test_a_pause_ends_with_the_load(folder: Folder, server: KnownServer) -> None:
    folder.write(
        script__yml=HEAD
        + "scenarios:\n  - {engine: loadctl, flow: [{get: /sleep/1}, {think: 60s}, {get: /never}]}\n"
    )
    said = finished(folder.run(closed((3, 3, 1))))
    assert said.totals["turns"] == 3, "they have ended before the bye"
    assert said.ok("GET /sleep/1") == server.count["GET /sleep/1"] == 3
    assert "GET /never" not in server.count


def test_the_engine_stands_in_each_scenario(tmp_path: Path) -> None:
    """Artillery's own check of scripts refuses their steps otherwise."""
    (tmp_path / "s.yml").write_text(
        "config: {target: http://x, engine: loadctl}\nscenarios:\n  - flow: [{get: /}]\n"
    )
    with pytest.raises(InvalidInput) as error:
        read_flows(Script("artillery", str(tmp_path / "s.yml")), 7.0, {})
    [mistake] = error.value.mistakes
    assert mistake.where.line == 1
    assert "in each scenario" in (mistake.hint or "")


def test_what_it_reads(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("name\nann\n")
    (tmp_path / "s.yml").write_text(
        "config: {target: http://x}\nscenarios:\n"
        "  - {name: a, flow: [{get: {url: /}}]}\n"
        "  - {name: b, engine: loadctl, data: rows.csv, flow: [{get: '/{{ row.name }}'}, {think: 1s}]}\n"
        "  - {engine: loadctl, flow: [{get: /, headers: {Authorization: 'Bearer ${API_TOKEN}'}}]}\n"
    )
    user_types, secrets = read_flows(
        Script("artillery", str(tmp_path / "s.yml")), 7.0, {"API_TOKEN": "hunter22"}
    )
    first, second = user_types
    assert (first.name, second.name) == ("2. b", "3. scenario")
    assert first.data == [{"name": "ann"}]
    assert first.tasks[0].flow[1] == Think(1.0, 1.0)
    assert first.requests()[0].timeout_s == 7.0
    assert list(secrets) == ["hunter22"]


@pytest.mark.parametrize(
    ("scenario", "place", "message"),
    [
        ("{engine: loadctl, flow: [{get: {url: /}}]}", "4:", "get"),
        ("{engine: loadctl, flow: [{function: f}]}", "4:", "function"),
        ("{engine: loadctl, flow: []}", "4:", "list of steps"),
        ("{engine: loadctl}", "4:5", "a scenario needs flow:, a list of steps"),
        (
            "{engine: loadctl, beforeScenario: f, flow: [{get: /}]}",
            "4:23",
            "beforeScenario: is not part of a scenario",
        ),
        ("{engine: loadctl, flow: [{get: '/{{ x }}'}]}", "4:", "nothing captures"),
        ("{engine: loadctl, flow: [{get: '/${NO_SUCH}'}]}", "4:", "NO_SUCH is not set"),
        (
            "{engine: loadctl, flow: [{get: /, capture: {x: regex a++}}]}",
            "4:",
            "Artillery cannot use the pattern",
        ),
    ],
)
def test_a_mistake_in_it_has_its_place(tmp_path: Path, scenario: str, place: str, message: str) -> None:
    path = tmp_path / "s.yml"
    path.write_text(
        f"config: {{target: http://x, phases: [{{duration: 1, arrivalRate: 1}}]}}\n\nscenarios:\n  - {scenario}\n"
    )
    own = Scenario(name="x", host="http://x", load=closed((1, 1, 1)), script=Script("artillery", str(path)))
    with pytest.raises(InvalidInput) as error:
        ArtilleryEngine().completed(own, {})
    found = [f"{mistake.where}: {mistake.message}" for mistake in error.value.mistakes]
    assert any(one.startswith(f"{path}:{place}") and message in one for one in found), found


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("", "Cannot find module 'artillery-engine-thing'"),
        ("throw new Error('no driver');", "Error: no driver ("),
        (
            "module.exports = class { constructor() { throw new TypeError('no config'); } createScenario() {} };",
            "TypeError: no config (",
        ),
        (
            "module.exports = class { async init() { throw new TypeError('no server'); } createScenario() {} };",
            "TypeError: no server (",
        ),
    ],
    ids=["missing", "its module", "its constructor", "its init"],
)
def test_an_engine_that_cannot_be_loaded_is_told_in_its_own_words(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, words: str
) -> None:
    if engine:
        (tmp_path / "modules" / "artillery-engine-thing").mkdir(parents=True)
        (tmp_path / "modules" / "artillery-engine-thing" / "index.js").write_text(engine)
    monkeypatch.setenv("NODE_PATH", str(tmp_path / "modules"))
    folder.write(
        script__yml=HEAD
        + TWENTY
        + "  engines: {thing: {}}\nscenarios:\n  - {engine: thing, flow: [{do: it}]}\n"
    )
    said = folder.run()
    outcome = ArtilleryEngine().outcome(said.returncode or 0, said.stderr)
    assert outcome.kind == "failed"
    assert words in (outcome.reason or ""), said.stderr
    assert not said.frames


def test_an_engine_that_no_scenario_asks_for_ends_no_run(folder: Folder, server: KnownServer) -> None:
    """As under bare Artillery."""
    folder.write(
        script__yml=HEAD + TWENTY + "  engines: {thing: {}}\nscenarios:\n  - flow: [{get: {url: /sleep/1}}]\n"
    )
    said = finished(folder.run())
    assert said.ok("GET /sleep/1") == server.count["GET /sleep/1"] == 20


def test_an_engine_that_config_does_not_name_is_told_before_the_load(folder: Folder) -> None:
    folder.write(script__yml=HEAD + TWENTY + "scenarios:\n  - {engine: thing, flow: [{do: it}]}\n")
    said = folder.run()
    outcome = ArtilleryEngine().outcome(said.returncode or 0, said.stderr)
    assert (
        outcome.reason == 'Error: a scenario asks for the engine "thing", which config.engines does not name'
    )
    assert not said.frames
