"""README.md is true: its commands run, and the screen it shows is the one that the tool prints."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from loadctl.engines.artillery.locate import Artillery
from tests.documents import ROOT, Page
from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e

README = Page(ROOT / "README.md")
COMMANDS = [str(command) for command in README.commands()]
[SCREEN] = [block.text for block in README.of("text")]
SCENARIO, WATCH, STEP = [block.text for block in README.of("yaml")]


@pytest.fixture
def loadctl(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def shape(screen: str) -> list[str]:
    """What does not depend on chance: headings, names of targets and endpoints, statuses."""
    kept = []
    for line in screen.splitlines():
        if re.match(r"[A-Z]{4,}", line):
            kept.append(line.split()[0])
        elif re.match(r"  \S", line):
            kept.append(" ".join(re.findall(r"[A-Za-z/{}]+", line)[:2]))
    return sorted(line for line in kept if line and line != "NOTICED")


def test_the_readme_names_these_commands() -> None:
    assert COMMANDS == [
        "loadctl run baseline --demo --duration 30s",
        "make run",
        "make test",
        "loadctl init http://localhost:8000",
        "loadctl try api",
        "loadctl run api --duration 30s",
        "pip install 'loadctl[artillery]'",
        "loadctl engines install artillery",
        "loadctl run spike --engine artillery --demo --users 60 --duration 30s --smoke",
        "loadctl watch --demo --for 3s",
        "loadctl run baseline --demo --duration 10s",
        "loadctl run baseline --demo --duration 10s --smoke",
    ]


def test_make_run_is_the_first_command_and_make_test_runs_pytest() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(
        r"^run:.*\n\t\$\(BIN\)/loadctl run baseline --demo --duration 30s$", makefile, re.MULTILINE
    )
    assert re.search(r"^test:.*\n\t\$\(BIN\)/python -m pytest -rs -n \d \|\|", makefile, re.MULTILINE)
    [check] = re.findall(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert " ".join(re.findall(r" (dev|lint|type|test)\b", check)) == "dev lint type test"


def test_what_make_installs_is_declared() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    assert (
        set(re.findall(r"--group (\w+)", (ROOT / "Makefile").read_text())) == set(groups) == {"dev", "bench"}
    )


@pytest.mark.quiet
def test_the_first_command_passes_and_prints_the_screen_of_the_readme(loadctl: Shell) -> None:
    ended = loadctl(*shlex.split(COMMANDS[0])[1:])
    assert ended.code == 0, ended.out + ended.err
    assert ended.out.startswith("PASS  baseline")
    assert shape(ended.out) == shape(SCREEN)


def test_the_way_to_your_own_service_works_as_written(loadctl: Shell) -> None:
    demo = loadctl.start("demo", "--port", "0")
    assert demo.popen.stdout is not None
    url = demo.popen.stdout.readline().split()[-1]
    try:
        for command in COMMANDS[3:6]:
            ended = loadctl(*shlex.split(command.replace("http://localhost:8000", url))[1:])
            assert ended.code == 0, f"{command}\n{ended.out}{ended.err}"
    finally:
        demo.popen.terminate()
        demo.wait(10)


def test_the_way_to_the_other_engine_works_as_written(loadctl: Shell, artillery: Artillery) -> None:
    """`make dev` has installed both; the second command finds that out."""
    installed = loadctl(*shlex.split(COMMANDS[7])[1:])
    assert installed.code == 0, installed.err
    assert "is already installed" in installed.err
    assert installed.out.strip() == str(artillery.package.parent.parent)
    ended = loadctl(*shlex.split(COMMANDS[8])[1:])
    assert re.match(r"(PASS|INCONCLUSIVE) \(smoke: \d of 8 targets\)  spike", ended.out), (
        ended.out + ended.err
    )
    assert "100.0 %" not in ended.out
    assert re.search(r"error rate +0\.00 %", ended.out), ended.out


@pytest.mark.quiet
def test_a_quick_look_passes_where_the_same_load_is_inconclusive(loadctl: Shell) -> None:
    short, quick = (loadctl(*shlex.split(command)[1:]) for command in COMMANDS[10:12])
    assert (short.code, short.out.split()[0]) == (3, "INCONCLUSIVE"), short.out + short.err
    assert "      loadctl run baseline --demo --duration 10s --smoke\n" in short.err
    assert (quick.code, quick.out.split("  ")[0]) == (0, "PASS (smoke: 6 of 8 targets)"), (
        quick.out + quick.err
    )


def test_the_smallest_scenario_is_valid(loadctl: Shell) -> None:
    loadctl.write("scenarios/shop.yaml", SCENARIO)
    ended = loadctl("validate", "shop")
    assert ended.code == 0, ended.out


def test_the_watching_of_the_readme_is_a_valid_scenario(loadctl: Shell) -> None:
    smallest, targets = SCENARIO.split("targets:")
    assert targets
    loadctl.write("scenarios/api.yaml", smallest + WATCH)
    ended = loadctl("validate", "api")
    assert ended.code == 0, ended.out + ended.err


def test_the_step_of_the_readme_uses_the_action_as_it_is() -> None:
    (step,) = yaml.safe_load(STEP)
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert set(step["with"]) <= set(action["inputs"])
    assert action["inputs"]["retry-inconclusive"]["default"] == "1"


def test_watching_needs_no_load(loadctl: Shell) -> None:
    ended = loadctl(*shlex.split(COMMANDS[9])[1:])
    assert ended.code == 0, ended.err
    assert "process python pid" in ended.out
