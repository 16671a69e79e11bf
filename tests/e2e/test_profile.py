"""`--profile` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadctl.cli.execution import stored
from loadctl.cli.judging import FILES
from loadctl.reports.terminal.screen import render
from loadctl.run.directory import RunDirectory
from tests.e2e.shell import Shell

pytestmark = pytest.mark.e2e
RUN = ("run", "baseline", "--demo", "--fault", "cpu=5ms", "--users", "30", "--duration", "24s")


def test_the_function_that_burns_the_cpu_is_named_first(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    ended = shell(*RUN, "--profile", "--json")
    profile = ended.result["profile"]
    assert profile["mode"] == "sample"
    assert ended.result["profiled"] is False
    assert profile["top"][0]["name"] == "burn_cpu (loadctl/demo/app.py)"
    assert profile["top"][0]["self_pct"] > 50
    finding = next(one for one in ended.result["findings"] if one["id"] == "profile-top")
    assert finding["message"].startswith("burn_cpu (loadctl/demo/app.py) took ")
    run = tmp_path / ended.result["run_dir"]
    assert {"profile/worst.svg", "profile/speedscope.json"} <= set(profile["files"])
    assert all((run / file).is_file() for file in profile["files"])
    assert json.loads((run / "profile/speedscope.json").read_text())["profiles"]
    scored = ended.result["summary"]["total"]["completed"]
    seconds = sum(1 for p in ended.result["timeline"] if p["completed"])
    assert scored < ended.result["counters"]["completed"] * (
        1 - 4 / seconds
    )  # what was profiled is not scored
    text = shell("report").out
    assert "PROFILE" in text
    assert "while profiled" in " ".join(text.split())
    assert "burn_cpu (loadctl/demo/app.py)" in text
    flame_graphs_that_cannot_be_written_cost_no_result(run)


def flame_graphs_that_cannot_be_written_cost_no_result(run: Path) -> None:
    for file in FILES:
        (run / file).unlink()
        (run / file).mkdir()  # not even root writes a file over a folder
    (run / "result.json").unlink()
    result = stored(RunDirectory(run), fail_on_warn=False).result
    assert (run / "result.json").is_file()
    assert result.profile is not None
    assert result.profile.top[0].name == "burn_cpu (loadctl/demo/app.py)"
    assert not result.profile.files
    assert "could not be written" in " ".join(render(result).split())


def test_a_continuous_profile_is_scored_and_says_so(tmp_path: Path) -> None:
    ended = Shell(tmp_path)(*RUN, "--profile", "continuous", "--json")
    assert ended.result["profiled"] is True
    assert ended.result["profile"]["top"][0]["name"] == "burn_cpu (loadctl/demo/app.py)"
    assert {one["label"] for one in ended.result["profile"]["samples"]} >= {"calm"}
    assert ended.result["summary"]["total"]["completed"] > 0.7 * ended.result["counters"]["completed"]


def test_another_word_for_the_mode(tmp_path: Path) -> None:
    ended = Shell(tmp_path)("run", "baseline", "--demo", "--profile=deep")
    assert ended.code == 2
    assert "--profile takes sample or continuous, not 'deep'" in ended.err
