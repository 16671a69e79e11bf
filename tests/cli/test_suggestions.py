"""Every command that loadctl suggests is one that it takes, and what it names is there."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import typer.main

import loadctl
from loadctl.analysis.next_steps import first_run, next_steps
from loadctl.analysis.run_context import RunContext
from loadctl.cli.app import app
from loadctl.cli.command_table import COMMANDS, group_from, profile_alone, tags_apart
from loadctl.cli.options import Overrides
from loadctl.cli.planning import planned, with_any_load
from loadctl.cli.project import Project, script_command
from loadctl.cli.script import chosen
from loadctl.results.measures.measured import measure
from loadctl.results.verdict import Verdict
from loadctl.scenario.expectation import expect
from loadctl.scenario.invocation import Invocation
from loadctl.scenario.scenario import Scenario, Script
from tests.results.recorded import recording, steady

LOCUSTFILE = """
from locust import HttpUser, task
class Shopper(HttpUser):
    host = "http://localhost:9"
    @task
    def items(self): self.client.get("/items")
"""
ARTILLERY = """
config:
  target: "http://localhost:9"
  phases: [{duration: 10, arrivalRate: 5}]
  environments: {staging: {}}
scenarios: [{flow: [{get: {url: /}}]}]
"""
SCENARIO = """
host: http://localhost:9
tasks: [{get: /items}]
load: [{users: 5, for: 1m}]
targets: {latency_p95: 200ms}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {
        "lf.py": LOCUSTFILE,
        "more.py": LOCUSTFILE.replace("Shopper", "Other"),
        "own/two words.py": LOCUSTFILE,
        "readme.yaml": SCENARIO,
        "scenarios/api.yaml": SCENARIO,
        "test.yml": ARTILLERY,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def context_of(command: str) -> typer.Context:
    """The arguments and options of a command, by Typer's own parser; raises where it takes them not."""
    program, *words = shlex.split(command)
    assert program == "loadctl"
    if words[0] == "-C":
        words = words[2:]
    root = typer.main.get_command(app)
    name, *rest = words
    context = root.make_context("loadctl", [name], resilient_parsing=True)
    found = root.get_command(context, name)  # type: ignore[attr-defined]
    assert found is not None, f"{command}: there is no command {name}"
    cut = rest.index("--") if "--" in rest else len(rest)
    own = tuple(rest[cut + 1 :])
    made: typer.Context = found.make_context(name, tags_apart(profile_alone(rest[:cut])), obj=(own, None))
    return made


def parsed(command: str) -> dict[str, object]:
    return dict(context_of(command).params)


def planned_by(command: str) -> Scenario:
    """What a suggested `run`, `show`, `try` or `capacity` would act on."""
    context = context_of(command)
    overrides = group_from(Overrides, context.params)
    reference, overrides = chosen(context, context.params["scenario"], overrides)
    if shlex.split(command)[1] in {"try", "capacity"}:
        overrides = with_any_load(reference, overrides)
    return planned(reference, overrides)


STARTED = [
    "run api --duration 5s",
    "run readme.yaml -u 3",
    "run api --duration 5s --target latency_p95=1s --target=error_rate=2% --process a.out --workers 2",
    "run ./readme.yaml --engine artillery",
    "run lf.py -u 5 -t 20s",
    "run 'own/two words.py' Shopper -u 5 -r 1 -t 20s --json -- --own 1",
    "run -f lf.py,more.py Shopper Other -u 5 -t 20s -T smoke slow -E 'not this'",
    "run -f lf.py -f more.py -u 5 -t 20s -- --own 'two words'",
    "run test.yml",
    'run test.yml -e staging -v \'{"user": "ann"}\'',
    "run test.yml --rate 5/s -t 20s",
    "run http://localhost:9/items -u 2000 -t 20s",
    "run http://localhost:9/items --rate 1234.5/s -t 20s --quiet",
    "run --demo --fault latency:50ms api --duration 5s",
    "run api -H http://localhost:7 --allow-host x.example --duration 5s",
]


def said_to_script(scenario: Scenario) -> Script | None:
    """But for the system and the load: other suggestions are for another one."""
    script = scenario.script
    return script and replace(script, host="", own_hosts=(), options=replace(script.options, spawn_rate=None))


def suggested(scenario: Scenario, argv: list[str]) -> Iterator[str]:
    """Those that analyses and screens write after such a run, whatever its end."""
    made = recording(steady(5, [10.0]))
    case = RunContext(scenario, made, measure(scenario, made), argv=argv)
    run = case.invocation
    lacking = expect(scenario).cannot_judge
    yield from (run.command("show", place=False), run.again("--profile"), run.again("--target", "cpu=70%"))
    load = () if scenario.load_on_command_line or scenario.script else first_run(scenario)
    yield run.command("run", *load)
    yield re.split(" {4}", case.look_closer)[0]
    yield run.elsewhere("http://localhost:8123")
    for verdict in Verdict:
        yield from (step.command for step in next_steps(scenario, verdict, argv, "runs/x-1a2b", lacking))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("started", STARTED)
def test_what_is_suggested_after_a_run_is_taken_and_finds_its_scenario(started: str) -> None:
    argv = shlex.split(started)
    scenario = planned_by(f"loadctl {started}")
    for command in suggested(scenario, argv):
        name = shlex.split(command)[1]
        if name == "report":
            parsed(command)
            continue
        found = planned_by(command)
        assert found.endpoints == scenario.endpoints, command
        assert said_to_script(found) == said_to_script(scenario), command
        if "8123" in command:
            assert found.host == "http://localhost:8123"
        elif name in {"run", "show", "capacity"}:
            assert (command.count("--target") >= 2) == (started.count("--target") == 2), command
        if name in {"run", "try", "capacity"} and "8123" not in command:
            assert found.host == scenario.host, command
            assert ("--demo" in command) == ("--demo" in started)
            assert ("--fault" in command) == ("--fault" in started)
        assert (
            not {"--json", "--quiet"}.intersection(shlex.split(command))
            or "report" in command
            or ("8123" in command)
        )


@pytest.mark.usefixtures("folder")
def test_a_suggestion_stays_in_the_folder_that_was_named() -> None:
    scenario = planned_by("loadctl run api")
    run = Invocation(scenario, ["-C", "two words", "run", "api", "--demo"])
    assert run.command("try") == "loadctl -C 'two words' try api --demo"
    assert run.again("--smoke") == "loadctl -C 'two words' run api --demo --smoke"


def test_a_folder_with_scripts_alone_proposes_them(folder: Path) -> None:
    (folder / "scenarios" / "api.yaml").unlink()
    scripts = Project().scripts()
    assert [str(path) for path in scripts] == ["lf.py", "more.py", "test.yml"]
    for path in scripts:
        assert planned_by(script_command(path)).script is not None
    with pytest.raises(loadctl.errors.UsageError) as raised:
        Project().find(None)
    assert raised.value.hint == "\n".join(map(script_command, scripts))


def in_strings() -> Iterator[tuple[str, str]]:
    """Every `loadctl …` in a string of the package, up to where the prose goes on, with holes filled by a word."""
    for path in sorted(Path(loadctl.__file__).parent.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "loadctl " not in source:
            continue
        nodes = list(ast.walk(ast.parse(source)))
        documentation = {
            id(node.body[0].value)
            for node in nodes
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        inside = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in nodes:
            if id(node) in documentation or id(node) in inside:
                continue
            text = ""
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            elif isinstance(node, ast.JoinedStr):
                text = "".join(
                    str(getattr(part, "value", "X")) if isinstance(part, ast.Constant) else "X"
                    for part in node.values
                )
            for found in re.finditer(rf"loadctl ((?:{'|'.join(COMMANDS)})\b[^\n`]*)", text):
                command = re.split(r" {2,}|;|,|: | ?\)| \(|…| (?:writes|judges|on)\b", found[1])[0]
                yield f"{path.name}:{node.lineno}", command  # type: ignore[attr-defined]


@pytest.mark.parametrize(("place", "command"), [pytest.param(*one, id=" ".join(one)) for one in in_strings()])
def test_a_command_in_a_message_is_one_that_loadctl_takes(place: str, command: str) -> None:
    assert parsed(f"loadctl {command}") is not None, place
