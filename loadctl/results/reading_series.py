"""Readings over time, for charts: one series for each value of everything that was watched, in bins.

A bin's value is the highest of its readings, for what is counted by the second (`log_errors`, `log_lines`) their sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from loadctl.results.recording import Reading

READING_SERIES_MAX = 200
COUNTED = frozenset({"log_errors", "log_lines"})
_BRIDGED = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingSeries:
    """`values`: one for each bin, None where there is no reading; a line may bridge `bridge` empty bins: no more than
    its readings are usually apart. A longer hole is a gap."""

    subject: str
    source: str
    entity: str
    name: str
    values: Sequence[float | None]
    bridge: int = 0


def reading_series(readings: Iterable[Reading], bin_s: int, length: int) -> tuple[ReadingSeries, ...]:
    """In the order in which they were first seen. A reading at t tells of the time before t."""
    found: dict[tuple[str, str, str, str], _Binned] = {}
    for reading in readings:
        index = max(0, math.ceil(reading.t / bin_s) - 1)
        if index >= length:
            continue
        for name, value in reading.values.items():
            key = (reading.subject, reading.source, reading.entity, name)
            if key in found or len(found) < READING_SERIES_MAX:
                found.setdefault(key, _Binned(name in COUNTED, {}, [])).add(index, value, reading.t)
    return tuple(
        ReadingSeries(
            subject=subject,
            source=source,
            entity=entity,
            name=name,
            values=[binned.values.get(index) for index in range(length)],
            bridge=binned.bridge(bin_s),
        )
        for (subject, source, entity, name), binned in found.items()
    )


@dataclass(slots=True)
class _Binned:
    counted: bool
    values: dict[int, float]
    times: list[float]

    def add(self, index: int, value: float, t: float) -> None:
        self.times.append(t)
        if index not in self.values:
            self.values[index] = value
        else:
            known = self.values[index]
            self.values[index] = known + value if self.counted else max(known, value)

    def bridge(self, bin_s: int) -> int:
        if len(self.times) < 2:
            return 0
        period = median(later - earlier for earlier, later in pairwise(self.times))
        return math.ceil(_BRIDGED * period / bin_s)
