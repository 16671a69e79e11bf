"""Which user type user k is: a fixed rotation, the same on every engine and for every number of shards."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


MOST_TURNS = 10_000
"""Turns of a cycle."""


def cycle_length(weights: Iterable[int]) -> int:
    known = list(weights)
    return sum(known) // (gcd(*known) or 1)


def weighted_order(weights: Mapping[str, int]) -> list[str]:
    """One cycle of smooth weighted round-robin: user k is of type `cycle[k % len(cycle)]`.

    Each step every type gains its weight; the one that has most (among equals the first in the file) goes
    next and pays the sum of all weights. So types are spread evenly over the cycle instead of standing in
    blocks, and the first few users are already a fair mix. Weights are first divided by their common
    divisor; the cycle is as long as their sum then, and empty where all are 0.
    """
    divisor = gcd(*weights.values()) or 1
    shares = {name: weight // divisor for name, weight in weights.items()}
    total = sum(shares.values())
    credit = dict.fromkeys(shares, 0)
    cycle: list[str] = []
    for _ in range(total):
        for name, share in shares.items():
            credit[name] += share
        chosen = max(credit, key=credit.__getitem__)
        credit[chosen] -= total
        cycle.append(chosen)
    return cycle
