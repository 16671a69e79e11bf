"""What a scenario would do, before it does it: the load drawn, the requests to expect, what cannot be judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from loadctl.reports.printable import hanging, printable
from loadctl.scenario.expectation import CannotJudge, Expectation
from loadctl.scenario.load import Load
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.target import Target
from loadctl.scenario.units import format_clock, format_count, format_duration, format_limit

_BLOCKS = " ▁▂▃▄▅▆▇█"
_ROWS = 6


def list_line(name: str, source: str, found: Scenario | str) -> str:
    """One scenario of `list`: its name, its load, its goal; or what is wrong with it."""
    if isinstance(found, str):
        return f"{name:<14}{'invalid: loadctl validate ' + name:<32}{printable(source, 60)}"
    return f"{name:<14}{load_in_words(found.load):<32}{printable(found.goal, 60)}" + (
        "  (packaged)" if found.packaged else ""
    )


def load_in_words(load: Load) -> str:
    """`10→50 users, 10 min`, `300/s, 5 min`."""
    if not load.stages:
        return "the script's own load"
    levels = [stage.end for stage in load.stages if not stage.warmup] or [load.peak]
    unit = " users" if load.model == "closed" else "/s"
    low, high = min(levels), max(levels)
    level = f"{high:g}{unit}" if low == high else f"{low:g}→{high:g}{unit}"
    return f"{level}, {format_duration(load.duration_s)}"


def preamble(
    scenario: Scenario, expectation: Expectation, watched: str, engine: str, width: int = 80
) -> list[str]:
    """The first lines of `run`: what is loaded, from which files, what to expect, what cannot be judged."""
    place = f"{scenario.name} on {printable(scenario.host, 120)}, {watched}"
    lines = hanging("", f"{place}   [{engine}, {printable(scenario.source, 120)}]", width)
    lines += hanging("", f"{load_in_words(scenario.load)}: {_expected(scenario, expectation)}", width)
    for line in unjudgeable_lines(expectation):
        lines += hanging("  ", line, width)
    for target in scenario.targets:
        if not target.judged and target.why_not_judged:
            lines += hanging("  ", f"not judged: {_name(target)}: {target.why_not_judged}", width)
    return lines


def _expected(scenario: Scenario, expectation: Expectation) -> str:
    judged = [target for target in scenario.targets if target.judged]
    doubtful = len(expectation.cannot_judge)
    if expectation.scored is None:
        count = printable(expectation.unknown or "the number of requests is unknown")
    else:
        count = f"about {format_count(expectation.scored)} requests scored"
    if not judged:
        return f"{count}; no target is judged: add one, e.g. --target latency_p95=200ms"
    able = "all" if not doubtful else f"{len(judged) - doubtful} of"
    return f"{count}; {able} {len(judged)} judged targets can be judged"


def unjudgeable_lines(expectation: Expectation) -> list[str]:
    """One line for each target that this load cannot judge, with the shortest duration that would do."""
    return [f"cannot be judged: {_name(item.target)}: {_why(item)}" for item in expectation.cannot_judge]


def _why(item: CannotJudge) -> str:
    enough = (
        f"; --duration {format_duration(item.shortest_s).replace(' ', '')} would do"
        if item.shortest_s
        else ""
    )
    return printable(item.reason) + enough.replace("min", "m")


def _name(target: Target) -> str:
    scope = "" if target.scope.kind == "run" else f"{printable(target.scope.name, 60)} "
    return f"{scope}{target.metric}"


def show_plan(scenario: Scenario, expectation: Expectation, *, width: int = 80) -> str:
    """The screen of `show`."""
    lines = [
        f"{scenario.name}  {load_in_words(scenario.load)}, {scenario.engine}, {printable(scenario.host, 120)}",
        *([printable(scenario.goal)] if scenario.goal else []),
        f"from {printable(scenario.source, 200)}",
        "",
        *_curve(scenario.load, min(width, 100)),
        "",
        *hanging("EXPECT     ", _expected(scenario, expectation), width),
    ]
    if expectation.assumption:
        lines += hanging("           ", f"assuming {printable(expectation.assumption)}", width)
    lines += _stages(scenario.load)
    if expectation.endpoints:
        lines += ["", f"{'REQUESTS':<40}{'in all':>12}{'scored':>12}"]
        lines += [
            f"  {printable(row.endpoint, 36):<38}{format_count(row.requests):>12}{format_count(row.scored):>12}"
            for row in expectation.endpoints
        ]
    lines += ["", *_targets(scenario)]
    lines += [line for text in unjudgeable_lines(expectation) for line in hanging("  ", text, width)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _curve(load: Load, width: int) -> Iterator[str]:
    """The planned level over time as columns of blocks, with its scale."""
    if not load.stages:
        return
    columns = width - 10
    levels = [load.level_at((column + 0.5) * load.duration_s / columns) for column in range(columns)]
    for row in range(_ROWS, 0, -1):
        label = f"{load.peak:g}" if row == _ROWS else ""
        cells = "".join(
            _BLOCKS[max(0, min(8, round((level / load.peak * _ROWS - (row - 1)) * 8)))] if load.peak else " "
            for level in levels
        )
        yield f"{label:>8} {cells}"
    end = format_clock(load.duration_s)
    yield f"{'':>9}0:00{end:>{columns - 4}}"


def _stages(load: Load) -> Iterator[str]:
    unit = " users" if load.model == "closed" else "/s"
    window = load.window
    yield ""
    yield f"{'STAGES':<24}{'from':>8}{'level':>24}"
    for start, _, stage in load.spans():
        level = f"{stage.end:g}{unit}" if stage.holds else f"{stage.start:g} → {stage.end:g}{unit}"
        mark = "  warm-up" if stage.warmup else "" if window[0] <= start < window[1] else "  ramp-down"
        yield f"  {printable(stage.name, 20):<22}{format_clock(start):>8}{level:>24}{mark}"


def _targets(scenario: Scenario) -> Iterator[str]:
    yield f"{'TARGETS':<40}{'target':>12}{'critical':>12}"
    for target in scenario.targets:
        limit = "–" if target.target is None else format_limit(target.target, target.unit)
        judged = "" if target.judged else "  not judged"
        yield f"  {_name(target):<38}{limit:>12}{format_limit(target.critical, target.unit):>12}{judged}"


def plan_document(scenario: Scenario, expectation: Expectation) -> Mapping[str, object]:
    """The same for machines."""
    return {
        "scenario": scenario.name,
        "source": scenario.source,
        "goal": scenario.goal,
        "host": scenario.host,
        "engine": scenario.engine,
        "model": scenario.load.model,
        "duration_s": scenario.load.duration_s,
        "window_s": list(scenario.load.window) if scenario.load.stages else None,
        "stages": [
            {
                "name": stage.name,
                "start_s": start,
                "end_s": end,
                "from": stage.start,
                "to": stage.end,
                "warmup": stage.warmup,
            }
            for start, end, stage in scenario.load.spans()
        ],
        "expected": {
            "requests": expectation.requests,
            "scored": expectation.scored,
            "reason": expectation.unknown,
        },
        "targets": [
            {
                "metric": target.metric,
                "scope": str(target.scope),
                "target": target.target,
                "critical": target.critical,
                "unit": target.unit,
                "judged": target.judged,
                "reason": target.why_not_judged,
            }
            for target in scenario.targets
        ],
        "cannot_judge": [
            {
                "metric": item.target.metric,
                "scope": str(item.target.scope),
                "reason": item.reason,
                "shortest_s": item.shortest_s,
            }
            for item in expectation.cannot_judge
        ],
    }
