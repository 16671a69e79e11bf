"""A run that is too short, with and without `--smoke`, on both engines; `score` and `report` repeat it."""

from __future__ import annotations

import json
import shlex
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e

SCRIPTS = {"locust": "locustfile.py", "artillery": "artillery.yml"}
SHOP = """
think: 450ms
tasks: [{get: /models}]
load: [{users: 4, for: 35s}]
targets: {latency_p50: 1s, latency_p95: 1s, latency_p99: 2s}
"""
HEADLINE = "PASS (smoke: 3 of 5 targets)"
SHORT = ("run", "shop", "--demo", "-t", "4s", "--target", "memory=1GB")


def test_a_short_run_proves_nothing_and_a_quick_look_says_how_little(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/shop.yaml", SHOP)
    full = loadctl(*SHORT, "--engine", engine, "--json")
    assert (full.code, full.verdict) == (3, "INCONCLUSIVE"), full.err
    assert full.result["repeat_may_help"] is False
    longer, quick = (
        shlex.split(line)[1:] for line in full.err.splitlines() if line.startswith("      loadctl run ")
    )
    assert longer[-2] == "--duration"
    smoke = loadctl(*quick, "--junit", "junit.xml", "--markdown", "summary.md")
    assert (smoke.code, smoke.out.split("  ")[0]) == (0, HEADLINE), smoke.out + smoke.err
    run = max((loadctl.folder / "runs").glob("*Z-*"))
    for name in ("run.json", "result.json"):
        stored = json.loads((run / name).read_text())
        assert [stored[key] for key in ("smoke", "targets_judged", "targets_total")] == [True, 3, 5], name
    assert HEADLINE in (run / "report.html").read_text()
    assert (loadctl.folder / "summary.md").read_text().startswith(f"### ✅ {HEADLINE}: `shop`\n")
    cases = ET.parse(loadctl.folder / "junit.xml").iter("testcase")  # noqa: S314  our own
    assert [case.attrib["name"] for case in cases if case.find("skipped") is not None] == [
        "latency p95",
        "latency p99",
    ]
    scored = loadctl("score", "latest", "-q")
    assert (scored.code, scored.out.split("  ")[0]) == (0, HEADLINE)
    stricter = loadctl("score", "latest", "--target", "latency_p999=1s", "-q")
    assert (stricter.code, stricter.out.split("  ")[0]) == (0, "PASS (smoke: 3 of 6 targets)")
    assert loadctl("score", "latest~1", "-q").out.startswith("INCONCLUSIVE  shop")
    assert loadctl("runs").out.splitlines()[1].startswith("PASS (smoke)  ")


def test_a_slow_system_fails_a_quick_look(loadctl: Shell, engine: str) -> None:
    loadctl.write("scenarios/shop.yaml", SHOP)
    slow = ("--fault", "latency=900ms@100%", "--target", "latency_p99=200ms")
    ended = loadctl(*SHORT, "--engine", engine, "--smoke", *slow, "--json")
    assert (ended.code, ended.verdict) == (1, "FAIL"), ended.err
    assert ended.score("latency_p99")["value"] >= 900


def test_a_script_of_few_requests_is_judged_by_what_it_began(loadctl: Shell, engine: str) -> None:
    shutil.copytree(Path(__file__).parents[2] / "scenarios", loadctl.folder / "scenarios")
    script = ("run", f"scenarios/{SCRIPTS[engine]}", "-u", "2", "-t", "3s", "--demo")
    ended = loadctl(*script, "--target", "latency_p99=10s", "--smoke", "--json")
    assert (ended.code, ended.verdict, ended.result["smoke"]) == (0, "PASS", True), ended.err
    assert (ended.result["targets_judged"], ended.result["targets_total"]) == (1, 2)
    assert "requests were sent, 1,000 needed" in ended.score("latency_p99")["reason"]
    (run,) = (loadctl.folder / "runs").iterdir()
    assert json.loads((run / "run.json").read_text())["targets_judged"] == 1


@pytest.mark.parametrize("command", ["capacity", "score", "report", "ui", "try"])
def test_only_a_run_can_be_a_quick_look(loadctl: Shell, command: str) -> None:
    ended = loadctl(command, "--smoke")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "there is no --smoke here: only  loadctl run  takes it, as in  loadctl run X --smoke\n"
    )


def test_it_is_no_key_of_a_scenario(loadctl: Shell) -> None:
    loadctl.write("scenarios/shop.yaml", f"smoke: true\n{SHOP}")
    ended = loadctl("validate", "shop")
    assert ended.code == 2
    assert "ask for a quick look on the command line:  loadctl run X --smoke" in ended.out
