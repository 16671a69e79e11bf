"""What the recorder keeps while a second runs: per endpoint, counters and sparse histograms."""

from __future__ import annotations


class Histogram:
    """One distribution of one second. Kept apart from `end`, which inlines `add` for successes."""

    __slots__ = ("buckets", "max_us", "min_us", "sum_us")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.sum_us = 0
        self.min_us = 1 << 62
        self.max_us = 0

    def add(self, us: int) -> None:
        shift = us.bit_length() - 8
        bucket = us if shift <= 0 else (shift << 8) + (us >> shift)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.sum_us += us
        if us < self.min_us:  # noqa: PLR1730 - min() costs three times as much
            self.min_us = us
        if us > self.max_us:  # noqa: PLR1730
            self.max_us = us

    def cell(self) -> dict[str, object]:
        return {
            "n": sum(self.buckets.values()),
            "sum_us": self.sum_us,
            "min_us": self.min_us,
            "max_us": self.max_us,
            "h": self.buckets,
        }


class Cell:
    """One endpoint in the current second."""

    __slots__ = ("bytes", "errors", "failed", "ok", "rate_limited", "ttfb", "untimed")

    def __init__(self) -> None:
        self.ok = Histogram()
        self.failed = Histogram()
        self.ttfb = Histogram()
        self.errors: dict[str, int] = {}
        self.untimed = 0
        self.rate_limited = 0
        self.bytes = 0

    def fail(self, us: int, error: str) -> str:
        self.failed.add(us)
        self.errors[error] = self.errors.get(error, 0) + 1
        return error


class Endpoint:
    __slots__ = ("cell", "examples", "flights", "is_scripted", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.cell: Cell | None = None
        self.flights: set[Flight] = set()
        self.examples: dict[str, int] = {}
        self.is_scripted = False
        """A script's own client asks it; journeys of user types do not."""


class Flight:
    """A request under way: the token between `begin` and `end`."""

    __slots__ = ("began", "endpoint")

    def __init__(self, endpoint: Endpoint, began: float) -> None:
        self.endpoint = endpoint
        self.began = began
