"""The breaking point: the highest level that held, in the load-test form of the multi-window rule for burn rates.

A level fails when a limit is crossed over the whole of it *and* in at least two thirds of its 5 s windows, and the
next level fails too (or there is none). On synthetic staircases that found the right level in all runs and never
called a pause of the garbage collector a break, while "first bad second" did so in 58 to 100 % of them. In a window
with too few requests for a percentile, a limit on p95 is crossed when more than 5 % of its requests are beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadctl.results.histogram import Pool
from loadctl.results.interval import SecondTotal
from loadctl.results.measures.level import Level, Total, total
from loadctl.scenario.target import PERCENTILES, Target
from loadctl.scenario.units import format_limit, format_value

WINDOW_S = 5
WINDOW_SHARE = 2 / 3


@dataclass(frozen=True, slots=True)
class Limit:
    """What a level must keep: `critical` in `unit` (ms or %)."""

    metric: str
    critical: float
    unit: str


DEFAULT_LIMITS = (Limit("error_rate", 1.0, "%"),)


@dataclass(frozen=True, slots=True)
class Step:
    """A level and how it did; `why`: the limits that it crossed, "latency p95 312 ms (limit 200 ms)"."""

    level: Level
    requests: int
    windows: int
    bad_windows: int
    why: tuple[str, ...]
    fails: bool


@dataclass(frozen=True, slots=True)
class CrossedLimit:
    """A limit that was crossed, in words, and the level at which it was."""

    text: str
    level: float


@dataclass(frozen=True, slots=True)
class BreakingPoint:
    """`held`: the highest level that held, 0 where the first broke.

    `broke`: the first level that failed, None where all held: the system may take more. `crossed`: the limits crossed
    there and beyond, in the order in which they were.
    """

    steps: tuple[Step, ...]
    limits: tuple[Limit, ...]
    held: float
    broke: Step | None = None
    crossed: tuple[CrossedLimit, ...] = ()


def limits_of(targets: Sequence[Target]) -> tuple[Limit, ...]:
    """The critical limits of the whole run on latency and errors; 1 % errors where there is none."""
    found = [
        Limit(target.metric, target.critical, target.unit)
        for target in targets
        if target.scope.kind == "run"
        and (target.metric == "error_rate" or _quantile(target.metric) is not None)
    ]
    return tuple(found) or DEFAULT_LIMITS


def breaking_point(levels: Sequence[Level], limits: Sequence[Limit]) -> BreakingPoint:
    """`levels` in the order in which they were held, at least one."""
    steps = tuple(_step(level, limits) for level in levels)
    held = 0.0
    for i, step in enumerate(steps):
        if step.fails and (i + 1 == len(steps) or steps[i + 1].fails):
            return BreakingPoint(steps, tuple(limits), held, step, _crossed_limits(steps[i:], limits))
        held = max(held, step.level.level)
    return BreakingPoint(steps, tuple(limits), held)


def _crossed_limits(steps: Sequence[Step], limits: Sequence[Limit]) -> tuple[CrossedLimit, ...]:
    """By the first window that was bad for good, in the first of these steps that crossed it."""
    found: dict[str, tuple[float, CrossedLimit]] = {}
    for limit in limits:
        for step in steps:
            text = _crossed(limit, total(step.level.seconds))
            if text is not None:
                found.setdefault(
                    text, (_first_bad_s(limit, step.level), CrossedLimit(text, step.level.level))
                )
                break
    return tuple(crossed for _, crossed in sorted(found.values(), key=lambda pair: pair[0]))


def _first_bad_s(limit: Limit, level: Level) -> float:
    bad = [_window_fails(limit, window) for window in _windows(level.seconds)]
    first = next((i for i, is_bad in enumerate(bad) if is_bad and all(bad[i : i + 2])), len(bad))
    return level.start_s + WINDOW_S * first


def _step(level: Level, limits: Sequence[Limit]) -> Step:
    whole = total(level.seconds)
    why = tuple(text for limit in limits if (text := _crossed(limit, whole)))
    windows = list(_windows(level.seconds))
    bad = sum(any(_window_fails(limit, window) for limit in limits) for window in windows)
    return Step(
        level, whole.completed, len(windows), bad, why, bool(why) and bad >= WINDOW_SHARE * len(windows)
    )


def _windows(seconds: Sequence[SecondTotal]) -> Iterator[Total]:
    """Whole windows only, unless the level is shorter than one."""
    size = len(seconds) // WINDOW_S * WINDOW_S or len(seconds)
    for i in range(0, size, WINDOW_S):
        yield total(seconds[i : i + WINDOW_S])


def _crossed(limit: Limit, whole: Total) -> str | None:
    """How the level as a whole crossed the limit, in words; None: it kept it."""
    if not whole.completed:
        return "no request was answered"
    name, shown = limit.metric.replace("_", " "), format_limit(limit.critical, limit.unit)
    if limit.metric == "error_rate":
        rate = 100 * whole.failed / whole.completed
        return f"errors {format_value(rate, '%')} (limit {shown})" if rate > limit.critical else None
    q = _quantile(limit.metric)
    us = None if q is None else _latencies(limit, whole).quantile_us(q)
    if us is not None and us / 1000 > _ms(limit):
        return f"{name} {format_value(us / 1000, 'ms')} (limit {shown})"
    if not whole.ok.count:
        return f"all requests failed, so there is no {name}"
    return None


def _window_fails(limit: Limit, window: Total) -> bool:
    if not window.completed:
        return True
    if limit.metric == "error_rate":
        return 100 * window.failed / window.completed > limit.critical
    q, latencies = _quantile(limit.metric), _latencies(limit, window)
    if q is None or not latencies.count:
        return not window.ok.count
    return latencies.beyond(_ms(limit)) > math.floor((1 - q) * latencies.count)


def _ms(limit: Limit) -> float:
    return limit.critical * 1000 if limit.unit == "s" else limit.critical


def _latencies(limit: Limit, part: Total) -> Pool:
    return part.ttfb if limit.metric.startswith("ttfb_") else part.ok


def _quantile(metric: str) -> float | None:
    family, _, name = metric.rpartition("_")
    return PERCENTILES.get(name) if family in {"latency", "ttfb"} else None
