"""The charts over time, each described once: drawn by the page's script where it may run, else as a picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Literal

from loadctl.reports.printable import cut_in_the_middle, printable
from loadctl.results.charts import SLOWEST_MAX, Charts, Heat, ReadingSeries
from loadctl.results.result import Result
from loadctl.results.series import rank
from loadctl.scenario.units import format_clock

Tone = Literal["plan", "main", "low", "mid", "high", "top", "else", "bad", "more"]
"""What a colour means: the plan, what was measured, the percentiles in order, failures, everything else."""
PERCENTILES: Mapping[str, Tone] = {"p50": "low", "p90": "mid", "p95": "high", "p99": "top"}
_SEVERAL: Sequence[Tone] = ("main", "top", "low", "high", "else", "more")
"""Lines side by side that are of one kind."""
Values = Sequence[float | None]
_MORE_MAX = 24
_OTHER = frozenset(
    {"cpu_pct", "cpu_cores", "memory_bytes", "busiest_pct_of_one_core", "log_errors", "log_lines"}
)
_UNITS = {"bytes": "bytes", "pct": "%", "s": "s", "ms": "ms", "per_s": "/s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    label: str
    values: Values
    tone: Tone
    dashed: bool = False
    filled: bool = False
    bars: bool = False
    bridge: int = 0
    """Empty bins that a line may cross."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A line of a target: `critical` fails, otherwise it only warns."""

    label: str
    value: float
    critical: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """`unit`: ms, /s, %, bytes, users, s or "" · `log`: equal factors take equal room · `at_least`: what the axis
    reaches in any case."""

    key: str
    title: str
    unit: str
    lines: Sequence[Line]
    limits: Sequence[Limit] = ()
    log: bool = False
    at_least: float = 0.0
    note: str = ""

    @property
    def has_values(self) -> bool:
        return any(value is not None for line in self.lines for value in line.values)


def panels(result: Result, charts: Charts) -> list[Panel]:
    """Those that there is something to show of, in the order of the story: load, answers, system, generator."""
    found = [
        _load(result, charts),
        _throughput(result, charts),
        _errors(charts),
        _latency(result, charts),
        _endpoints(charts),
        *_system(result, charts.reading_series),
        *_generator(result, charts),
        *_logs(charts.reading_series),
    ]
    return [panel for panel in found if panel.has_values]


def more_panels(charts: Charts) -> list[Panel]:
    """Whatever else was watched: companions, the machine, the system's own metrics."""
    spoken = {id(series) for series in _spokesman(charts.reading_series)}
    rest = [
        series
        for series in charts.reading_series
        if series.subject in {"system", "companion", "host"}
        and id(series) not in spoken
        and any(value is not None for value in series.values)
        and not (series.subject == "system" and series.name in _OTHER)
    ]
    return [_of_series(series, index) for index, series in enumerate(rest[:_MORE_MAX])]


def _load(result: Result, charts: Charts) -> Panel:
    is_open = result.model == "open"
    actual: Values = charts.begun_per_s if is_open else charts.users
    lines = [
        Line(label="planned", values=charts.planned, tone="plan", dashed=True),
        Line(label="begun" if is_open else "users", values=actual, tone="main"),
    ]
    if is_open and any(charts.dropped_per_s):
        lines.append(Line(label="dropped", values=charts.dropped_per_s, tone="bad"))
    title = "Load: arrivals per second" if is_open else "Load: users"
    return Panel(key="load", title=title, unit="/s" if is_open else "users", lines=lines)


def _throughput(result: Result, charts: Charts) -> Panel:
    lines = [
        Line(label="succeeded", values=charts.ok_per_s, tone="main", filled=True),
        Line(label="failed", values=charts.failed_per_s, tone="bad", filled=True),
    ]
    limits = _limits(result, {"throughput": ""})
    return Panel(key="throughput", title="Throughput and errors", unit="/s", lines=lines, limits=limits)


def _latency(result: Result, charts: Charts) -> Panel:
    lines = [
        Line(label=name, values=charts.latency_ms[name], tone=tone)
        for name, tone in PERCENTILES.items()
        if name in charts.latency_ms
    ]
    limits = _limits(result, {f"latency_{name}": name for name in PERCENTILES})
    return Panel(
        key="latency",
        title="Latency of successes",
        unit="ms",
        lines=lines,
        limits=limits,
        log=True,
        note="logarithmic; each step covers as much time as it needs to have enough requests",
    )


