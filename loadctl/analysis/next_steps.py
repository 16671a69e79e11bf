"""What to type next, once a run has been read: its charts, the load that was scaled down, the load beyond it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from loadctl.analysis.command_line import SCALES, place, without
from loadctl.results.result import Step
from loadctl.results.verdict import Verdict
from loadctl.scenario.scenario import Scenario


def next_steps(scenario: Scenario, verdict: Verdict, argv: Sequence[str], run_dir: str) -> tuple[Step, ...]:
    """`argv`: what loadctl was started with; empty where that is not known. `run_dir`: as it is shown; "" for none."""
    steps = [*_more_load(scenario, argv)] if verdict in {Verdict.PASS, Verdict.WARN} else []
    if run_dir and verdict is not Verdict.ERROR:
        steps.append(Step(f"loadctl report {_shortest(run_dir)} --open", "its charts"))
    return tuple(steps)


def _more_load(scenario: Scenario, argv: Sequence[str]) -> Iterator[Step]:
    if scenario.script is not None or "run" not in argv:
        return
    if scenario.rescaled:
        whole = ", ".join(re.findall(r"instead of ([^,]+)", scenario.rescaled))
        yield Step(f"loadctl {shlex.join(without(argv, SCALES))}", f"the load as written: {whole}")
    if not any(target.metric == "breaking_point" for target in scenario.targets):
        words = shlex.join(["capacity", scenario.name, *place(argv)])
        yield Step(f"loadctl {words}", "how much more it could take")


def _shortest(run_dir: str) -> str:
    """The last part of a run's id will do, where `loadctl report` looks for it by itself."""
    found = re.fullmatch(r"runs/.+-([0-9a-f]{4})", run_dir)
    return found[1] if found else shlex.quote(run_dir)
