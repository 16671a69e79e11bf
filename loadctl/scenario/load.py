"""The load of a scenario: stages in order, as a pure function of elapsed time. No clock lives here.

A load without a plan gets its stages afterwards, from the level changes made by hand or by a script's shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Annotated, Literal, TypeAlias

import msgspec

Model = Literal["closed", "open"]
HIGHEST = 1_000_000
"""Users, or arrivals a second."""
MOST_STAGES = 2_000
LONGEST_S = 500 * 3600.0
Duration: TypeAlias = Annotated[float, msgspec.Meta(ge=1e-6, le=LONGEST_S)]
_Level: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
STAIRCASE_LEVELS = 3
"""With fewer, nothing is known about the levels in between."""


@dataclass(frozen=True, slots=True)
class Stage:
    """`duration_s` seconds, linearly from `start` to `end`: users (closed model) or arrivals per second (open)."""

    start: _Level
    end: _Level
    duration_s: Duration
    name: str
    warmup: bool = False

    @property
    def holds(self) -> bool:
        return self.start == self.end

    def level_at(self, t: float) -> float:
        """Level `t` seconds into the stage, 0 ≤ t ≤ duration_s."""
        return self.start + (self.end - self.start) * (t / self.duration_s if self.duration_s else 1.0)

    def area_until(self, t: float) -> float:
        """Integral of the level over the first `t` seconds: arrivals due by then, or user-seconds."""
        return (self.start + self.level_at(t)) / 2 * t


@dataclass(frozen=True, slots=True)
class Load:
    model: Model
    stages: Sequence[Stage]

    @property
    def duration_s(self) -> float:
        return sum(stage.duration_s for stage in self.stages)

    @property
    def peak(self) -> float:
        return max((max(stage.start, stage.end) for stage in self.stages), default=0.0)

    @property
    def excess(self) -> str | None:
        """Which limit of a run it exceeds, in a sentence."""
        if self.peak > HIGHEST:
            unit = "users" if self.model == "closed" else "arrivals a second"
            return f"at most {HIGHEST:,} {unit}, not {self.peak:,.15g}"
        if self.duration_s > LONGEST_S:
            return f"a load lasts at most {LONGEST_S / 3600:.0f}h, not {self.duration_s / 3600:,.0f}h"
        return None

    @property
    def window(self) -> tuple[float, float]:
        """Seconds since the start that are scored: after the leading warm-up stages, before a falling last stage."""
        if not self.stages:
            return 0.0, 0.0
        spans = list(self.spans())
        start = next((start for start, _, stage in spans if not stage.warmup), self.duration_s)
        last_start, end, last = spans[-1]
        falls = len(spans) > 1 and last.end < last.start and not last.warmup
        return start, max(start, last_start if falls else end)

    def spans(self) -> Iterator[tuple[float, float, Stage]]:
        """Each stage with its start and end, in seconds since the start of the load."""
        edges = accumulate((stage.duration_s for stage in self.stages), initial=0.0)
        for (start, end), stage in zip(pairwise(edges), self.stages, strict=True):
            yield start, end, stage

    def steps(self) -> Iterator[tuple[float, float, Stage]]:
        """The scored stages that hold a level above 0, up to the first at the highest one: the staircase.

        What comes after that (a step back, a recovery) is no step of it.
        """
        first, last = self.window
        for start, end, stage in self.spans():
            if stage.holds and stage.end > 0 and first <= start and end <= last:
                yield start, end, stage
                if stage.end >= self.peak:
                    return

    def level_at(self, t: float) -> float:
        """Users, or arrivals per second, planned `t` seconds after the start; 0 outside the load."""
        for start, end, stage in self.spans():
            if start <= t < end:
                return stage.level_at(t - start)
        return 0.0

    def level_in(self, second: int) -> float:
        """What to hold a recorded second against: its arrivals, or the users at its end, when they are counted."""
        t = second + 1
        if self.model == "open":
            return self.arrivals_due(t) - self.arrivals_due(second)
        return next((stage.level_at(t - at) for at, end, stage in self.spans() if at < t <= end), 0.0)

    def arrivals_due(self, t: float) -> float:
        """Open model: arrivals that the plan has started by `t`; arrival n is due when this reaches n."""
        return sum(stage.area_until(min(t, end) - start) for start, end, stage in self.spans() if t > start)


NO_SPIKE = "it needs a load that holds a level, rises above it, and comes back to it"
WINDOW_S = 5
ENOUGH_REQUESTS = 100
"""In each window whose p95 is compared with the others."""
STEADY_S = 10
ENOUGH_BEFORE_S = 20
_ALIKE = 1.1


@dataclass(frozen=True, slots=True)
class Phases:
    """Spans in seconds: the level before, all above it, and the stage in which the load is back at the old level."""

    before: tuple[float, float]
    spike: tuple[float, float]
    after: tuple[float, float]

    def too_short(self, requests_before: float, end_s: float) -> str | None:
        """Why a load that ends at `end_s` is too short to judge recovery; None: it is not."""
        before_s, after_s = self.before[1] - self.before[0], end_s - self.after[0]
        if after_s < STEADY_S:
            return f"the load must be back for at least {STEADY_S} s, not {max(0.0, after_s):.0f} s"
        if before_s < ENOUGH_BEFORE_S:
            return f"it needs a stage of at least {ENOUGH_BEFORE_S} s before the spike"
        width_s = window_s(requests_before, before_s)
        if width_s <= min(before_s, after_s / 2):
            return None
        return (
            f"{ENOUGH_REQUESTS} requests take {width_s} s at the load before the spike: the stages before and "
            f"after it must be at least {width_s} and {2 * width_s} s long, or that load higher"
        )


def window_s(requests: float, seconds: float) -> int:
    """How long a window is that holds ENOUGH_REQUESTS at this rate."""
    return max(WINDOW_S, math.ceil(ENOUGH_REQUESTS / max(1.0, requests / seconds)))


def phases(load: Load) -> Phases | None:
    """Where a load holds a level, rises above it, and comes back: None where it does not."""
    first, last = load.window
    holds = [(s, e, stage) for s, e, stage in load.spans() if stage.holds and s >= first and e <= last]
    top = next((i for i, (_, _, stage) in enumerate(holds) if stage.end >= load.peak), None)
    peaks = [(s, e) for s, e, stage in load.spans() if max(stage.start, stage.end) >= load.peak]
    if not peaks or not holds:
        return None
    begins = peaks[0][0]
    after = next(((s, e, g) for s, e, g in holds if s >= peaks[-1][1] and g.end < load.peak), None)
    if after is None:
        return None
    level = after[2].end
    earlier = [h for h in holds[:top] if h[1] <= begins and level / _ALIKE <= h[2].end <= level * _ALIKE]
    if not earlier:
        return None
    before = earlier[-1]
    return Phases(before[:2], (before[1], after[0]), (after[0], last))


_LATE_S = 0.1
"""How late the tick of a shape may be without costing the stage before or after it a second."""
_LEAST_HOLD_S = 2
_MOST_HOLDS = 250
"""A level that is held for less, or for a smaller part of the load, is a point of a curve, not a stage."""
_BEND = 0.05
"""How far a ramp may be from the curve that it replaces, as a share of the peak; one user is always allowed."""
_MOST_POINTS = 300
_MOST_STAGES = 500


@dataclass(frozen=True, slots=True)
class LevelChange:
    """From `t` seconds after the start on: `users`, who start or stop at `per_s` per second.

    From a script's shape, 0 users at 0 per second is the end of the load.
    """

    t: float
    users: int
    per_s: float

    @property
    def ends(self) -> bool:
        return not self.users and not self.per_s


def load_by_hand(changes: Sequence[LevelChange], length_s: float) -> Load:
    """Only what follows the last change of the number of users is scored; all before it is warm-up."""
    return Load("closed", list(_stages(changes, length_s)))


def _stages(changes: Sequence[LevelChange], length_s: float) -> Iterator[Stage]:
    level = 0
    for index, change in enumerate(changes):
        last = index + 1 == len(changes)
        until = length_s if last else min(changes[index + 1].t, length_s)
        missing = change.users - level
        there = min(change.t + abs(missing) / change.per_s, until)
        if last:
            there = min(float(math.ceil(there)), until)  # a second in which users still came is not scored
        if there > change.t:
            came = min(abs(missing), math.floor((there - change.t) * change.per_s) + 1)
            reached = level + int(math.copysign(came, missing)) if missing else level
            yield Stage(level, reached, there - change.t, f"to {change.users} users", warmup=True)
            level = reached
        if until > there:
            yield Stage(change.users, change.users, until - there, f"{change.users} users", warmup=not last)
            level = change.users


def load_of_shape(changes: Sequence[LevelChange], length_s: float) -> Load:
    """Each level that a shape held is a stage of whole seconds, and the way to it a ramp.

    None of it is warm-up: a shape cannot mark any, so it is scored like a plan that marks none.
    """
    if changes and changes[-1].ends:
        length_s = min(length_s, _begin(changes[-1]))
        changes = changes[:-1]
    pieces = list(_pieces(changes, length_s))
    bend = max(1.0, _BEND * max((change.users for change in changes), default=0))
    while len(stages := list(_drawn(pieces, length_s / _MOST_HOLDS, bend))) > _MOST_STAGES:
        bend *= 2
    return Load("closed", list(_numbered(stages)))


def shape_boundaries(changes: Sequence[LevelChange]) -> list[float]:
    """All possible boundaries of its stages, while the rest of the load is not known yet."""
    return sorted({float(point.t) for piece in _pieces(changes, math.inf) for point in piece} - {math.inf})


@dataclass(frozen=True, slots=True)
class _Point:
    t: float
    level: float


def _begin(change: LevelChange) -> float:
    return float(math.floor(change.t + _LATE_S))


def _pieces(changes: Sequence[LevelChange], length_s: float) -> Iterator[tuple[_Point, _Point]]:
    """Changes and holds, in order of time, each longer than nothing."""
    level = 0.0
    for index, change in enumerate(changes):
        begin = _begin(change)
        until = length_s if index + 1 == len(changes) else min(_begin(changes[index + 1]), length_s)
        missing = change.users - level
        needs = abs(missing) / change.per_s if change.per_s else 0.0
        there = min(float(math.ceil(change.t + needs - _LATE_S)), until)
        reached = float(change.users)
        if change.t + needs > until + _LATE_S:
            reached = level + math.copysign(math.floor(max(0.0, until - change.t) * change.per_s), missing)
        if there > begin:
            yield _Point(begin, level), _Point(there, reached)
        if until > there:
            yield _Point(there, reached), _Point(until, reached)
        level = reached


def _drawn(pieces: Sequence[tuple[_Point, _Point]], least_s: float, bend: float) -> Iterator[Stage]:
    curve: list[_Point] = []
    for first, last in pieces:
        if first.level == last.level and last.t - first.t >= max(_LEAST_HOLD_S, least_s):
            yield from _ramps(curve, bend)
            yield _stage(first, last)
            curve = []
            continue
        if not curve or curve[-1] != first:
            curve.append(first)
        curve.append(last)
    yield from _ramps(curve, bend)


def _ramps(curve: Sequence[_Point], bend: float) -> Iterator[Stage]:
    """Straight lines through as few of the points as come near to all of them."""
    first = 0
    while first < len(curve) - 1:
        last = first + 1
        while (
            last + 1 < len(curve)
            and last - first < _MOST_POINTS
            and _is_straight(curve[first : last + 2], bend)
        ):
            last += 1
        if curve[last].t > curve[first].t:
            yield _stage(curve[first], curve[last])
        first = last


def _is_straight(points: Sequence[_Point], bend: float) -> bool:
    first, last = points[0], points[-1]
    slope = (last.level - first.level) / ((last.t - first.t) or 1.0)
    return all(abs(first.level + slope * (point.t - first.t) - point.level) <= bend for point in points)


def _stage(first: _Point, last: _Point) -> Stage:
    name = f"{'' if first.level == last.level else 'to '}{last.level:g} users"
    return Stage(first.level, last.level, last.t - first.t, name)


def _numbered(stages: Iterable[Stage]) -> Iterator[Stage]:
    """A level that comes again: "10 users (2)"."""
    seen: dict[str, int] = {}
    for stage in stages:
        seen[stage.name] = count = seen.get(stage.name, 0) + 1
        yield stage if count == 1 else replace(stage, name=f"{stage.name} ({count})")
