"""What to type next, as a command that works where the last one did."""

from __future__ import annotations

import pytest

from loadctl.analysis.next_steps import next_steps
from loadctl.results.verdict import Verdict
from loadctl.scenario.scenario import Scenario
from tests.records import replace
from tests.results.recorded import load, scenario, target

RUN_DIR = "runs/20261123T082000Z-api-locust-91c0"
API = scenario(load("50 30 hold"))
SCALED = replace(API, rescaled="60 users instead of 500 users, 30 s instead of 5 min 15 s")


def commands(made: Scenario, *argv: str, verdict: Verdict = Verdict.PASS, run_dir: str = "") -> list[str]:
    return [step.command for step in next_steps(made, verdict, argv, run_dir)]


@pytest.mark.parametrize(
    ("argv", "whole", "beyond"),
    [
        (["run", "api", "--duration", "30s"], "run api", "capacity api"),
        (["run", "api", "-t", "30s", "-u60", "--demo"], "run api --demo", "capacity api --demo"),
        (["run", "api", "--duration=30s", "--rate=5/s"], "run api", "capacity api"),
        (
            ["run", "api", "--users", "60", "-H", "http://h:1", "--target", "cpu=70%"],
            "run api -H http://h:1 --target cpu=70%",
            "capacity api -H http://h:1 --target cpu=70%",
        ),
        (
            ["-C", "tests load", "run", "-t30s", "api", "--host=http://h"],
            "-C 'tests load' run api --host=http://h",
            "-C 'tests load' capacity api --host=http://h",
        ),
    ],
)
def test_after_a_scaled_down_pass_comes_the_whole_load_and_then_the_most(
    argv: list[str], whole: str, beyond: str
) -> None:
    steps = next_steps(SCALED, Verdict.PASS, argv, "")
    assert [step.command for step in steps] == [f"loadctl {whole}", f"loadctl {beyond}"]
    assert steps[0].purpose == "the full load: 500 users, 5 min 15 s"


def test_a_load_as_it_was_written_is_not_run_again() -> None:
    assert commands(API, "run", "api") == ["loadctl capacity api"]


def test_a_run_that_looked_for_the_breaking_point_needs_no_search_for_it() -> None:
    staircase = scenario(load("50 30 hold"), [target("breaking_point", 500, unit="users")])
    assert commands(staircase, "run", "api") == []


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.INTERRUPTED])
def test_what_is_not_good_is_looked_at_and_not_made_worse(verdict: Verdict) -> None:
    assert commands(SCALED, "run", "api", verdict=verdict, run_dir=RUN_DIR) == ["loadctl report 91c0 --open"]


def test_a_run_elsewhere_is_named_by_its_path() -> None:
    assert commands(API, run_dir="/data/my runs/x-91c0") == ["loadctl report '/data/my runs/x-91c0' --open"]


def test_where_nothing_ran_there_is_nothing_to_open() -> None:
    assert commands(API, "run", "api", verdict=Verdict.ERROR, run_dir=RUN_DIR) == []
