"""The commands to run next: more data, the full load, the highest load, the charts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from loadctl.results.result import Step
from loadctl.results.verdict import Verdict
from loadctl.scenario.expectation import CannotJudge, cannot_judge
from loadctl.scenario.invocation import SCALES, SPELLINGS, Invocation
from loadctl.scenario.load import Load
from loadctl.scenario.rescale import WARMUP_SHARE, rescaled, rescaled_load
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import SMOKE_OPTION
from loadctl.scenario.units import parse_duration, write_duration, write_rate

_MARGIN = 1.25
"""Extra length for a script, whose rate of requests is known from one run only."""
_TRIES = 24
_FIRST_S, _FIRST_AT_MOST_S = 30, 300


def remedies(scenario: Scenario, lacking: Sequence[CannotJudge], argv: Sequence[str]) -> Iterator[Step]:
    """`lacking`: the targets without which the verdict is INCONCLUSIVE; `argv`: what loadctl was started with."""
    lacking = [item for item in lacking if not item.perhaps]
    if not lacking or "run" not in argv:
        return
    run = Invocation(scenario, argv)
    scaled = enough(scenario, lacking)
    if scaled:
        replaced = [spelling for option in scaled[::2] for spelling in SPELLINGS[option]]
        yield Step(run.again(*scaled, dropped=[*replaced, SMOKE_OPTION]), "enough data for every target")
    left = _judged(scenario, lacking)
    if left and all(item.by_load for item in lacking) and scenario.smoke is None:
        purpose = f"a quick look: {left} of {sum(target.judged for target in scenario.targets)} targets"
        yield Step(run.again(SMOKE_OPTION), purpose)


def _judged(scenario: Scenario, lacking: Sequence[CannotJudge]) -> int:
    """How many targets a quick look judges."""
    left_out = {item.target.key for item in lacking if item.target.metric != "error_rate"}
    return sum(target.judged and target.key not in left_out for target in scenario.targets)


def first_run(scenario: Scenario) -> Sequence[str]:
    """The options of a first run: half a minute or as much as its targets need; if that is too long, a quick look."""
    plan = rescaled(scenario, duration_s=_FIRST_S)
    lacking = [item for item in cannot_judge(plan) if item.by_load]
    if not lacking:
        return ["--duration", write_duration(_FIRST_S)]
    scaled = enough(plan, lacking)
    if scaled[:1] == ["--duration"] and parse_duration(scaled[1]) <= _FIRST_AT_MOST_S:
        return scaled
    return ["--duration", write_duration(_FIRST_S), SMOKE_OPTION] if _judged(plan, lacking) else []


def enough(scenario: Scenario, lacking: Sequence[CannotJudge]) -> list[str]:
    """Options that scale the load so that it can judge all of them; none where there are no such options."""
    script = scenario.script
    if script is not None and script.own_load:
        return []
    peak = max((item.level for item in lacking if item.level is not None), default=None)
    lengths = [_length_s(item, scenario.load) for item in lacking if item.level is None]
    if any(length is None for length in lengths):
        return []
    options: list[str] = []
    if peak is not None:
        level = (
            f"{math.ceil(peak)}" if scenario.load.model == "closed" else write_rate(math.ceil(peak * 10) / 10)
        )
        options += ["--users" if scenario.load.model == "closed" else "--rate", level]
    longest = max((length for length in lengths if length is not None), default=None)
    if longest is not None or (peak is not None and not _suffices(scenario, peak, scenario.load.duration_s)):
        duration_s = longest or round(scenario.load.duration_s)
        for _ in range(_TRIES):
            if _suffices(scenario, peak, duration_s):
                break
            duration_s = _round_up(duration_s * 1.05)
        options += ["--duration", write_duration(duration_s)]
    return options


def _length_s(item: CannotJudge, load: Load) -> int | None:
    if item.shortest_s is not None or not item.expected or item.needed is None:
        return item.shortest_s
    return _round_up(load.duration_s * item.needed / item.expected * _MARGIN)


def _round_up(seconds: float) -> int:
    step = 60 if seconds > 600 else 5
    return math.ceil(seconds / step) * step


def _suffices(scenario: Scenario, peak: float | None, duration_s: float) -> bool:
    """With a warm-up as long as one can be that is scaled: the load here may have lost most of its own."""
    load = rescaled_load(scenario.load, peak=peak)
    scored = [stage for stage in load.stages if not stage.warmup]
    if len(scored) < len(load.stages):
        load, duration_s = Load(load.model, scored), duration_s * (1 - WARMUP_SHARE)
    plan = replace(scenario, load=rescaled_load(load, duration_s=duration_s))
    return not any(item.by_load for item in cannot_judge(plan))


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
        steps.append(Step(shown, "open its charts"))
    return tuple(steps)


def _more_load(scenario: Scenario, argv: Sequence[str]) -> Iterator[Step]:
    if scenario.script is not None or "run" not in argv:
        return
    run = Invocation(scenario, argv)
    if scenario.rescaled:
        whole = ", ".join(re.findall(r"instead of ([^,]+)", scenario.rescaled))
        yield Step(run.again(dropped=[*SCALES, SMOKE_OPTION]), f"the full load: {whole}")
    if not any(target.metric == "breaking_point" for target in scenario.targets):
        yield Step(run.command("capacity"), "find the highest load it can take")


def _shortest(run_dir: str) -> str:
    """The last part of a run's id, which is enough for `loadctl report` in the usual place."""
    found = re.fullmatch(r"runs/.+-([0-9a-f]{4})", run_dir)
    return found[1] if found else run_dir
