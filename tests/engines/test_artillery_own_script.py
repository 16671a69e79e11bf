"""What a script of one's own says about its load and its system, and what is refused before anything is started."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loadctl.cli.project import is_script
from loadctl.engines.artillery.engine import ArtilleryEngine
from loadctl.engines.artillery.own_script import read_own_script
from loadctl.errors import InvalidInput, UsageError
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario, Script, Tls

OUT = Path("/somewhere/runs/x")
LOAD = Load("closed", [Stage(10, 10, 60.0, "hold")])


def own(tmp_path: Path, text: str, name: str = "s.yml") -> Scenario:
    (tmp_path / name).write_text(text)
    return Scenario(
        name="s", host="", load=Load("open", ()), script=Script("artillery", str(tmp_path / name))
    )


SCRIPT = "config:\n  target: http://api:8080/v1\n  phases: %s\nscenarios: []\n"


def test_what_the_scenario_leaves_open_the_script_says(tmp_path: Path) -> None:
    phases = (
        "[{duration: 1m, arrivalRate: 5, name: warm up}, {duration: 10, arrivalRate: 5, rampTo: 50}, "
        "{pause: 5}, {duration: '30', arrivalCount: 60}]"
    )
    completed = ArtilleryEngine().completed(own(tmp_path, SCRIPT % phases), {})
    assert completed.host == "http://api:8080/v1"
    assert completed.load == Load(
        "open",
        [
            Stage(5, 5, 60, "warm up", warmup=True),
            Stage(5, 50, 10, "phase 2"),
            Stage(0, 0, 5, "phase 3"),
            Stage(2, 2, 30, "phase 4"),
        ],
    )
    assert completed.script is not None
    assert completed.script.own_load
    given = replace(own(tmp_path, SCRIPT % phases), host="http://other", load=LOAD)
    completed = ArtilleryEngine().completed(given, {})
    assert (completed.host, completed.load) == ("http://other", LOAD)


def test_variables_and_environments_are_filled_in(tmp_path: Path) -> None:
    text = (
        "config:\n  target: http://prod\n  environments:\n    dev:\n      target: 'http://{{ $env.PLACE }}'\n"
        "      phases: [{duration: '{{ $processEnvironment.LONG }}', arrivalRate: 1}]\n"
    )
    (tmp_path / "s.yml").write_text(text)
    found = read_own_script(str(tmp_path / "s.yml"), "dev", {"PLACE": "here", "LONG": "7"})
    assert found.target == "http://here"
    assert found.load == Load("open", [Stage(1, 1, 7, "phase 1")])
    assert read_own_script(str(tmp_path / "s.yml"), "dev", {}).load is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SCRIPT % "[{duration: 0, arrivalRate: 5}]", "phase 1: Artillery does not accept a duration of 0"),
        (SCRIPT % "[{pause: 0.5}]", "phase 1: Artillery does not accept a pause of 0.5"),
        (
            SCRIPT % "[{duration: '{{ x }}', arrivalRate: 1}]",
            "its load cannot be determined: phase 1 has a duration or rate",
        ),
        (
            "config: {phases: [{duration: 5, arrivalRate: 1}]}\n",
            "no host: neither the scenario nor the script's target",
        ),
        ("config:\n  target: [\n", "never closed"),
        (SCRIPT % "[{duration: 5, arrivalRate: 0.5}]", "Artillery accepts whole numbers only, not 0.5"),
        (SCRIPT % "[{duration: 5, arivalRate: 5}]", "phase 1 has no arrivalRate, arrivalCount or pause"),
        (SCRIPT % "[]\nconfig: {}", "'config' appears twice"),
        ("scenarios: []\n", "this is not an Artillery script: it has no config:"),
        (SCRIPT % "[5]", "phase 1 is not a mapping"),
    ],
)
def test_what_cannot_be_run_is_told_before_the_run(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as error:
        ArtilleryEngine().completed(own(tmp_path, text), {})
    assert message in error.value.mistakes[0].message


def test_an_unknown_environment_and_split_phases_are_refused(tmp_path: Path) -> None:
    asked = own(tmp_path, SCRIPT % "[{duration: 5, arrivalRate: 1}]")
    assert asked.script is not None
    with pytest.raises(InvalidInput) as error:
        ArtilleryEngine().completed(replace(asked, script=replace(asked.script, environment="dev")), {})
    assert "it has no environment 'dev'; it has none" in error.value.mistakes[0].message
    with pytest.raises(UsageError, match="cannot be split over several workers"):
        ArtilleryEngine().plan(ArtilleryEngine().completed(asked, {}), OUT, 2)


def test_an_environment_is_merged_as_artillery_does_it_lists_item_by_item(tmp_path: Path) -> None:
    (tmp_path / "s.yml").write_text(
        "config:\n  target: http://prod\n  phases:\n    - {duration: 60, arrivalRate: 1, rampTo: 50, name: all}\n"
        "    - {duration: 30, arrivalRate: 50}\n  environments:\n    dev:\n      phases: [{duration: 5, name: short}]\n"
    )
    found = read_own_script(str(tmp_path / "s.yml"), "dev", {})
    assert found.load == Load("open", [Stage(1, 50, 5, "short"), Stage(50, 50, 30, "phase 2")])


def test_scalars_are_those_of_yaml_1_2_and_json_may_have_tabs(tmp_path: Path) -> None:
    (tmp_path / "s.yml").write_text(SCRIPT % "[{duration: 010, arrivalRate: 5, name: no}]")
    assert read_own_script(str(tmp_path / "s.yml"), None, {}).load == Load("open", [Stage(5, 5, 10, "no")])
    (tmp_path / "s.json").write_text(
        '{\n\t"config": {\n\t\t"target": "http://h", "phases": [{"duration": 5, "arrivalRate": 2}]\n\t}\n}\n'
    )
    found = read_own_script(str(tmp_path / "s.json"), None, {})
    assert found.load == Load("open", [Stage(2, 2, 5, "phase 1")])


def test_where_all_phases_are_called_warm_up_none_is(tmp_path: Path) -> None:
    (tmp_path / "s.yml").write_text(SCRIPT % "[{duration: 5, arrivalRate: 1, name: Warm up the API}]")
    load = read_own_script(str(tmp_path / "s.yml"), None, {}).load
    assert load == Load("open", [Stage(1, 1, 5, "Warm up the API")])


def test_without_phases_there_is_one_virtual_user_as_in_artillery(tmp_path: Path) -> None:
    completed = ArtilleryEngine().completed(own(tmp_path, "config: {target: 'http://h'}\n"), {})
    assert completed.load == Load("open", [Stage(1, 1, 1, "phase 1")])
    assert completed.script is not None
    assert completed.script.own_load


def test_a_ramp_may_leave_out_where_it_begins(tmp_path: Path) -> None:
    (tmp_path / "s.yml").write_text(SCRIPT % "[{duration: 10, rampTo: 20}]")
    assert read_own_script(str(tmp_path / "s.yml"), None, {}).load == Load(
        "open", [Stage(0, 20, 10, "phase 1")]
    )


@pytest.mark.parametrize(
    ("phase", "loose"),
    [
        ("{duration: 5, arrivalRate: 5}", False),
        ("{duration: 5, arrivalRate: 5, maxVusers: 3}", True),
        ("{duration: 5, arrivalRate: 5, mode: poisson}", True),
    ],
)
def test_arrivals_by_chance_or_capped_cannot_be_missing(tmp_path: Path, phase: str, loose: bool) -> None:
    completed = ArtilleryEngine().completed(own(tmp_path, SCRIPT % f"[{phase}]"), {})
    assert completed.script is not None
    assert completed.script.loose_arrivals is loose


PUT_OVER = """
config:
  target: http://{{ $env.PLACE }}
  phases: [{duration: "{{ seconds }}", arrivalRate: 1}, {duration: 9, arrivalRate: 9}]
  environments: {dev: {phases: [{arrivalRate: 2}]}}
