"""The schedule of the load: how many users are wanted at a time, or when an arrival is due. Pure; times in seconds
since t0.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain, islice
from math import floor, gcd, inf, sqrt
from typing import Any, NamedTuple

Rotation = Callable[[int], type]
"""The class of user k of the whole run."""

HAND_OUT_S = 1.0
"""A jump in the number of users is spread evenly over this time."""
_GOLDEN = 0.6180339887498949


class Stage(NamedTuple):
    """`duration_s` seconds, linearly from `start` to `end`: users, or arrivals per second."""

    start: float
    end: float
    duration_s: float


class Schedule:
    """Stages in order; levels count all shards."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = [stage for stage in stages if stage.duration_s > 0]
        self._begins = [0.0]
        self._areas = [0.0]
        for stage in self._stages:
            self._begins.append(self._begins[-1] + stage.duration_s)
            self._areas.append(self._areas[-1] + (stage.start + stage.end) / 2 * stage.duration_s)

    @property
    def duration_s(self) -> float:
        return self._begins[-1]

    def users_at(self, t: float) -> int:
        """Users of all shards that are active `t` seconds after the start; none before and after the load.

        Where the plan jumps, the change is handed out evenly over one second, its first user at once.
        """
        if not 0 <= t < self.duration_s:
            return 0
        index = bisect_right(self._begins, t) - 1
        stage, since = self._stages[index], t - self._begins[index]
        planned = _rounded(stage.start + (stage.end - stage.start) * since / stage.duration_s)
        before = _rounded(self._stages[index - 1].end) if index else 0
        jump = _rounded(stage.start) - before
        if not jump or since >= min(HAND_OUT_S, stage.duration_s):
            return planned
        share = since / min(HAND_OUT_S, stage.duration_s)
        handed_out = min(abs(jump), floor(share * abs(jump)) + 1)
        return planned - jump + (handed_out if jump > 0 else -handed_out)

    def target_at(self, t: float) -> int:
        """Users of all shards at the end of the stage at `t`."""
        return _rounded(self._stage_at(t).end)

    def settled(self, t: float) -> bool:
        """The number of users holds: no ramp, and no jump that is still being handed out."""
        stage = self._stage_at(t)
        return stage.start == stage.end and self.users_at(t) == _rounded(stage.end)

    def _stage_at(self, t: float) -> Stage:
        return self._stages[min(max(0, bisect_right(self._begins, t) - 1), len(self._stages) - 1)]

    def arrivals(self, shard: int, shards: int) -> Iterator[tuple[int, float]]:
        """Number and due time of this shard's arrivals: shard, shard + shards, …

        Arrival n (from 0, over all shards) is due when the integral of the rate reaches n; there are as many as
        whole numbers below the integral of all stages.
        """
        total = self._areas[-1] - 1e-6  # so that ten a second for 0.1 + 0.2 s is three arrivals, not four
        n = shard
        while n < total:
            yield n, self.due(n)
            n += shards

    def due(self, n: float) -> float:
        """The time at which the integral of the rate reaches n."""
        index = min(bisect_right(self._areas, n), len(self._stages)) - 1
        stage, need = self._stages[index], n - self._areas[index]
        slope = (stage.end - stage.start) / stage.duration_s
        # start·t + slope·t²/2 = need, in the form that is exact for a slope of 0 and loses no digits near it
        root = sqrt(max(0.0, stage.start**2 + 2 * slope * need))
        return self._begins[index] + (2 * need / (stage.start + root) if need > 0 else 0.0)


class LiveSchedule:
    """A load without a plan, changed while it runs. `orders` grows: (seconds since t0, users of all shards, users per
    second). From each order on users start or leave one by one at its rate, the first at once.
    """

    def __init__(self, orders: Sequence[tuple[float, int, float]]) -> None:
        self._orders = orders
        self._levels: list[int] = []
        """Users when each order came: a shape may give a new one every second, for hours."""
        self.duration_s = inf

    def end(self, t: float) -> None:
        """There will be no more orders: the load is over at `t`."""
        self.duration_s = min(t, self.duration_s)

    def target_at(self, t: float) -> int:
        index = self._index_at(t)
        return self._orders[index][1] if index >= 0 else 0

    def settled(self, t: float) -> bool:
        return self.users_at(t) == self.target_at(t)

    def arrivals(self, _shard: int, _shards: int) -> Iterator[tuple[int, float]]:
        """None: such a load counts users."""
        return iter(())

    def users_at(self, t: float) -> int:
        index = self._index_at(t)
        for known in range(len(self._levels), index + 1):
            self._levels.append(self._reached(known - 1, self._orders[known][0]) if known else 0)
        return self._reached(index, t) if index >= 0 else 0

    def _reached(self, index: int, t: float) -> int:
        """Users at `t`, by that order and those before it."""
        (begins, wanted, per_s), level = self._orders[index], self._levels[index]
        if index + 1 < len(self._orders) and self._orders[index + 1][0] <= begins:
            return level  # taken back at once
        step = min(abs(wanted - level), floor((t - begins) * per_s) + 1)
        return level + step if wanted > level else level - step

    def _index_at(self, t: float) -> int:
        """The last order that is due; -1 if none is.

        Searched from the end, because another thread appends orders and few are in the future.
        """
        index = len(self._orders) - 1
        while index >= 0 and self._orders[index][0] > t:
            index -= 1
        return index


def rotation(classes: Sequence[Any]) -> Rotation:
    """Those with a fixed_count first, then smooth weighted round-robin, the same in every shard."""
    fixed = sum(user_class.fixed_count for user_class in classes)
    shares = {c: round(c.weight * 100) for c in classes if not c.fixed_count}
    if not shares:
        shares = dict.fromkeys(classes, 1)
    divisor = reduce(gcd, shares.values()) or 1
    shares = {user_class: share // divisor for user_class, share in shares.items()}
    total = sum(shares.values())
    order = chain((c for c in classes for _ in range(c.fixed_count)), _by_weight(shares, total))
    known: list[Any] = []  # of what can be billions only as much as there are users

    def kind_of(k: int) -> Any:
        at = k if k < fixed else fixed + (k - fixed) % total
        known.extend(islice(order, max(0, at + 1 - len(known))))
        return known[at]

    return kind_of


def _by_weight(shares: Mapping[Any, int], total: int) -> Iterator[Any]:
    credit = dict.fromkeys(shares, 0)
    while True:
        for user_class, share in shares.items():
            credit[user_class] += share
        most = max(credit, key=credit.__getitem__)
        credit[most] -= total
        yield most


def phase(index: int) -> float:
    """Where in its think time or pace user `index` begins: 0 ≤ x < 1, evenly spread for any number of users."""
    return index * _GOLDEN % 1.0


def _rounded(level: float) -> int:
    return floor(level + 0.5)
