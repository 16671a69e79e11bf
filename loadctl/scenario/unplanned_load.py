"""A load without a plan: its stages, derived afterwards from the level changes made by hand or by a script's shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from loadctl.scenario.load import Load, Stage

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
