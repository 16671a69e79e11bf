"""`--markdown`, `--junit` and `report --format`, as a CI job uses them."""

from __future__ import annotations

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
    for form in ("html", "markdown", "junit", "csv", "csv-readings", "json"):
        told = loadctl("report", "--format", form)
        assert told.code == 0
        assert loadctl("report", "--format", form, "-o", f"told.{form}").out == ""
        assert (loadctl.folder / f"told.{form}").read_text() == told.out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("run", "ci", "--demo", "--junit", "nowhere/j.xml"), "nowhere/j.xml cannot be written"),
        (("run", "ci", "--demo", "--html", "nowhere/r.html"), "nowhere/r.html cannot be written"),
        (("report", "--format", "csv", "--open"), "--open shows the HTML report, not csv"),
        (
            ("report", "--format", "pdf"),
            "there is no form 'pdf'; there are text, html, json, markdown, junit, csv",
        ),
    ],
)
def test_what_cannot_be_written(loadctl: Shell, args: tuple[str, ...], message: str) -> None:
    loadctl.write("scenarios/ci.yaml", SCENARIO)
    if args[0] == "report":
        loadctl("run", "ci", "--demo")
    ended = loadctl(*args)
    assert (ended.code, message in ended.err) == (2, True), ended.err
