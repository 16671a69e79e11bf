"""What a scenario would do: its load drawn, the requests to expect, the targets that it cannot judge. Record → str."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from loadctl.analysis.next_steps import remedies
from loadctl.reports.printable import hanging, printable, shortened
from loadctl.results.scoring import RESOURCES
from loadctl.scenario.expectation import CannotJudge, Expectation
from loadctl.scenario.load import Load
from loadctl.scenario.redaction import without_secrets
from loadctl.scenario.scenario import Scenario, Script
from loadctl.scenario.target import SMOKE_OPTION, Target
from loadctl.scenario.units import (
    format_clock,
    format_count,
    format_duration,
    format_limit,
    format_rate,
    write_duration,
)

_BLOCKS = " ▁▂▃▄▅▆▇█"
_ROWS = 6
_SAMPLES = 4
_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_TICK_ROOM = 9


def curve(load: Load, width: int) -> Iterator[str]:
    """Lines of at most `width` characters; none for a load without stages."""
    if not load.stages or load.duration_s <= 0:
        return
    margin = max(len(f"{load.peak:g}"), len(f"{load.peak / 2:g}"), 3) + 1
    columns = max(20, width - margin - 1)
    levels = [_highest(load, column, columns) for column in range(columns)]
    for row in range(_ROWS, 0, -1):
        label = {_ROWS: f"{load.peak:g}", _ROWS // 2: f"{load.peak / 2:g}"}.get(row, "")
        yield f"{label:>{margin}} {''.join(_cell(level, load.peak, row) for level in levels)}".rstrip()
    yield f"{'0':>{margin}} {_axis(load, columns)}"
    yield f"{'':>{margin}} {_clock(load.duration_s, columns)}"
    if "·" in _axis(load, columns):
        yield f"{'':>{margin}} ─ scored   · not scored: {' and '.join(_unscored(load))}"


def _highest(load: Load, column: int, columns: int) -> float:
    """The highest level within a column: a short peak must not fall between two of them."""
    step = load.duration_s / columns
    return max(load.level_at((column + (i + 0.5) / _SAMPLES) * step) for i in range(_SAMPLES))


def _cell(level: float, peak: float, row: int) -> str:
    if not peak:
        return " "
    eighths = round((level / peak * _ROWS - (row - 1)) * 8)
    if row == 1 and level > 0:
        eighths = max(1, eighths)
    return _BLOCKS[max(0, min(8, eighths))]


def _axis(load: Load, columns: int) -> str:
    start, end = load.window
    step = load.duration_s / columns
    return "".join("─" if start <= (column + 0.5) * step < end else "·" for column in range(columns))


def _unscored(load: Load) -> Sequence[str]:
    start, end = load.window
    return [*(["warm-up"] if start else []), *(["ramp-down"] if end < load.duration_s else [])] or ["warm-up"]


def _clock(duration_s: float, columns: int) -> str:
    """Times at round distances, each beginning at its column; the end is always there."""
    end = format_clock(duration_s)
    every = next((s for s in _TICKS_S if s / duration_s * columns >= _TICK_ROOM), duration_s)
    text = ""
    for number in range(int(duration_s // every) + 1):
        at = int(number * every / duration_s * columns)
        label = format_clock(number * every)
        if at + len(label) < columns - len(end):
            text = f"{text:<{at}}{label}"
    return f"{text:<{columns - len(end)}}{end}"


SCHEMA = "loadctl.plan/1"
_WIDEST = 120


def list_lines(rows: Sequence[tuple[str, Scenario | str]], width: int = 80) -> list[str]:
    """Scenarios with their load and goal; what cannot be read says how to see why."""
    names = max((len(name) for name, _ in rows), default=0)
    loads = max(
        (len(load_in_words(found.load)) for _, found in rows if isinstance(found, Scenario)), default=0
    )
    lines = []
    for name, found in rows:
        head = f"  {printable(name):<{names}}  "
        if isinstance(found, str):
            lines.append(f"{head}invalid, see:  loadctl validate {name}")
        else:
            lines.append(f"{head}{load_in_words(found.load):<{loads}}  {printable(found.goal)}")
    return [shortened(line.rstrip(), width) for line in lines]


def load_in_words(load: Load) -> str:
    """`10→50 users, 10 min`, `300/s, 5 min`."""
    if not load.stages:
        return "the script's own load"
    levels = [stage.end for stage in load.stages if not stage.warmup] or [load.peak]
    low, high = min(levels), max(levels)
    level = _level(high, load) if low == high else f"{low:g}→{_level(high, load)}"
    return f"{level}, {format_duration(load.duration_s)}"


def load_of(scenario: Scenario) -> str:
    """The same; where a locustfile makes it, by the name of the file."""
    script = scenario.script
    if script is None or script.key != "locustfile" or not script.own_load:
        return load_in_words(scenario.load)
    return f"load: the shape of {_file(script.path)}"


def users_lines(scenario: Scenario) -> list[str]:
    """Who runs, where the scenario names classes of a script, perhaps beside user types."""
    script = scenario.script
    if script is None or not (script.weights or script.classes):
        return []
    types = {user_type.name for user_type in scenario.user_types}
    chosen = script.weights or dict.fromkeys(script.classes)
    parts = []
    for name, weight in chosen.items():
        if not script.classes or name in script.classes:
            share = "" if weight is None else f" {weight}"
            parts.append(f"{name}{share} ({'user type' if name in types else _file(script.path)})")
    return [f"users: {printable(', '.join(parts))}"]


def _file(path: str) -> str:
    return printable(path.rpartition("/")[2], 60)


def preamble(
    scenario: Scenario,
    expectation: Expectation,
    watched: str,
    engine: str,
    width: int = 80,
    *,
    argv: Sequence[str] = (),
) -> list[str]:
    """The first lines of `run`: what is loaded, from which files, what to expect, what cannot be judged.

    `argv`: what loadctl was started with, for commands that would do better."""
    name = "" if scenario.name.startswith(scenario.shown_host) else f"{printable(scenario.name, 60)} on "
    place = f"{name}{printable(scenario.shown_host, 120)}, {printable(watched, 160)}"
    if len(place) + len(engine) + 3 <= width:
        lines = [f"{place}{engine:>{width - len(place)}}"]
    else:
        lines = hanging("", f"{place}, {engine}", width)
    load = f"{printable(scenario.source, 120)}: {load_of(scenario)}"
    load += f" ({scenario.rescaled})" if scenario.rescaled else ""
    unseen = _unwatched(scenario) if watched.startswith("nothing") else []
    lines += hanging(
        "", f"{load}, {_expected(scenario, expectation, unseen)}. Ctrl-C stops and still reports.", width
    )
    doubts = [
        *unjudgeable_lines(expectation),
        *_not_exercised(expectation),
        *_left_out(scenario, expectation),
        *_not_judged(scenario),
        *([f"not judged: {', '.join(map(name_of, unseen))}: nothing watches the system"] if unseen else []),
    ]
    rules = [f"stops early: {rule}" for rule in scenario.own_stop_rules]
    for line in [*users_lines(scenario), *doubts, *rules, *map(printable, scenario.notes)]:
        lines += hanging("  ", line, width)
    return [*lines, *_remedies(scenario, expectation, argv)]


def _remedies(scenario: Scenario, expectation: Expectation, argv: Sequence[str]) -> Iterator[str]:
    """Commands are not wrapped, so that they can be pasted."""
    steps = list(remedies(scenario, expectation.cannot_judge, argv))
    if not all(item.perhaps for item in expectation.cannot_judge):
        yield f"  this run will be INCONCLUSIVE, unless it fails{'; instead:' if steps else ''}"
    for step in steps:
        yield f"    {step.purpose}:"
        yield f"      {printable(step.command, 1000)}"


def _unwatched(scenario: Scenario) -> list[Target]:
    """What nobody asked to be watched is judged only where the system's process was found."""
    return [
        target
        for target in scenario.targets
        if target.judged and target.metric in RESOURCES and not (target.own or scenario.watch.asked)
    ]


