"""What the demo system really did: the figures that a load test of it must find again.

Service time runs from the last byte of the request read to the last byte of the answer written, as the server
saw it: without what waited in the kernel while its event loop was busy (`cpu=`), or the way to the client.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

_KEPT = 1_000_000  # 4 MB; beyond it a uniform sample, so that a long run's memory is not mistaken for a leak
_COUNTS = ("connections", "resets", "hangs", "abandoned", "probes", "scrapes")
_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


@dataclass(slots=True)
class ServiceTimes:
    """Whole microseconds of every answer, exact up to `kept` of them, a uniform sample after."""

    kept: int = _KEPT
    values_us: array[int] = field(default_factory=lambda: array("I"))
    count: int = 0
    max_us: int = 0
    random: Random = field(default_factory=lambda: Random(1))

    def record(self, us: int) -> None:
        self.count += 1
        self.max_us = max(self.max_us, us)
        if len(self.values_us) < self.kept:
            self.values_us.append(us)
        elif (place := self.random.randrange(self.count)) < self.kept:
            self.values_us[place] = us

    def merge(self, other: ServiceTimes) -> None:
        """Of another worker. Both keep what they have: two samples do not make a uniform one, so it is not `exact`."""
        self.count += other.count
        self.max_us = max(self.max_us, other.max_us)
        self.values_us.extend(other.values_us)

    def document(self) -> dict[str, float | int | bool | None]:
        """Percentiles by nearest rank, in ms; null where nothing was answered."""
        ordered = sorted(self.values_us)
        ranks = {name: max(1, math.ceil(round(q * len(ordered), 6))) for name, q in _QUANTILES.items()}
        return {
            "n": self.count,
            **{name: ordered[rank - 1] / 1000 if ordered else None for name, rank in ranks.items()},
            "max": self.max_us / 1000 if ordered else None,
            "exact": self.count == len(ordered),
        }


@dataclass(slots=True)
class EndpointTruth:
    requests: int = 0
    status: Counter[int] = field(default_factory=Counter)
    successes: ServiceTimes = field(default_factory=ServiceTimes)

    def merge(self, other: EndpointTruth) -> None:
        self.requests += other.requests
        self.status.update(other.status)
        self.successes.merge(other.successes)

    def document(self) -> dict[str, object]:
        return {
            "requests": self.requests,
            "status": {str(status): n for status, n in sorted(self.status.items())},
            "latency_ms": self.successes.document(),
        }


@dataclass(slots=True)
class Truth:
    """Counts of requests without probes and scrapes, which have their own. One counts when it was read whole.

    `abandoned`: the client had left when the answer was ready; such a request has a status, no service time.
    `timed` False keeps no service times, which nobody will read.
    """

    timed: bool
    endpoints: dict[str, EndpointTruth] = field(default_factory=dict)
    successes: ServiceTimes = field(default_factory=ServiceTimes)
    connections: int = 0
    resets: int = 0
    hangs: int = 0
    abandoned: int = 0
    probes: int = 0
    scrapes: int = 0
    in_flight: int = 0
    peak_concurrency: int = 0

    def received(self, endpoint: str) -> EndpointTruth:
        """Count a request; `answered` must follow, or `unanswered` when its client has gone."""
        kept = self.endpoints.get(endpoint)
        if kept is None:
            kept = self.endpoints[endpoint] = EndpointTruth()
        kept.requests += 1
        self.in_flight += 1
        self.peak_concurrency = max(self.peak_concurrency, self.in_flight)
        return kept

    def answered(self, endpoint: EndpointTruth, status: int, us: int, *, abandoned: bool) -> None:
        self.in_flight -= 1
        endpoint.status[status] += 1
        if abandoned:
            self.abandoned += 1
        elif self.timed and status < 400:
            endpoint.successes.record(us)
            self.successes.record(us)

    def unanswered(self) -> None:
        self.in_flight -= 1

    def merge(self, other: Truth, *, at_once: bool = True) -> None:
        """Of another process. Peaks of processes `at_once` add up to an upper limit: their times may differ."""
        for name, endpoint in other.endpoints.items():
            self.endpoints.setdefault(name, EndpointTruth()).merge(endpoint)
        self.successes.merge(other.successes)
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        peaks = (self.peak_concurrency, other.peak_concurrency)
        self.peak_concurrency = sum(peaks) if at_once else max(peaks)

    def document(self) -> Mapping[str, object]:
        """The truth file."""
        return {
            "requests": sum(endpoint.requests for endpoint in self.endpoints.values()),
            "by_endpoint": {name: endpoint.document() for name, endpoint in sorted(self.endpoints.items())},
            "latency_ms": self.successes.document(),
            **{name: getattr(self, name) for name in (*_COUNTS, "peak_concurrency")},
        }
