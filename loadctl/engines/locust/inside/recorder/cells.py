"""What the recorder keeps while a second runs: per endpoint, counters and sparse histograms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

ENDPOINTS_MAX = 500
OTHER_ENDPOINT = "(other)"
Entry: TypeAlias = tuple[str, str] | None
"""Under which name and method a request stands in Locust's statistics.

None: those that its endpoint says. ELSEWHERE: it is counted there by itself.
"""
ELSEWHERE: Entry = ("", "")
RATE_LIMITED = "rate_limited"
"""The class of an example that is no failure: a 429 of a declared limit."""
_STARTS = ("ratelimit", "x-ratelimit", "x-rate-limit")


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

    def merge(self, other: Histogram) -> None:
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.sum_us += other.sum_us
        self.min_us = min(self.min_us, other.min_us)
        self.max_us = max(self.max_us, other.max_us)

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

    __slots__ = ("bytes", "errors", "failed", "ok", "rate_limited", "since", "ttfb", "until", "untimed")

    def __init__(self, now: float) -> None:
        self.since = self.until = now
        """When its first and its last request ended, on its keeper's clock."""
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

    def record(self) -> dict[str, object]:
        """For a frame: only what is there."""
        histograms = {"ok": self.ok, "failed": self.failed, "ttfb": self.ttfb}
        counts = {
            "errors": self.errors,
            "untimed": self.untimed,
            "rate_limited": self.rate_limited,
            "bytes": self.bytes,
        }
        found: dict[str, object] = {name: one.cell() for name, one in histograms.items() if one.buckets}
        return found | {name: value for name, value in counts.items() if value}

    @property
    def n(self) -> int:
        """Requests that ended, however they went."""
        timed = sum(self.ok.buckets.values()) + sum(self.failed.buckets.values())
        return timed + self.untimed + self.rate_limited

    def merge(self, other: Cell) -> None:
        self.since, self.until = min(self.since, other.since), max(self.until, other.until)
        for mine, more in ((self.ok, other.ok), (self.failed, other.failed), (self.ttfb, other.ttfb)):
            mine.merge(more)
        for error, count in other.errors.items():
            self.errors[error] = self.errors.get(error, 0) + count
        self.untimed += other.untimed
        self.rate_limited += other.rate_limited
        self.bytes += other.bytes


class Endpoint:
    __slots__ = ("cells", "examples", "flights", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.cells: dict[Entry, Cell] = {}
        self.flights: set[Flight] = set()
        self.examples: dict[str, int] = {}


class Flight:
    """A request under way: the token between `begin` and `end`."""

    __slots__ = ("began", "endpoint")
    entry: Entry = None

    def __init__(self, endpoint: Endpoint, began: float) -> None:
        self.endpoint = endpoint
        self.began = began


def limit_headers(headers: Iterable[tuple[str, str]]) -> str:
    """`name: value` lines, names in lower case, in the order they came."""
    lines = ((name.lower(), value) for name, value in headers)
    return "\n".join(f"{n}: {value}" for n, value in lines if n == "retry-after" or n.startswith(_STARTS))
