"""`loadctl capacity`: the highest load that still meets the targets, by short probes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from loadctl.analysis.capacity import Probe, Search, probe_of
from loadctl.cli import execution
from loadctl.cli.command_table import Parsed
from loadctl.cli.judging import judged
from loadctl.cli.options import (
    EngineName,
    Host,
    JsonFlag,
    LoadOptions,
    Overrides,
    ScenarioArg,
    Targets,
    in_units,
)
from loadctl.cli.output import complain, write
from loadctl.cli.planning import with_any_load
from loadctl.cli.system import ask_for_consent, host_of
from loadctl.errors import ExitCode, Interrupted, UsageError
from loadctl.reports.terminal import capacity as shown
from loadctl.results.result import dumps
from loadctl.results.verdict import Verdict
from loadctl.run.directory import RunDirectory
from loadctl.run.interruption import Interruption
from loadctl.run.runner import run
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import baselines_of
from loadctl.scenario.units import parse_duration, parse_rate, parse_users

_PAUSE_S = 2.0
_WARM_SHARE = 0.2
_LEAST_PROBE_S = 5.0
_KEPT = ("latency", "ttfb", "error_rate", "cpu", "memory")
"""What a level can be held to; throughput is the question itself."""


def parse_probe(text: str) -> int:
    """Whole seconds, as those of every stage. Raises: UsageError."""
    found: float = in_units("--probe", parse_duration).parse(text)
    if found < _LEAST_PROBE_S:
        raise UsageError(f"--probe {text}: a probe needs at least {_LEAST_PROBE_S:g} s")
    return math.ceil(found)


@dataclass(frozen=True, slots=True)
class _Plan:
    """`unit`: "/s" for arrivals, "users"."""

    scenario: Scenario
    probe_s: int
    unit: str
    options: LoadOptions


def capacity(
    scenario: ScenarioArg = None,
    *,
    engine: EngineName = None,
    host: Host = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="LEVEL", help="First level: 20/s, or 20 users.")
    ] = None,
    most: Annotated[str | None, typer.Option("--max", metavar="LEVEL", help="Try no more than this.")] = None,
    probe_s: Annotated[
        int,
        typer.Option("--probe", metavar="TIME", help="How long each probe is."),
        Parsed(parse_probe, "15s"),
    ],
    closed: Annotated[
        bool, typer.Option("--closed", help="Search in users instead of arrivals a second.")
    ] = False,
    targets: Targets = (),
    options: LoadOptions,
    as_json: JsonFlag = False,
) -> int:
    """Find the highest load that still meets the targets: a band, from short runs at constant levels."""
    with host_of(options.demo, host) as known:
        overrides = Overrides(host=known(), engine=engine, targets=targets)
        prepared = execution.prepared(scenario, with_any_load(scenario, overrides), options)
        meant = _at_levels(prepared, closed=closed)
        search = _search(meant, first, most)
        began = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        folder = options.out / f"capacity-{began}-{meant.name.replace('/', '-')}"
        plan = _Plan(meant, probe_s, "users" if closed else "/s", replace(options, out=folder))
        return _find(plan, search, as_json=as_json)


def _at_levels(found: Scenario, *, closed: bool) -> Scenario:
    """With the targets that a constant level can meet or miss. Raises: UsageError."""
    if found.script is not None and found.script.own_load:
        raise UsageError(
            f"{found.name} brings its own load, so no level can be set",
            hint="add  load:  to a scenario that names the script",
        )
    if found.script is not None and not closed:
        raise UsageError(
            f"{found.name} runs the users of a script, and they do not arrive at a rate",
            hint="search in users:  --closed",
        )
    targets = [
        replace(target, judged=True, why_not_judged=None)
        for target in found.targets
        if target.metric.startswith(_KEPT)
        and target.scope.kind in {"run", "endpoint"}
        and not baselines_of([target])
    ]
    if not targets:
        raise UsageError(
            f"{found.name} has no target that a load level can meet or miss",
            hint="add one:  --target latency_p95=200ms",
        )
    types = found.user_types if closed else [replace(one, pace_s=None) for one in found.user_types]
    return replace(
        found,
        load=Load("closed" if closed else "open", ()),
        user_types=tuple(types),
        targets=tuple(targets),
        before=(),
        after=(),
        rescaled=None,
    )


def _search(scenario: Scenario, first: str | None, most: str | None) -> Search:
    is_closed = scenario.load.model == "closed"
    start = 10.0 if first is None else _level("--from", first, closed=is_closed)
    limit = 100_000.0 if most is None else _level("--max", most, closed=is_closed)
    if limit < start:
        raise UsageError(f"--max {most} is below the first level, {start:g}", hint="start lower with  --from")
    return Search(start, limit, whole=is_closed)


def _level(option: str, text: str, *, closed: bool) -> float:
    text = f"{text} users" if closed and text.isdecimal() else text
    found: float = in_units(option, parse_users if closed else parse_rate).parse(text)
    if found <= 0:
        raise UsageError(f"{option} {text}: a level must be above 0")
    return found


def _find(plan: _Plan, search: Search, *, as_json: bool) -> int:
    agreed = ask_for_consent(plan.scenario, f"up to {shown.level(search.most, plan.unit)}")
    plan = replace(plan, scenario=agreed)
    say: Callable[[str], object] = (lambda _: None) if plan.options.quiet or as_json else complain
    say(f"capacity of {plan.scenario.name} on {plan.scenario.shown_host}: probes of {plan.probe_s:g} s\n")
    with Interruption(to_the_end=True) as interruption:
        try:
            while (level := search.next()) is not None:
                if search.probes:
                    interruption.wait(_PAUSE_S)  # the system recovers from the last one
                if interruption.number is not None:
                    raise _interrupted(interruption.number, "before", level, plan.unit)
                probe = _probed(plan, level)
                search.probes.append(probe)
                say(shown.probe_line(len(search.probes), probe, plan.unit) + "\n")
        finally:
            if search.probes:
                RunDirectory(plan.options.out.absolute()).replace(
                    "capacity.json", shown.document(plan.scenario, search, plan.unit)
                )
    if as_json:
        write(shown.document(plan.scenario, search, plan.unit), as_json=True)
    else:
        write(shown.text(plan.scenario, search, plan.unit, str(plan.options.out)))
    if search.low is not None:
        return ExitCode.OK
    return ExitCode.FAIL if search.high is not None else ExitCode.INCONCLUSIVE


def _stages(level: float, probe_s: int) -> Sequence[Stage]:
    return [
        Stage(level, level, math.ceil(probe_s * _WARM_SHARE), "settle", warmup=True),
        Stage(level, level, probe_s, "probe"),
    ]


def _probed(plan: _Plan, level: float) -> Probe:
    """One run at one level. Raises: LoadctlError; Interrupted where a signal ended it."""
    scenario = replace(plan.scenario, load=Load(plan.scenario.load.model, _stages(level, plan.probe_s)))
    engine = execution.usable(scenario, plan.options)
    try:
        directory = run(execution.request_for(scenario, engine, plan.options))
    except Interrupted as error:
        raise _interrupted(error.signal_number, "before", level, plan.unit) from error
    result = judged(directory).result
    directory.replace("result.json", dumps(result))
    if result.verdict is Verdict.INTERRUPTED:
        raise _interrupted(2 if int(result.exit_code) == 130 else 15, "during", level, plan.unit)
    return probe_of(level, result, directory.id)


def _interrupted(number: int, when: str, level: float, unit: str) -> Interrupted:
    reason = f"interrupted {when} the probe at {shown.level(level, unit)}; the probes before it are kept"
    return Interrupted(number, reason)
