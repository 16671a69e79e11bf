"""The shipped locustfile and Artillery script: with the bare engines, as the guide of load testing that this project
makes real has them, and under loadctl. Nothing they send is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from loadctl.cli.system import demo_system
from loadctl.engines.artillery.locate import Artillery
from tests.e2e.shell import Shell
from tests.engines.bare import finish, start_artillery, start_locust

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
ENDPOINTS = {"POST /login", "POST /predict", "GET /models", "GET /models/{id}", "GET /health"}
SHORT = '{"config": {"phases": [{"duration": 4, "arrivalRate": 8}]}}'


@pytest.fixture
def project(loadctl: Shell) -> Shell:
    """A folder like this one: scenarios of user types, users.yaml and both scripts side by side."""
    shutil.copytree(ROOT / "scenarios", loadctl.folder / "scenarios")
    return loadctl


def test_the_bare_engines_run_them(project: Shell, artillery: Artillery) -> None:
    with demo_system() as system:
        locust = [
            "-f",
            "scenarios/locustfile.py",
            "--host",
            system.host,
            "--headless",
            "--html",
            "report.html",
        ]
        script = [
            "--target",
            system.host,
            "--overrides",
            SHORT,
            "--output",
            "report.json",
            "scenarios/artillery.yml",
        ]
        finish(
            [
                start_locust(
                    project.folder, *locust, "--users", "6", "--spawn-rate", "6", "--run-time", "8s"
                ),
                start_artillery(artillery, project.folder, *script),
            ]
        )
    for name in ("report.html", "report.json"):
        scored = project("score", name, "--json")
        assert (scored.code, scored.verdict) == (0, "PASS"), scored.out
        summary = scored.result["summary"]
        assert {row["endpoint"] for row in summary["endpoints"]} <= ENDPOINTS
        assert summary["total"]["failed"] == 0
        assert summary["total"]["completed"] > 100
    classes = {"MLPlatformUser", "HighLoadUser", "BurstLoadUser"}
    assert all(name in (project.folder / "report.html").read_text() for name in classes)


def test_they_are_listed_as_what_they_are(project: Shell) -> None:
    listed = json.loads(project("list", "--json").out)
    assert {row["name"]: row["kind"] for row in listed} == {
        **dict.fromkeys(["baseline", "endurance", "spike", "stress"], "scenario"),
        "scenarios/locustfile.py": "script",
        "scenarios/artillery.yml": "script",
    }
    assert all(row.get("mistake") is None for row in listed)


@pytest.mark.parametrize("script", ["locustfile.py", "artillery.yml"])
def test_loadctl_runs_them_under_a_load_of_its_own(project: Shell, artillery: Artillery, script: str) -> None:
    ended = project(
        "run", f"scenarios/{script}", "-u", "6", "-t", "6s", "--demo", "--truth", "truth.json", "--json"
    )
    assert ended.code in {0, 3}, ended.err  # which verdict so little load deserves is not the question here
    truth = json.loads((project.folder / "truth.json").read_text())
    counters = ended.result["counters"]
    assert counters["started"] == truth["requests"] > 50
    assert counters["failed"] == counters["unfinished"] == 0
    assert {row["endpoint"] for row in ended.result["summary"]["endpoints"]} <= ENDPOINTS


def test_loadctl_runs_the_phases_of_the_script(project: Shell, artillery: Artillery) -> None:
    path = project.folder / "scenarios/artillery.yml"
    text = path.read_text()
    path.write_text(text.replace("duration: 60", "duration: 2").replace("duration: 10", "duration: 1"))
    ended = project("run", "scenarios/artillery.yml", "--demo", "--json")
    assert ended.code in {0, 3}, ended.err
    assert [stage["name"] for stage in ended.result["stages"]] == ["warm up", "ramp", "spike", "recovery"]
    assert ended.result["counters"]["failed"] == 0
    assert ended.result["counters"]["begun"] == ended.result["counters"]["planned_arrivals"] > 100
