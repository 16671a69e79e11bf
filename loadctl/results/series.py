"""Every monitored series reduced over the window, so that any of them can be judged, shown and drawn.

A series has a subject, a source and a name with its unit in it. Where two sources report one name for the same
subject, the one that stands first in SOURCES speaks, as for cpu and memory.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadctl.results.recording import Reading
from loadctl.results.values import column, names_of

SOURCES = ("process", "container", "pods", "metrics", "prometheus", "logs")
"""Who speaks for the system, first to last: what is outside it sees all of it, a page of its own what it chose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """`n` readings in the window; `subject` is "system" or "host"."""

    subject: str
    source: str
    name: str
    n: int
    lowest: float
    highest: float
    mean: float
    last: float


def rank(source: str) -> int:
    """The place of a source in SOURCES; strangers come last."""
    return SOURCES.index(source) if source in SOURCES else len(SOURCES)


def series(readings: Sequence[Reading], name: str) -> list[tuple[float, float]]:
    """(t, value) of one metric."""
    values = column((reading.values for reading in readings), name)
    return [(reading.t, value) for reading, value in zip(readings, values, strict=True) if value is not None]


def monitored(readings: Iterable[Reading], start_s: float, end_s: float) -> tuple[Series, ...]:
    """All series of the system and of its machine in (start_s, end_s], by subject, source and name."""
    parts: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.subject in {"system", "host"} and start_s < reading.t <= end_s:
            parts[reading.subject, reading.source].append(reading)
    speakers: dict[tuple[str, str], str] = {}
    for subject, source in sorted(parts, key=lambda part: (rank(part[1]), part[1])):
        for name in names_of(reading.values for reading in parts[subject, source]):
            speakers.setdefault((subject, name), source)
    kept = [
        _reduced(subject, name, source, series(parts[subject, source], name))
        for (subject, name), source in speakers.items()
    ]
    return tuple(sorted(kept, key=lambda one: (one.subject != "system", rank(one.source), one.name)))


def _reduced(subject: str, name: str, source: str, points: list[tuple[float, float]]) -> Series:
    values = [value for _, value in points]
    return Series(
        subject=subject,
        source=source,
        name=name,
        n=len(values),
        lowest=min(values),
        highest=max(values),
        mean=math.fsum(values) / len(values),
        last=max(points, key=lambda point: point[0])[1],
    )