def _errors(charts: Charts) -> Panel:
    """The commonest classes; all others are one line, so that the lines add up to the failures."""
    tones: Sequence[Tone] = ("bad", *_SEVERAL[1:])
    readings = list(charts.errors_per_s.items())
    shown = readings[: len(tones) if len(readings) <= len(tones) else len(tones) - 1]
    rest = [values for _, values in readings[len(shown) :]]
    if rest:
        together = [None if None in some else sum(filter(None, some)) for some in zip(*rest, strict=True)]
        shown.append((f"{len(rest)} more classes", together))
    lines = [
        Line(label=printable(name.replace("_", " "), 60), values=values, tone=tone)
        for (name, values), tone in zip(shown, tones, strict=False)
    ]
    return Panel(key="errors", title="Errors by class", unit="/s", lines=lines)


def _endpoints(charts: Charts) -> Panel:
    """Those that are slowest in the scored part; a single one is what the chart of all shows."""
    shown = [name for name in charts.slowest[:SLOWEST_MAX] if name in charts.endpoint_latency_ms]
    lines = [
        Line(
            label=cut_in_the_middle(printable(name, 4096), 60),
            values=charts.endpoint_latency_ms[name]["p95"],
            tone=tone,
        )
        for name, tone in zip(shown, _SEVERAL, strict=False)
    ]
    all_of_them = len(charts.slowest)
    return Panel(
        key="endpoints",
        title="Latency p95 by endpoint",
        unit="ms",
        lines=lines if all_of_them > 1 else (),
        log=True,
        note=f"the slowest {len(lines)} of {all_of_them}" if all_of_them > len(lines) else "",
    )


def endpoint_panel(charts: Charts, endpoint: str) -> Panel:
    """The latency of one endpoint."""
    readings = charts.endpoint_latency_ms.get(endpoint, {})
    lines = [Line(label=name, values=values, tone=PERCENTILES[name]) for name, values in readings.items()]
    return Panel(
        key="", title=f"Latency of {printable(endpoint, 60)} over time", unit="ms", lines=lines, log=True
    )


def _limits(result: Result, labels: Mapping[str, str]) -> list[Limit]:
    """Of the targets of the whole run, by their metric; what to say before "critical" and "target"."""
    found = []
    for score in result.scores:
        label = labels.get(score.target.metric)
        if label is not None and score.target.scope.kind == "run":
            found.append(Limit(f"{label} critical".strip(), score.target.critical, critical=True))
            if score.target.target is not None:
                found.append(Limit(f"{label} target".strip(), score.target.target, critical=False))
    return found


def _spokesman(readings: Sequence[ReadingSeries]) -> list[ReadingSeries]:
    """The readings of the one source that speaks for the system (results/measures/usage.py)."""
    own = [
        c for c in readings if c.subject == "system" and c.name in {"cpu_pct", "cpu_cores", "memory_bytes"}
    ]
    best = min((series.source for series in own), key=rank, default=None)
    return [series for series in readings if series.subject == "system" and series.source == best]


def _system(result: Result, readings: Sequence[ReadingSeries]) -> Iterator[Panel]:
    own = _spokesman(readings)
    by_name = {name: [series for series in own if series.name == name] for name in {c.name for c in own}}
    if "cpu_pct" in by_name:
        lines = [_line(series, "of all cores", "main", filled=True) for series in by_name["cpu_pct"]]
        lines += [
            _line(series, "busiest, of one core", "low")
            for series in by_name.get("busiest_pct_of_one_core", ())
        ]
        limits = _limits(result, {"cpu": ""})
        yield Panel(key="cpu", title="CPU of the system", unit="%", lines=lines, limits=limits, at_least=100)
    elif "cpu_cores" in by_name:
        lines = [_line(series, "cores", "main", filled=True) for series in by_name["cpu_cores"]]
        yield Panel(key="cpu", title="CPU of the system, in cores", unit="", lines=lines)
    if "memory_bytes" in by_name:
        kind = (
            f" ({printable(result.resources.system.memory_kind, 40)})"
            if result.resources.system.memory_kind
            else ""
        )
        lines = [_line(series, "memory", "main", filled=True) for series in by_name["memory_bytes"]]
        lines += [
            _line(series, "limit", "plan", dashed=True) for series in by_name.get("memory_limit_bytes", ())
        ]
        limits = _limits(result, {"memory": ""})
        title = f"Memory of the system{kind}"
        yield Panel(key="memory", title=title, unit="bytes", lines=lines, limits=limits)


