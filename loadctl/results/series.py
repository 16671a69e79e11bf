"""Every monitored series reduced over the window, so that any of them can be judged, shown and drawn.

A series has a subject, a source and a name with its unit in it. Where two sources report one name for the same
subject, the one that stands first in SOURCES speaks, as for cpu and memory.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from loadctl.results.readings import Readings
from loadctl.results.wire.record import Record
from loadctl.scenario.units import format_duration

MISSING_SHARE = 0.10
HOLE_S = 10.0
_HOLE_INTERVALS = 3
_HOLE_SHARE = 0.01
_LATE = 1.5
"""Intervals between two readings of which the second is late; beyond, readings are missing."""
_FIRST = 2.5
"""Intervals to the first: a rate needs two looks."""
_INTERVALS_S = {"prometheus": 5.0, "pods": 15.0}
"""Sources whose readings do not come every second: the interval to assume where there is only one reading."""
_DELAYED = frozenset({"pods"})
"""metrics-server reports an interval up to one interval late."""


@dataclass(frozen=True, slots=True)
class _Hole:
    """`reported`: the monitor said meanwhile that it could not read. `missing_s`: without the interval of a reading."""

    length_s: float
    missing_s: float
    reported: bool


def why_uncovered(readings: Readings, name: str, start_s: float, end_s: float) -> str | None:
    """Why the value `name` says too little of (start_s, end_s]; None: it covers it. `readings`: of one monitor.

    At most 10 % may be missing, and no hole may be longer than 10 s, three intervals of the monitor's own and 1 % of
    the window. One reading that is merely late is forgiven.
    """
    series = readings.series(name)
    if not series or start_s >= end_s:
        return None
    times = [t for t, _ in series]
    interval = _interval_s(times, readings)
    inside = times[bisect_right(times, start_s) : bisect_right(times, end_s)]
    lost = [t for t in readings.gap_times if start_s < t <= end_s]
    delayed = not _DELAYED.isdisjoint(readings.sources)
    holes = list(_holes([start_s, *inside, end_s], interval, lost, late=delayed))
    missing = sum(hole.missing_s for hole in holes)
    allowed = MISSING_SHARE * (end_s - start_s)
    if not any(hole.reported for hole in holes):
        allowed = max(allowed, interval)
    longest = max((hole.length_s for hole in holes), default=0.0)
    if missing <= allowed and longest <= max(
        HOLE_S, _HOLE_INTERVALS * interval, _HOLE_SHARE * (end_s - start_s)
    ):
        return None
    of = f"{format_duration(round(missing, 1))} of {format_duration(round(end_s - start_s, 1))}"
    why = readings.between(start_s, end_s).gaps
    return f"readings are missing for {of}" + (f": {why[-1]}" if why else "")


def _holes(times: Sequence[float], interval: float, lost: Sequence[float], *, late: bool) -> Iterator[_Hole]:
    """`times`: both ends of the window and the readings in it."""
    final = len(times) - 2
    for index, (before, after) in enumerate(pairwise(times)):
        length = after - before
        reported = bisect_right(lost, after) > bisect_right(lost, before)
        at_edge = index == 0 or (index == final and late)
        if reported or length > (_FIRST if at_edge else _LATE) * interval:
            missing = length if index == final else max(0.0, length - interval)
            yield _Hole(length, missing, reported)


def _interval_s(times: Sequence[float], readings: Readings) -> float:
    """The usual time from one reading to the next, of the whole run."""
    if len(times) > 1:
        return median(after - before for before, after in pairwise(times))
    return max((_INTERVALS_S.get(source, 1.0) for source in readings.sources), default=1.0)


SOURCES = ("process", "container", "pods", "metrics", "prometheus", "logs")
"""Who speaks for the system, first to last: what is outside it sees all of it, a page of its own what it chose."""


class Series(Record, frozen=True, kw_only=True):
    """A monitored series over the window."""

    subject: str
    """system, or host for the machine it runs on."""
    source: str
    """The monitor: process, container, pods, metrics, prometheus or logs."""
    name: str
    """With its unit in it, where it has one."""
    n: int
    """Readings."""
    lowest: float
    highest: float
    mean: float
    last: float
    """Of the readings."""
    uncovered: str | None = None
    """Why it does not speak for the whole window."""


def rank(source: str) -> int:
    """The place of a source in SOURCES; strangers come last."""
    return SOURCES.index(source) if source in SOURCES else len(SOURCES)


def monitored(readings: Readings, start_s: float, end_s: float) -> tuple[Series, ...]:
    """All series of the system and of its machine in (start_s, end_s], by subject, source and name."""
    whole = readings.split(lambda origin: (origin.subject, origin.source))
    seen = readings.between(start_s, end_s).split(lambda origin: (origin.subject, origin.source))
    parts = {key: part for key, part in seen.items() if key[0] in {"system", "host"}}
    speakers: dict[tuple[str, str], str] = {}
    for subject, source in sorted(parts, key=lambda part: (rank(part[1]), part[1])):
        for name in parts[subject, source].names:
            speakers.setdefault((subject, name), source)
    kept = [
        _reduced(
            subject,
            source,
            name,
            parts[subject, source],
            why_uncovered(whole[subject, source], name, start_s, end_s),
        )
        for (subject, name), source in speakers.items()
    ]
    return tuple(sorted(kept, key=lambda one: (one.subject != "system", rank(one.source), one.name)))


def _reduced(subject: str, source: str, name: str, readings: Readings, uncovered: str | None) -> Series:
    values = readings.values(name)
    return Series(
        subject=subject,
        source=source,
        name=name,
        n=len(values),
        lowest=min(values),
        highest=max(values),
        mean=math.fsum(values) / len(values),
        last=readings.last(name),
        uncovered=uncovered,
    )
