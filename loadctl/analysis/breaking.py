"""Where did it break, what gave way first, and how much did it serve at most?

The break: results/breaking_point.py. Saturation: two straight lines through the origin, fitted to the median
throughput of each level; the bend is where throughput stops growing with load. It is said only where the second
slope is less than half the first, the fit is clearly better (Bayesian information criterion by more than 6), and the
last level lies 10 % or more below the first line: on synthetic staircases that was wrong in 0 % of linear systems at
4 % noise and 3.5 to 8.5 % at 12 to 20 %. A bend in the top 10 to 15 % of the range cannot be told from none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from loadctl.analysis.case import Case
from loadctl.results.breaking_point import BreakingPoint
from loadctl.results.finding import Evidence, Finding
from loadctl.results.level import Level
from loadctl.scenario.units import format_rate

ENOUGH_LEVELS = 5
BIC_MARGIN = 6.0
FLAT = 0.5
BELOW = 0.9


def breaking_findings(case: Case) -> list[Finding]:
    return [*_break(case, case.measured.breaking_point), *_saturated(case)]


def _break(case: Case, found: BreakingPoint | None) -> Iterator[Finding]:
    """Only where a load rises in several steps; one level is no staircase."""
    if found is None:
        return
    unit = case.level_unit
    step = found.broke
    if step is None:
        if any(target.metric == "breaking_point" for target in case.scenario.targets):
            most = max(found.steps, key=lambda each: each.level.level)
            message = (
                f"it held every level up to {most.level.level:g}{unit} at "
                f"{format_rate(most.level.throughput_per_s)}; the breaking point lies beyond"
            )
            beyond: Evidence = {"held": most.level.level, "broke": None}
            yield Finding("breaking-point", "info", message, beyond)
        return
    first = ", then ".join(
        gave.said if gave.level == step.level.level else f"{gave.said} at {gave.level:g}{unit}"
        for gave in found.gave_way
    )
    evidence: Evidence = {
        "held": found.held,
        "broke": step.level.level,
        "bad_windows": step.bad_windows,
        "windows": step.windows,
    }
    if not found.held:
        message = f"its limits are crossed at the lowest level already, {step.level.level:g}{unit}: {first}"
        yield Finding("breaking-point", "warning", message, evidence)
        return
    holds = f"it holds {found.held:g}{unit} at {format_rate(_rate_at(found, found.held))} and breaks"
    between = f"between {found.held:g} and {step.level.level:g}{unit}"
    yield Finding("breaking-point", "warning", f"{holds} {between}: {first}", evidence)


def _rate_at(found: BreakingPoint, held: float) -> float:
    return max(step.level.throughput_per_s for step in found.steps if step.level.level == held)


def _saturated(case: Case) -> Iterator[Finding]:
    levels = case.measured.levels
    bend = bend_of([level.level for level in levels], [level.throughput_per_s for level in levels])
    if bend is None:
        return
    beyond = [level for level in levels if level.level >= bend] or [levels[-1]]
    most = median(level.throughput_per_s for level in beyond)
    low, high = _around(levels, bend)
    unit = case.level_unit
    message = (
        f"throughput stopped growing between {low:g} and {high:g}{unit}, at about {format_rate(most)}; "
        "beyond that more load only waits longer"
    )
    evidence: Evidence = {
        "bend": round(bend, 1),
        "between": f"{low:g} and {high:g}",
        "max_per_s": round(most, 1),
    }
    yield Finding("throughput-saturated", "warning", message, evidence)


def _around(levels: Sequence[Level], bend: float) -> tuple[float, float]:
    known = [level.level for level in levels]
    return max((x for x in known if x <= bend), default=known[0]), min(
        (x for x in known if x > bend), default=known[-1]
    )


def bend_of(load: Sequence[float], served: Sequence[float]) -> float | None:
    """The level where throughput stops growing; None: it does not, or that cannot be told."""
    n = len(load)
    if n < ENOUGH_LEVELS or load[0] <= 0 or load[-1] <= load[0]:
        return None
    slope = sum(x * y for x, y in zip(load, served, strict=True)) / sum(x * x for x in load)
    straight = sum((y - slope * x) ** 2 for x, y in zip(load, served, strict=True))
    fits = [
        fit
        for i in range(1, 60)
        if (fit := _two_lines(load, served, load[0] + (load[-1] - load[0]) * i / 60))
    ]
    if not fits:
        return None
    rest, bend, first, second = min(fits)
    floor = (1e-3 * max(served)) ** 2 or 1e-9  # better than a thousandth is no better
    gain = n * math.log(max(straight, floor) / max(rest, floor)) - 2 * math.log(n)
    saturated = gain > BIC_MARGIN and second < FLAT * first and served[-1] < BELOW * first * load[-1]
    return bend if saturated else None


def _two_lines(
    load: Sequence[float], served: Sequence[float], bend: float
) -> tuple[float, float, float, float] | None:
    """Least squares of b·min(x, bend) + c·max(x − bend, 0): residual, bend, b, c."""
    low, high = [min(x, bend) for x in load], [max(x - bend, 0.0) for x in load]
    a, b, c = (
        sum(p * q for p, q in zip(u, v, strict=True)) for u, v in ((low, low), (low, high), (high, high))
    )
    determinant = a * c - b * b
    if determinant <= 1e-9:
        return None
    p, q = (sum(s * y for s, y in zip(u, served, strict=True)) for u in (low, high))
    first, second = (c * p - b * q) / determinant, (a * q - b * p) / determinant
    rest = sum((y - first * s - second * t) ** 2 for s, t, y in zip(low, high, served, strict=True))
    return rest, bend, first, second
