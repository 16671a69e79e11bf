"""Every monitored series reduced over the window, so that any of them can be judged, shown and drawn.

A series has a subject, a source and a name with its unit in it. Where two sources report one name for the same
subject, the one that stands first in SOURCES speaks, as for cpu and memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from loadctl.results.coverage import why_uncovered
from loadctl.results.readings import Readings

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
    uncovered: str | None = None
    """Why it does not speak for the whole window; None: it does."""


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
        replace(
            _reduced(subject, source, name, parts[subject, source]),
            uncovered=why_uncovered(whole[subject, source], name, start_s, end_s),
        )
        for (subject, name), source in speakers.items()
    ]
    return tuple(sorted(kept, key=lambda one: (one.subject != "system", rank(one.source), one.name)))


def _reduced(subject: str, source: str, name: str, readings: Readings) -> Series:
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
    )