scenarios: [{name: browse, flow: []}, {name: buy, flow: []}, {flow: []}]
"""


def test_what_options_put_over_a_script_counts_in_artillerys_order(tmp_path: Path) -> None:
    path = tmp_path / "s.yml"
    path.write_text(PUT_OVER)
    (tmp_path / "c.yml").write_text("config: {phases: [{arrivalRate: 3, name: first}]}\n")
    (tmp_path / "e.env").write_text("export PLACE=\"there:1\"\nAPI_TOKEN='sesame street' # mine\nLEFT=1\n")
    options = {
        "variables": '{"seconds": 4}',
        "config": str(tmp_path / "c.yml"),
        "dotenv": str(tmp_path / "e.env"),
        "scenario-name": "^bro",
    }
    found = read_own_script(str(path), None, {}, options)
    assert found.target == "http://there:1"
    assert found.load == Load("open", [Stage(3, 3, 4, "first"), Stage(9, 9, 9, "phase 2")])
    assert found.secrets == ["sesame street"]
    found = read_own_script(str(path), "dev", {"PLACE": "here"}, options)
    assert found.target == "http://here"
    assert found.load == Load("open", [Stage(2, 2, 4, "first"), Stage(9, 9, 9, "phase 2")])
    options["overrides"] = (
        '{"config": {"target": "http://over", "phases": [{"duration": 7, "arrivalCount": 7}]}}'
    )
    found = read_own_script(str(path), "dev", {}, options)
    assert (found.target, found.load) == ("http://over", Load("open", [Stage(1, 1, 7, "phase 1")]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sell", "--scenario-name: no scenario is called 'sell'; there are browse, buy"),
        ("b", "--scenario-name: 'b' matches 2 scenarios; there are browse, buy"),
    ],
)
def test_a_scenario_that_is_not_one_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "s.yml").write_text(PUT_OVER)
    with pytest.raises(InvalidInput) as error:
        read_own_script(
            str(tmp_path / "s.yml"), None, {}, {"scenario-name": name, "variables": '{"seconds": 1}'}
        )
    assert error.value.mistakes[0].message == message


def test_an_environment_may_be_a_mere_name(tmp_path: Path) -> None:
    text = SCRIPT % "[{duration: 5, arrivalRate: 1}]" + "# {{ $environment }}\n"
    (tmp_path / "s.yml").write_text(text)
    assert read_own_script(str(tmp_path / "s.yml"), "dev", {}).load is not None


def test_a_script_that_checks_no_certificate_is_probed_without(tmp_path: Path) -> None:
    script = "config: {target: 'https://h', tls: {rejectUnauthorized: %s}}\n"
    assert not ArtilleryEngine().completed(own(tmp_path, script % "false"), {}).tls.verify
    assert ArtilleryEngine().completed(own(tmp_path, script % "true"), {}).tls.verify


def arguments(scenario: Scenario) -> list[str]:
    [command] = ArtilleryEngine().plan(scenario, OUT, 1)
    found: list[str] = json.loads(command.stdin)["artillery"]["arguments"]
    return found


@pytest.mark.usefixtures("artillery")
def test_artillery_hears_what_was_said(tmp_path: Path) -> None:
    asked = own(tmp_path, SCRIPT % "[{duration: 5, arrivalRate: 1}]" + "# $environment\n")
    assert asked.script is not None
    over = '{"config": {"target": "http://over", "http": {"timeout": 3}}, "x": 1}'
    script = replace(asked.script, environment="dev", engine_options={"payload": "-p.csv", "overrides": over})
    said = ArtilleryEngine().completed(replace(asked, script=script, tls=Tls(verify=False)), {})
    path = str(tmp_path / "s.yml")
    heard = '--overrides={"config": {"target": "http://over", "http": {"timeout": 3}}, "x": 1}'
    assert arguments(said) == ["--quiet", "--payload=-p.csv", heard, "--environment=dev", "--insecure", path]
    given = replace(asked, script=script, host="http://said", load=LOAD, tls=Tls(ca="/ca.pem"))
    completed = ArtilleryEngine().completed(given, {})
    heard = '--overrides={"config": {"http": {"timeout": 3}, "phases": [{"duration": 1, "arrivalCount": 1}]}, "x": 1}'
    words = ["--payload=-p.csv", heard, "--environment=dev", "--target=http://said"]
    assert arguments(completed) == ["--quiet", *words, path]
    [command] = ArtilleryEngine().plan(completed, OUT, 1)
    assert command.env["NODE_EXTRA_CA_CERTS"] == "/ca.pem"


def test_a_mistake_has_its_place(tmp_path: Path) -> None:
    text = "config:\n  target: http://h\n  phases:\n    - {duration: 5, arrivalRate: 1}\n    - 7\n"
    with pytest.raises(InvalidInput) as error:
        ArtilleryEngine().completed(own(tmp_path, text), {})
    assert str(error.value.mistakes[0].where) == f"{tmp_path / 's.yml'}:5:7"


def test_what_is_a_script_of_artillery(tmp_path: Path) -> None:
    texts = {
        "a.yml": "# mine\nconfig:\n  target: x\nscenarios: []\n",
        "b.json": '{"config": {"target": "x"}, "scenarios": []}',
        "c.yml": "scenarios:\n  - flow: []\n",
        "d.yaml": "host: http://h\ntasks: [{get: /}]\nload: [{users: 1, for: 5s}]\n",
        "e.yaml": "host: http://h\ntasks:\n  - post: /x\n    json:\n      config: 5\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert [is_script(str(tmp_path / name)) for name in texts] == [True, True, True, False, False]
    assert is_script("load.ts")


def test_hosts_of_absolute_urls_are_known_with_their_places(tmp_path: Path) -> None:
    path = tmp_path / "s.yml"
    path.write_text(
        "config: {target: 'http://api'}\n"
        "before: {flow: [{post: {url: 'https://login.example/x'}}]}\n"
        "scenarios:\n"
        "  - flow:\n"
        "      - loop: [{get: {url: 'http://134744072'}}, {get: {url: /path}}]\n"
        "      - get: {url: 'http://{{ $env.ELSE }}/x'}\n"
        "      - get: {url: 'http://one.example/{{ id }}', json: {note: 'http://two.example/'}}\n"
        "      - get: {url: 'http://{{ own }}.example/'}\n"
        "      - connect: 'wss://socket.example'\n"
    )
    own = read_own_script(str(path), None, {"ELSE": "else.example"})
    assert [(place.name, place.where.removeprefix(f"{path}:").partition(":")[0]) for place in own.places] == [
        ("login.example", "2"),
        ("134744072", "5"),
        ("else.example", "6"),
        ("one.example", "7"),
        ("socket.example", "9"),
    ]
