"""`--markdown`, `--junit` and what GitHub Actions is told, as a CI job uses them."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e
SCENARIO = """
think: 20ms
tasks: [{get: /models}]
load: [{users: 5, for: 4s}]
targets: {latency_p50: 1s, error_rate: 50%}
"""


def test_a_ci_job(loadctl: Shell) -> None:
    loadctl.write("scenarios/ci.yaml", SCENARIO)
    summary = loadctl.write("summary.md", "what another step wrote\n")
    files = ("--junit", "junit.xml", "--markdown", "summary.md", "--html", "run.html")
    env = {"GITHUB_STEP_SUMMARY": str(summary)}
    ended = loadctl("run", "ci", "--demo", *files, env=env)
    assert ended.code == 0
    assert summary.read_text().startswith("what another step wrote\n### ✅ PASS: `ci`\n")
    suite = ET.fromstring((loadctl.folder / "junit.xml").read_text())  # noqa: S314
    assert suite.find("testsuite/testcase[@name='latency p50']") is not None
    (kept,) = loadctl.folder.glob("runs/*/report.html")
    assert kept.read_text() == (loadctl.folder / "run.html").read_text()
    assert kept.read_text().startswith("<!doctype html>")


def test_a_step_of_github_actions(loadctl: Shell) -> None:
    """Summary, outputs, annotations on the line of the target, a group; and no command but ours in the log."""
    forged = "##[debug]x"
    loadctl.write(
        "perf/scenarios/ci.yaml", SCENARIO.replace("get: /models", f"get: /models, name: '{forged}'")
    )
    loadctl.write("perf/targets.yaml", "# limits\nmemory: 1MB\n")
    summary, outputs = loadctl.write("summary.md", "before\n"), loadctl.write("outputs", "")
    env = {
        "GITHUB_ACTIONS": "true",
        "CI": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(outputs),
        "GITHUB_WORKSPACE": str(loadctl.folder),
    }
    ended = loadctl("-C", "perf", "run", "ci", "--demo", env=env)
    assert ended.code == 1, ended.err
    lines = ended.err.splitlines()
    assert lines[0] == "::group::load: ci"
    assert lines.index("::endgroup::") < lines.index(next(line for line in lines if line[:7] == "::error"))
    place = "file=perf/targets.yaml,line=2,col=9,title=FAIL memory"
    assert any(line.startswith(f"::error {place}::measured ") for line in lines)
    assert sum(line.startswith("::") for line in lines) == 4, ended.err
    assert "## [debug]x" in ended.out
    assert forged not in ended.out + ended.err
    assert "\x1b" not in ended.out + ended.err
    assert summary.read_text().startswith("before\n### ❌ FAIL: `ci`\n")
    (run,) = (loadctl.folder / "perf" / "runs").iterdir()
    values = dict(re.findall(r"^(\S+)<<(?:end-\w+)\n(.*)\n", outputs.read_text(), re.MULTILINE))
    assert values == {
        "verdict": "FAIL",
        "exit-code": "1",
        "smoke": "false",
        "repeat-may-help": "false",
        "run-dir": str(run),
        "result": str(run / "result.json"),
    }
    told = loadctl("-C", "perf", "report", "--json", env=env)
    assert forged not in told.out
    assert told.result["summary"]["endpoints"][0]["endpoint"] == forged


def test_mistakes_are_annotated_where_they_stand(loadctl: Shell) -> None:
    loadctl.write("scenarios/ci.yaml", SCENARIO.replace("users: 5", "vus: 5"))
    env = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(loadctl.folder)}
    place = "::error file=scenarios/ci.yaml,line=4,col=9,title=loadctl::unknown key 'vus'"
    for command in (("run", "ci", "--demo"), ("validate", "ci")):
        ended = loadctl(*command, env=env)
        assert ended.code == 2
        assert place in ended.err
    assert "::error title=loadctl::no scenario is named 'cy'" in loadctl("run", "cy", env=env).err