def _expected(scenario: Scenario, expectation: Expectation, unseen: Sequence[Target]) -> str:
    if expectation.scored is None:
        count = printable(expectation.unknown or "the number of requests is unknown")
    else:
        count = f"about {format_count(expectation.scored)} requests scored"
    return f"{count}; {_judged(scenario, expectation, unseen)}"


def _judged(scenario: Scenario, expectation: Expectation, unseen: Sequence[Target] = ()) -> str:
    """Of all targets that the tables show: those that are not judged stand below, with their reasons."""
    total = len(scenario.targets)
    doubtful = {
        target.key
        for target in (
            *(item.target for item in expectation.cannot_judge),
            *expectation.not_exercised,
            *expectation.left_out,
            *unseen,
            *(target for target in scenario.targets if not target.judged),
        )
    }
    if not any(target.judged for target in scenario.targets):
        return "no target is judged: add one, as in  --target latency_p95=200ms"
    if not doubtful:
        return {1: "its one target can be judged", 2: "both targets can be judged"}.get(
            total, f"all {total} targets can be judged"
        )
    if total == 1:
        return "its one target cannot be judged"
    return f"{total - len(doubtful) or 'none'} of {total} targets can be judged"


def unjudgeable_lines(expectation: Expectation) -> list[str]:
    """What this load cannot judge, with the shortest duration that would do; one line for each reason."""
    found = ((item.target, _why(item)) for item in expectation.cannot_judge)
    return _by_reason("cannot be judged", found)


