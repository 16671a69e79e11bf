"""Histograms at rest: arrays instead of a dictionary, and percentiles of many of them without adding them up.

A run of four hours has 14,400 seconds, and several questions look at windows of them. Adding dictionaries up costs
more than all the rest; a search that counts in each gives the very same nearest-rank percentile as the sum would.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from loadctl.results.histogram import MOST_US, Histogram, bucket_of, nearest_rank, upper_edge_us
from loadctl.scenario.target import enough_samples

_STEP = 2
_ONE_IN = 60
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
    untimed: int = 0
    """As in Histogram."""

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
            histogram.untimed,
        )

    def packed(self) -> Packed:
        return self

    def upto(self, bucket: int) -> int:
        """How many values lie in this bucket or below it."""
        place = bisect_right(self.buckets, bucket)
        if 2 * place <= len(self.counts):
            return sum(self.counts[:place])
        return self.count - self.untimed - sum(self.counts[place:])

    def __add__(self, other: Packed) -> Packed:
        whole = self.histogram()
        whole.merge(other.histogram())
        return Packed.of(whole)

    def histogram(self) -> Histogram:
        buckets = dict(zip(self.buckets, self.counts, strict=True))
        return Histogram(buckets, self.count, self.sum_us, self.min_us, self.max_us, self.untimed)

    def quantile_us(self, q: float) -> int | None:
        """As Histogram.quantile_us."""
        return None if self.count < enough_samples(q) else self.nearest_rank_us(q)

    def nearest_rank_us(self, q: float) -> int | None:
        """As Histogram.nearest_rank_us."""
        if self.max_us is None or self.untimed:
            return None
        return min(upper_edge_us(self.nearest_rank_bucket(q)), self.max_us)

    def nearest_rank_bucket(self, q: float) -> int:
        """The first bucket up to which at least so many values lie; there must be some."""
        left, first, last = nearest_rank(q, self.count), 0, len(self.counts) - 1
        while first < last:
            middle = (first + last + 1) // 2
            before = sum(self.counts[first:middle])
            if before < left:
                left, first = left - before, middle
            else:
                last = middle - 1
        return self.buckets[first]


NOTHING = Packed()


class Packable(Protocol):
    """What gives a packed histogram when it is asked: one that is there already, or one that is as it was read."""

    @property
    def count(self) -> int: ...

    def packed(self) -> Packed: ...


class Pool:
    """Several packed histograms taken together; all figures are those of their sum."""

    def __init__(self, parts: Iterable[Packed]) -> None:
        self._parts = [part for part in parts if part.count]
        self.count = sum([part.count for part in self._parts])
        self.untimed = sum([part.untimed for part in self._parts])

    def nearest_rank_us(self, q: float) -> int | None:
        """As Histogram.nearest_rank_us: the first bucket up to which at least that many values lie."""
        if len(self._parts) <= 1:
            return self._parts[0].nearest_rank_us(q) if self._parts else None
        if self.untimed:
            return None
        rank = nearest_rank(q, self.count)
        # Parts of one run are mostly alike, so that it is near the middle of those of some of them.
        some = self._parts[::_ONE_IN]
        low, high = self._around(sorted(part.nearest_rank_bucket(q) for part in some)[len(some) // 2], rank)
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
        return self.count - self.untimed - self._upto(bucket_of(us) - 1)

    def _around(self, bucket: int, rank: int) -> tuple[int, int]:
        """First and last bucket that may hold the value of this rank, in wider and wider steps from `bucket`."""
        step = _STEP
        if self._upto(bucket) < rank:
            low = bucket + 1
            while self._upto(bucket + step) < rank:
                low, step = bucket + step + 1, 2 * step
            return low, bucket + step
        high = bucket
        while self._upto(bucket - step) >= rank:
            high, step = bucket - step, 2 * step
        return bucket - step + 1, high

    def _upto(self, bucket: int) -> int:
        return sum([part.upto(bucket) for part in self._parts])