def _generator(result: Result, charts: Charts) -> Iterator[Panel]:
    shards = [
        c for c in charts.reading_series if c.subject == "generator" and c.name == "cpu_pct_of_one_core"
    ]
    shards = [series for series in shards if series.entity.startswith("shard ")]
    busiest = [
        max((value for value in values if value is not None), default=None)
        for values in zip(*(series.values for series in shards), strict=True)
    ]
    bridge = max((series.bridge for series in shards), default=0)
    label = "busiest engine process" if result.engine.shards > 1 else "engine process"
    yield Panel(
        key="generator",
        title="Load generator: CPU of one core",
        unit="%",
        lines=[Line(label=label, values=busiest, tone="main", filled=True, bridge=bridge)],
        limits=[Limit("saturated", 90.0, critical=True)] if busiest else [],
        at_least=100,
    )
    lines = [Line(label="timer overshoot", values=charts.lag_ms, tone="main")]
    if result.model == "open":
        lines.append(Line(label="late arrival", values=charts.late_ms, tone="high"))
    title = "Load generator: lateness"
    yield Panel(key="lag", title=title, unit="ms", lines=lines, note="the highest value of each point")


def _logs(readings: Sequence[ReadingSeries]) -> Iterator[Panel]:
    found = [series for series in readings if series.subject == "system" and series.name == "log_errors"]
    lines = [
        Line(label=printable(series.entity, 60), values=series.values, tone="bad", bars=True)
        for series in found
    ]
    yield Panel(key="logs", title="Errors in logs", unit="", lines=lines)


def _of_series(series: ReadingSeries, index: int) -> Panel:
    subject = {"host": "machine", "system": series.source}.get(series.subject, series.entity)
    title = f"{printable(series.name.replace('_', ' '), 60)} ({printable(subject, 60)})"
    unit = next((unit for end, unit in _UNITS.items() if series.name.endswith(f"_{end}")), "")
    line = _line(series, printable(series.name, 40), "more")
    return Panel(key=f"more-{index}", title=title, unit=unit, lines=[line])


def _line(
    series: ReadingSeries, label: str, tone: Tone, *, filled: bool = False, dashed: bool = False
) -> Line:
    return Line(
        label=label, values=series.values, tone=tone, filled=filled, dashed=dashed, bridge=series.bridge
    )


_MARKS_MAX = 60
_NO_MARK = frozenset({"stage", "log_messages", "log_rotated", "before", "after"})


@dataclass(frozen=True, slots=True)
class Span:
    name: str
    start_s: float
    end_s: float
    scored: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """`number` counts from 1: the chart has no room for words."""

    number: int
    t: float
    kind: str
    text: str

    @property
    def clock(self) -> str:
        return format_clock(self.t)


def spans(result: Result) -> list[Span]:
    start, end = result.window.start_s, max(result.window.end_s, result.window.start_s)
    return [
        Span(printable(stage.name, 60), stage.start_s, stage.end_s, start <= stage.start_s < end)
        for stage in result.stages
    ]


def marks(result: Result) -> Sequence[Mark]:
    """At most sixty, of which the first count most: what follows an event often repeats it."""
    events = [event for event in result.events if event.kind not in _NO_MARK]
    return [
        Mark(number, max(0.0, event.t), event.kind.replace("_", " "), printable(event.message, 300))
        for number, event in enumerate(events[:_MARKS_MAX], 1)
    ]


_DIGITS = 4


def chart_data(
    charts: Charts, panels: Iterable[Panel], spans: Sequence[Span], marks: Sequence[Mark], length: int
) -> str:
    """`length`: bins. Numbers have four significant digits."""
    document = {
        "bin_s": charts.bin_s,
        "bins": length,
        "spans": list(map(astuple, spans)),
        "marks": [[mark.number, mark.t, f"{mark.kind}: {mark.text}"] for mark in marks],
        "panels": [_panel(panel) for panel in panels],
        "heat": _heat(charts.heat),
    }
    return safe_json(document)


def safe_json(document: object) -> str:
    """ASCII without `<`, so that nothing in it is markup."""
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _panel(panel: Panel) -> dict[str, object]:
    return {
        **{key: getattr(panel, key) for key in ("key", "title", "unit", "log", "at_least")},
        "lines": [_line_data(line) for line in panel.lines],
        "limits": list(map(astuple, panel.limits)),
    }


def _line_data(line: Line) -> dict[str, object]:
    values = [None if value is None else _short(value) for value in line.values]
    flags = ("label", "tone", "dashed", "filled", "bars", "bridge")
    return {**{key: getattr(line, key) for key in flags}, "values": values}


def _short(value: float) -> float | int:
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() else short


def _heat(heat: Heat) -> dict[str, object]:
    rows = sorted({row for _, row, _ in heat.cells})
    return {
        "column_s": heat.column_s,
        "edges_ms": {row: [max(Heat.edge_us(row), 1) / 1000, Heat.edge_us(row + 1) / 1000] for row in rows},
        "cells": [number for cell in heat.cells for number in cell],
    }