def _not_judged(scenario: Scenario) -> list[str]:
    """Targets that the scenario does not judge."""
    targets = (target for target in scenario.targets if not target.judged)
    return _by_reason(
        "not judged", ((one, printable(one.why_not_judged)) for one in targets if one.why_not_judged)
    )


def _by_reason(head: str, found: Iterable[tuple[Target, str]]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for target, why in found:
        reasons.setdefault(why, []).append(name_of(target))
    return [f"{head}: {', '.join(names)}: {why}" for why, names in reasons.items()]


def _not_exercised(expectation: Expectation) -> Iterator[str]:
    """Limits on throughput that this load cannot reach; they decide nothing unless the system does better."""
    if expectation.not_exercised and expectation.peak_requests_per_s is not None:
        names = ", ".join(map(name_of, expectation.not_exercised))
        offered = format_rate(expectation.peak_requests_per_s)
        yield f"cannot be judged: {names}: this load offers about {offered} at its peak"


def _left_out(scenario: Scenario, expectation: Expectation) -> Iterator[str]:
    smoke = scenario.smoke
    if expectation.left_out and smoke is not None:
        names = (f"{name_of(one)} ({printable(smoke.reason(one) or '')})" for one in expectation.left_out)
        yield f"left out by {SMOKE_OPTION}: {', '.join(names)}"


def _why(item: CannotJudge) -> str:
    enough = f"; --duration {write_duration(item.shortest_s)} would do" if item.shortest_s else ""
    if item.level is not None:
        option = "--users" if item.target.unit == "users" else "--rate"
        enough = f"; {option} {item.level:g} would do"
    return printable(item.reason) + enough


def name_of(target: Target) -> str:
    scope = "" if target.scope.kind == "run" else f"{printable(target.scope.name, 60)} "
    return f"{scope}{target.metric}"


def show_plan(scenario: Scenario, expectation: Expectation, *, width: int = 80) -> str:
    """The screen of `show`."""
    width = min(max(width, 40), _WIDEST)
    load = scenario.load
    lines = [
        *hanging(
            f"{printable(scenario.name, 60)}  ",
            f"{load_of(scenario)}, {scenario.engine}, {printable(scenario.shown_host, 120)}",
            width,
        ),
        *(hanging("", printable(scenario.goal), width) if scenario.goal else []),
        *hanging("", f"from {printable(scenario.source, 200)}", width),
        *(part for line in users_lines(scenario) for part in hanging("", line, width)),
        *(part for note in scenario.notes for part in hanging("", printable(note), width)),
        "",
        *curve(load, width),
        "",
        *_expectations(scenario, expectation, width),
        *_requests(expectation),
        *_stages(load),
        *_targets(scenario, expectation, width),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _expectations(scenario: Scenario, expectation: Expectation, width: int) -> Iterator[str]:
    if expectation.requests is None or expectation.scored is None:
        text = printable(expectation.unknown or "the number of requests is unknown")
    else:
        text = (
            f"about {format_count(expectation.requests)} requests, {format_count(expectation.scored)} of them "
            f"scored{_at_the_peak(expectation)}"
        )
        if expectation.assumption:
            text += f", if it {printable(expectation.assumption)}"
    yield from hanging("EXPECT   ", f"{text}; {_judged(scenario, expectation)}", width)


def _at_the_peak(expectation: Expectation) -> str:
    rate, each = expectation.peak_requests_per_s, expectation.requests_per_turn
    if rate is None or each is None:
        return ""
    if expectation.model == "open":
        return f"; {expectation.peak:g} arrivals/s × {each:.3g} requests = {format_rate(rate)} at the peak"
    return f", up to {format_rate(rate)}"


def _requests(expectation: Expectation) -> Iterator[str]:
    if not expectation.endpoints:
        return
    width = max(len(row.endpoint) for row in expectation.endpoints)
    width = max(24, min(50, width))
    yield ""
    yield f"REQUESTS{'in all':>{width + 6}}{'scored':>12}"
    for row in expectation.endpoints:
        name = printable(row.endpoint, width)
        yield f"  {name:<{width}}{format_count(row.requests):>12}{format_count(row.scored):>12}"


def _stages(load: Load) -> Iterator[str]:
    """One row a stage; a ramp is shown by the level that it leads to."""
    if not load.stages:
        return
    start_s, end_s = load.window
    width = max(20, min(40, max(len(stage.name) for stage in load.stages)))
    yield ""
    yield f"STAGES{'start':>{width + 5}}{'length':>13}{_unit(load):>17}"
    for start, end, stage in load.spans():
        level = f"{stage.end:g}" if stage.holds else f"{stage.start:g} → {stage.end:g}"
        note = "  warm-up" if start < start_s else "  ramp-down" if start >= end_s else ""
        if printable(stage.name) == note.strip():
            note = "  not scored"
        length = format_duration(end - start) or "at once"
        yield f"  {printable(stage.name, width):<{width}}{format_clock(start):>9}{length:>13}{level:>17}{note}"


def _targets(scenario: Scenario, expectation: Expectation, width: int) -> Iterator[str]:
    if not scenario.targets:
        return
    room = max(20, min(34, max(len(name_of(target)) for target in scenario.targets)))
    yield ""
    yield f"TARGETS{'target':>{room + 7}}{'critical':>12}"
    impossible = {item.target.key for item in expectation.cannot_judge}
    for target in scenario.targets:
        limit = "–" if target.target is None else format_limit(target.target, target.unit)
        note = _note(target, scenario, expectation, impossible=target.key in impossible)
        name = shortened(name_of(target), room)
        line = f"  {name:<{room}}{limit:>12}{format_limit(target.critical, target.unit):>12}"
        yield f"{line}  {note}" if note else line
    for text in [*unjudgeable_lines(expectation), *_not_judged(scenario)]:
        yield from hanging("  ", text, width)


def _note(target: Target, scenario: Scenario, expectation: Expectation, *, impossible: bool) -> str:
    if not target.judged:
        return "not judged"
    if impossible:
        return "cannot be judged"
    if target in expectation.not_exercised:
        return f"offers {format_rate(expectation.peak_requests_per_s or 0.0)} only"
    if target.metric in RESOURCES and not target.own and not scenario.watch.asked:
        return "if its process is found"
    return ""


def _level(level: float, load: Load) -> str:
    return f"{level:g} user{'' if level == 1 else 's'}" if load.model == "closed" else f"{level:g}/s"


def _unit(load: Load) -> str:
    return "users" if load.model == "closed" else "arrivals/s"


def plan_document(scenario: Scenario, expectation: Expectation) -> Mapping[str, object]:
    """The same for machines; an absent number is null, with `reason` beside it."""
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "source": scenario.source,
        "goal": scenario.goal,
        "host": scenario.shown_host,
        "engine": scenario.engine,
        "model": scenario.load.model,
        "peak": scenario.load.peak,
        "duration_s": scenario.load.duration_s,
        "drain_s": scenario.drain_s,
        "script": None if scenario.script is None else _script_document(scenario.script),
        "notes": list(scenario.notes),
        "window": dict(zip(("start_s", "end_s"), scenario.load.window, strict=True))
        if scenario.load.stages
        else None,
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
            **{key: getattr(expectation, key) for key in _EXPECTED},
            "reason": expectation.unknown,
            "endpoints": list(map(asdict, expectation.endpoints)),
        },
        "targets": [_target_document(target) for target in scenario.targets],
        "cannot_judge": [_doubt_document(item) for item in expectation.cannot_judge],
        "not_exercised": list(map(_place_of, expectation.not_exercised)),
    }


