"""Where did the system break, which limit was crossed first, and what was its highest throughput?

The break: results/measures/breaking_point.py. Saturation: two straight lines through the origin, fitted to the median
throughput of each level; the bend is where throughput stops growing with load. It is said only where the second
slope is less than half the first, the fit is clearly better (Bayesian information criterion by more than 6), and the
last level lies 10 % or more below the first line: on synthetic staircases that was wrong in 0 % of linear systems at
4 % noise and 3.5 to 8.5 % at 12 to 20 %. A bend in the top 10 to 15 % of the range cannot be detected.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from loadctl.analysis.run_context import RunContext
from loadctl.results.measures.breaking_point import BreakingPoint
from loadctl.results.measures.level import NOISE_MS, Level
from loadctl.results.measures.outage import Stall
from loadctl.results.verdict import Evidence, Finding
from loadctl.scenario.units import format_count, format_ms, format_rate

ENOUGH_LEVELS = 5
BIC_MARGIN = 6.0
FLAT = 0.5
BELOW = 0.9
LOW = 0.5
TOP = 0.8
SLOW = 3.0
FULL = 0.8
FULL_S = 5
"""See `_full`: seconds, and shares of the highest level and of what the lower ones served."""


def breaking_findings(run: RunContext) -> list[Finding]:
    return [*_break(run, run.measured.breaking_point), *_saturated(run)]


def _break(run: RunContext, found: BreakingPoint | None) -> Iterator[Finding]:
    """`breaking-point`, where the load rises in several steps."""
    if found is None or run.measured.break_doubt:
        return
    unit = run.level_unit
    step = found.broke
    if step is None:
        if any(target.metric == "breaking_point" for target in run.scenario.targets):
            most = max(found.steps, key=lambda each: each.level.level)
            message = (
                f"the system held every level up to {most.level.level:g}{unit} at "
                f"{format_rate(most.level.throughput_per_s)}; its breaking point is higher"
            )
            beyond: Evidence = {"held": most.level.level, "broke": None}
            yield Finding("breaking-point", "info", message, beyond)
        return
    first = ", then ".join(
        crossed.text if crossed.level == step.level.level else f"{crossed.text} at {crossed.level:g}{unit}"
        for crossed in found.crossed
    )
    evidence: Evidence = {
        "held": found.held,
        "broke": step.level.level,
        "bad_windows": step.bad_windows,
        "windows": step.windows,
    }
    if not found.held:
        message = (
            f"the system misses its limits even at the lowest level, {step.level.level:g}{unit}: {first}"
        )
        yield Finding("breaking-point", "warning", message, evidence)
        return
    holds = f"the system holds {found.held:g}{unit} at {format_rate(_rate_at(found, found.held))} and breaks"
    between = f"between {found.held:g} and {step.level.level:g}{unit}"
    yield Finding("breaking-point", "warning", f"{holds} {between}: {first}", evidence)


def _rate_at(found: BreakingPoint, held: float) -> float:
    return max(step.level.throughput_per_s for step in found.steps if step.level.level == held)


def _saturated(run: RunContext) -> Iterator[Finding]:
    levels = run.measured.levels
    bend = bend_of([level.level for level in levels], [level.throughput_per_s for level in levels])
    if bend is None:
        yield from _full(run) if len(levels) < ENOUGH_LEVELS else ()
        return
    beyond = [level for level in levels if level.level >= bend] or [levels[-1]]
    most = median(level.throughput_per_s for level in beyond)
    low, high = _around(levels, bend)
    unit = run.level_unit
    message = (
        f"throughput stopped growing between {low:g} and {high:g}{unit}, at about {format_rate(most)}; "
        "beyond that, more load only makes requests wait longer"
    )
    evidence: Evidence = {
        "bend": round(bend, 1),
        "between": f"{low:g} and {high:g}",
        "max_per_s": round(most, 1),
    }
    yield Finding("throughput-saturated", "warning", message, evidence)


def _full(run: RunContext) -> Iterator[Finding]:
    """Of a load with fewer levels: at its top most requests wait, and it serves much less than in proportion to it."""
    load, away = run.scenario.load, {t for stall in run.measured.stalls for t in _seconds_of(stall)}
    timed = [
        (load.level_at(second.t + 0.5), us / 1000, second)
        for second in run.recording.seconds
        if second.t not in away and (us := second.ok.nearest_rank_us(0.5))
    ]
    low = [(level, ms, second) for level, ms, second in timed if 0 < level <= LOW * load.peak]
    top = [(ms, second) for level, ms, second in timed if level >= TOP * load.peak]
    if not low or not top:
        return
    calm_ms = median(ms for _, ms, _ in low)
    slow = [(ms, second) for ms, second in top if ms > max(SLOW * calm_ms, calm_ms + 5 * NOISE_MS)]
    each = sum(second.ok.count for _, _, second in low) / sum(level for level, _, _ in low)
    if len(slow) < max(FULL_S, len(top) / 2) or not each:
        return
    most = median(second.ok.count for _, second in slow)
    waiting, ms = max(second.in_flight for _, second in slow), median(ms for ms, _ in slow)
    if most > FULL * each * TOP * load.peak:
        return
    message = (
        f"throughput is limited to {format_rate(most)}: at {load.peak:g}{run.level_unit} up to "
        f"{format_count(waiting)} requests wait at once, and p50 is {format_ms(ms)} instead of {format_ms(calm_ms)}"
    )
    evidence: Evidence = {
        "max_per_s": round(most, 1),
        "waiting": waiting,
        "p50_ms": ms,
        "p50_calm_ms": calm_ms,
    }
    yield Finding("throughput-saturated", "warning", message, evidence)


def _seconds_of(stall: Stall) -> range:
    return range(int(stall.start_s), int(stall.start_s if stall.end_s is None else stall.end_s) + 2)


def _around(levels: Sequence[Level], bend: float) -> tuple[float, float]:
    known = [level.level for level in levels]
    return max((x for x in known if x <= bend), default=known[0]), min(
        (x for x in known if x > bend), default=known[-1]
    )


def bend_of(load: Sequence[float], served: Sequence[float]) -> float | None:
    """The level where throughput stops growing; None: it does not, or the data do not show it."""
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
