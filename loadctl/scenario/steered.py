"""A load that was steered by hand while it went: its stages, told afterwards from what was wished when."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadctl.scenario.load import Load, Stage


@dataclass(frozen=True, slots=True)
class Wish:
    """From `t` seconds after the start on: so many users, who come or leave at `per_s` a second."""

    t: float
    users: int
    per_s: float


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