def _place_of(target: Target) -> dict[str, object]:
    return {"metric": target.metric, "scope": str(target.scope)}


_EXPECTED = ("turns", "requests", "scored", "requests_per_turn", "peak_requests_per_s", "assumption")


def _script_document(script: Script) -> Mapping[str, object]:
    return {
        "files": list(script.paths),
        "weights": dict(script.weights),
        "classes": list(script.classes),
        "arguments": without_secrets(script.arguments),
        "tags": script.options.tags,
        "exclude_tags": script.options.exclude_tags,
        "own_load": script.own_load,
    }


def _doubt_document(item: CannotJudge) -> Mapping[str, object]:
    keys = ("reason", "expected", "needed", "shortest_s", "level", "by_load")
    return {**_place_of(item.target), **{key: getattr(item, key) for key in keys}}


def _target_document(target: Target) -> Mapping[str, object]:
    figures = {key: getattr(target, key) for key in ("target", "critical", "unit", "judged")}
    return {**_place_of(target), **figures, "reason": target.why_not_judged}


def command_lines(scenario: Scenario) -> Sequence[str]:
    """One line a command, as one could type it: `before  docker compose up -d --wait api  (up to 5 min)`."""
    return [
        f"{phase:<8}{printable(command.shown(scenario.secrets))}  (up to {format_duration(command.timeout_s)})"
        for phase, commands in (("before", scenario.before), ("after", scenario.after))
        for command in commands
    ]


def commands_document(scenario: Scenario) -> Mapping[str, object]:
    """`before` and `after`, lists of {command, timeout_s}."""
    return {
        phase: [
            {"command": command.shown(scenario.secrets), "timeout_s": command.timeout_s}
            for command in commands
        ]
        for phase, commands in (("before", scenario.before), ("after", scenario.after))
    }
