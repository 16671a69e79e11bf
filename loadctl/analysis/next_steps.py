"""What to type next, once a run has been read: its charts, the load that was scaled down, the load beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from loadctl.analysis.remedy import remedies
from loadctl.results.result import Step
from loadctl.results.verdict import Verdict
from loadctl.scenario.expectation import CannotJudge
from loadctl.scenario.invocation import SCALES, Invocation
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.smoke import OPTION


def next_steps(
    scenario: Scenario,
    verdict: Verdict,
    argv: Sequence[str],
    run_dir: str,
    lacking: Sequence[CannotJudge] = (),
) -> tuple[Step, ...]:
    """`argv`: what loadctl was started with; empty where that is not known. `run_dir`: as it is shown; "" for none.
    `lacking`: the targets that the load was too small for."""
    steps: list[Step] = []
    if verdict in {Verdict.PASS, Verdict.WARN, Verdict.INCONCLUSIVE}:
        steps += remedies(scenario, lacking, argv)
    if verdict in {Verdict.PASS, Verdict.WARN}:
        steps += _more_load(scenario, argv)
    if run_dir and verdict is not Verdict.ERROR:
        shown = Invocation(scenario, argv).typed("report", _shortest(run_dir), "--open")
        steps.append(Step(shown, "its charts"))
    return tuple(steps)


def _more_load(scenario: Scenario, argv: Sequence[str]) -> Iterator[Step]:
    if scenario.script is not None or "run" not in argv:
        return
    run = Invocation(scenario, argv)
    if scenario.rescaled:
        whole = ", ".join(re.findall(r"instead of ([^,]+)", scenario.rescaled))
        yield Step(run.again(dropped=[*SCALES, OPTION]), f"the load as written: {whole}")
    if not any(target.metric == "breaking_point" for target in scenario.targets):
        yield Step(run.command("capacity"), "how much more it could take")


def _shortest(run_dir: str) -> str:
    """The last part of a run's id will do, where `loadctl report` looks for it by itself."""
    found = re.fullmatch(r"runs/.+-([0-9a-f]{4})", run_dir)
    return found[1] if found else run_dir
