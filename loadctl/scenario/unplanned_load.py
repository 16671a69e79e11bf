"""A load without a plan: its stages, told afterwards from what was wished when, by hand or by a script's own shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from loadctl.scenario.load import Load, Stage

_LATE_S = 0.1
"""What a shape's tick may be late without costing the stage before or after it a second."""
_LEAST_HOLD_S = 2
_MOST_HOLDS = 250
"""A level that is held for less, or for a smaller part of the load, is a point of a curve and no stage."""
_BEND = 0.05
"""How far a ramp may be from the curve that it stands for, as a share of the peak; one user is always allowed."""
_MOST_POINTS = 300
_MOST_STAGES = 500


@dataclass(frozen=True, slots=True)
class Wish:
    """From `t` seconds after the start on: so many users, who come or leave at `per_s` a second.

    Of a shape's own: no users at 0 a second is the end of the load.
    """

    t: float
    users: int
    per_s: float

    @property
    def ends(self) -> bool:
        return not self.users and not self.per_s


def steered(wishes: Sequence[Wish], length_s: float) -> Load:
    """Scored is what comes after the last change of the number of users; all before it is warm-up."""
    return Load("closed", list(_stages(wishes, length_s)))


def _stages(wishes: Sequence[Wish], length_s: float) -> Iterator[Stage]:
    level = 0
    for index, wish in enumerate(wishes):
        last = index + 1 == len(wishes)
        until = length_s if last else min(wishes[index + 1].t, length_s)
        missing = wish.users - level
        there = min(wish.t + abs(missing) / wish.per_s, until)
        if last:
            there = min(float(math.ceil(there)), until)  # a second in which users still came is not scored
        if there > wish.t:
            came = min(abs(missing), math.floor((there - wish.t) * wish.per_s) + 1)
            reached = level + int(math.copysign(came, missing)) if missing else level
            yield Stage(level, reached, there - wish.t, f"to {wish.users} users", warmup=True)
            level = reached
        if until > there:
            yield Stage(wish.users, wish.users, until - there, f"{wish.users} users", warmup=not last)
            level = wish.users


def shaped(wishes: Sequence[Wish], length_s: float) -> Load:
    """Each level that a shape held is a stage, with whole seconds for edges, and the way to it a ramp.

    None of it is warm-up: a shape has no word for that, and is scored as a plan that marks none.
    """
    if wishes and wishes[-1].ends:
        length_s = min(length_s, _begin(wishes[-1]))
        wishes = wishes[:-1]
    pieces = list(_pieces(wishes, length_s))
    bend = max(1.0, _BEND * max((wish.users for wish in wishes), default=0))
    while len(stages := list(_drawn(pieces, length_s / _MOST_HOLDS, bend))) > _MOST_STAGES:
        bend *= 2
    return Load("closed", list(_told_apart(stages)))


def shape_edges(wishes: Sequence[Wish]) -> list[float]:
    """All that edges of its stages can be, while it is not known yet how it goes on."""
    return sorted({float(point.t) for piece in _pieces(wishes, math.inf) for point in piece} - {math.inf})


@dataclass(frozen=True, slots=True)
class _Point:
    t: float
    level: float


def _begin(wish: Wish) -> float:
    return float(math.floor(wish.t + _LATE_S))


def _pieces(wishes: Sequence[Wish], length_s: float) -> Iterator[tuple[_Point, _Point]]:
    """Changes and holds, in order of time, each longer than nothing."""
    level = 0.0
    for index, wish in enumerate(wishes):
        begin = _begin(wish)
        until = length_s if index + 1 == len(wishes) else min(_begin(wishes[index + 1]), length_s)
        missing = wish.users - level
        needs = abs(missing) / wish.per_s if wish.per_s else 0.0
        there = min(float(math.ceil(wish.t + needs - _LATE_S)), until)
        reached = float(wish.users)
        if wish.t + needs > until + _LATE_S:
            reached = level + math.copysign(math.floor(max(0.0, until - wish.t) * wish.per_s), missing)
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


def _told_apart(stages: Iterable[Stage]) -> Iterator[Stage]:
    """A level that comes again: "10 users (2)"."""
    seen: dict[str, int] = {}
    for stage in stages:
        seen[stage.name] = count = seen.get(stage.name, 0) + 1
        yield stage if count == 1 else replace(stage, name=f"{stage.name} ({count})")
