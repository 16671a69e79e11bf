"""Histograms at rest: arrays instead of a dictionary, and percentiles of many of them without adding them up.

A run of four hours has 14,400 seconds, and several questions look at windows of them. Adding dictionaries up costs
more than all the rest; a search over running counts gives the very same nearest-rank percentile as the sum would.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from loadctl.results.histogram import (
    MOST_US,
    Histogram,
    bucket_of,
    enough_samples,
    nearest_rank,
    upper_edge_us,
)

_WIDTHS = ((1 << 8, "B"), (1 << 16, "H"), (1 << 32, "I"))


def narrow(counts: Sequence[int]) -> array[int]:
    """In as few bytes a count as will hold the largest."""
    most = max(counts, default=0)
    return array(next((code for limit, code in _WIDTHS if most < limit), "Q"), counts)


@dataclass(slots=True)
class Packed:
    """`buckets` in ascending order (two bytes each) and the `counts` in them; nobody changes it any more."""

    buckets: array[int] = field(default_factory=lambda: array("H"))
    counts: array[int] = field(default_factory=lambda: array("B"))
    count: int = 0
    sum_us: int = 0
    min_us: int | None = None
    max_us: int | None = None
    _upto: array[int] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, histogram: Histogram) -> Packed:
        if not histogram.count:
            return NOTHING
        buckets = sorted(histogram.buckets)
        counts = narrow([histogram.buckets[bucket] for bucket in buckets])
        return cls(
            array("H", buckets),
            counts,
            histogram.count,
            histogram.sum_us,
            histogram.min_us,
            histogram.max_us,
        )

    def upto(self) -> array[int]:
        """How many values lie in each bucket or below it."""
        if self._upto is None:
            self._upto = array("I" if self.count < 1 << 32 else "Q", accumulate(self.counts))
        return self._upto

    def __add__(self, other: Packed) -> Packed:
        whole = self.histogram()
        whole.merge(other.histogram())
        return Packed.of(whole)

    def histogram(self) -> Histogram:
        buckets = dict(zip(self.buckets, self.counts, strict=True))
        return Histogram(buckets, self.count, self.sum_us, self.min_us, self.max_us)

    def quantile_us(self, q: float) -> int | None:
        """As Histogram.quantile_us."""
        return None if self.count < enough_samples(q) else self.nearest_rank_us(q)

    def nearest_rank_us(self, q: float) -> int | None:
        """As Histogram.nearest_rank_us."""
        if self.max_us is None:
            return None
        place = bisect_left(self.upto(), nearest_rank(q, self.count))
        return min(upper_edge_us(self.buckets[place]), self.max_us)


NOTHING = Packed()


class Pool:
    """Several packed histograms taken together; all figures are those of their sum."""

    def __init__(self, parts: Iterable[Packed]) -> None:
        self._parts = [part for part in parts if part.count]
        self._courses: list[tuple[array[int], array[int]]] = []
        self.count = sum([part.count for part in self._parts])

    def nearest_rank_us(self, q: float) -> int | None:
        """As Histogram.nearest_rank_us: the first bucket up to which at least that many values lie."""
        if len(self._parts) <= 1:
            return self._parts[0].nearest_rank_us(q) if self._parts else None
        rank = nearest_rank(q, self.count)
        low = min(part.buckets[0] for part in self._parts)
        high = max(part.buckets[-1] for part in self._parts)
        while low < high:
            middle = (low + high) // 2
            if self._upto(middle) < rank:
                low = middle + 1
            else:
                high = middle
        return min(upper_edge_us(low), max(part.max_us or 0 for part in self._parts))

    def quantile_us(self, q: float) -> int | None:
        """As Histogram.quantile_us."""
        return None if self.count < enough_samples(q) else self.nearest_rank_us(q)

    def beyond(self, limit_ms: float) -> int:
        """How many values lie in buckets whose upper edge is above the limit."""
        us = int(min(limit_ms, MOST_US / 1000) * 1000)
        while us / 1000 <= limit_ms and us <= MOST_US:
            us += 1
        return self.count - self._upto(bucket_of(us) - 1)

    def _upto(self, bucket: int) -> int:
        courses = self._courses = self._courses or [(part.buckets, part.upto()) for part in self._parts]
        found = 0
        for buckets, upto in courses:
            place = bisect_right(buckets, bucket)
            if place:
                found += upto[place - 1]
        return found
