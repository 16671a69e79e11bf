"""Readings reduced to what the system and the generator used over a span of the run.

Values that readings carry: cpu_cores, cpu_pct (of the cores it may use), cores_available, memory_bytes,
busiest_pct_of_one_core, processes, threads, open_fds; for an engine process (entity "shard …") cpu_pct_of_one_core and
open_fds_limit; for its machine ephemeral_ports_used and ephemeral_ports. A gap is never a zero: only fewer readings.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import attrgetter
from statistics import median

from loadctl.results.histogram import nearest_rank
from loadctl.results.moment import Moment
from loadctl.results.packed import Pool
from loadctl.results.recording import Reading
from loadctl.results.result import ResourceUse
from loadctl.results.series import rank, series

CPU_SPAN_S = 30.0
_MIN_READINGS = 3
_COMPANIONS_MAX = 50
_TELLING = {"cpu_pct", "cpu_cores", "memory_bytes"}
_time = attrgetter("t")
_NOBODY = "nothing watched it (--pid or --process watch a process of this machine)"


def by_subject(readings: Iterable[Reading]) -> dict[str, Sequence[Reading]]:
    """Each subject's readings in order of time."""
    found: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        found[reading.subject].append(reading)
    for part in found.values():
        part.sort(key=_time)
    return dict(found)


def between(readings: Sequence[Reading], start_s: float, end_s: float) -> Sequence[Reading]:
    """Of readings in order of time. One at t tells of the time before t, so that at `start_s` is left out."""
    first, last = (bisect_right(readings, edge, key=_time) for edge in (start_s, end_s))
    return readings[first:last]


def highest_mean(points: Sequence[tuple[float, float]], span_s: float = CPU_SPAN_S) -> float | None:
    """The highest mean over `span_s` seconds; over everything where less was measured.

    None with fewer than three readings, or where gaps leave no span at least half covered.
    """
    if len(points) < _MIN_READINGS:
        return None
    period = median(b[0] - a[0] for a, b in pairwise(points)) or 1.0
    if points[-1][0] - points[0][0] + period <= span_s:
        return math.fsum(value for _, value in points) / len(points)
    best: float | None = None
    first, total = 0, 0.0
    for index, (t, value) in enumerate(points):
        total += value
        while points[first][0] <= t - span_s:
            total -= points[first][1]
            first += 1
        count = index - first + 1
        full = t - points[0][0] + period >= span_s
        if full and count >= max(_MIN_READINGS, span_s / period / 2):
            best = total / count if best is None else max(best, total / count)
    return best


def system_use(
    readings: Sequence[Reading], start_s: float, end_s: float, *, unwatched: str | None = None
) -> ResourceUse:
    """What the watched system used in (start_s, end_s], of its readings in order of time; see ResourceUse."""
    if start_s >= end_s and readings:
        return _unscored(readings)
    seen = of_best_source(between(readings, start_s, end_s))
    full = [reading for reading in seen if reading.values]
    cpu = highest_mean(series(full, "cpu_pct"))
    cores = highest_mean(series(full, "cpu_cores"))
    memory = [value for _, value in series(full, "memory_bytes")]
    available = [value for _, value in series(full, "cores_available")]
    absent = {}
    if cpu is None:
        absent["cpu"] = _why_absent(seen, "cpu_pct", unwatched)
    if not memory:
        absent["memory"] = _why_absent(seen, "memory_bytes", unwatched)
    return ResourceUse(
        watched=", ".join(dict.fromkeys(reading.entity for reading in seen)) or None,
        cpu_pct=cpu,
        cpu_cores=cores,
        cores_available=available[-1] if available else None,
        memory_bytes=round(max(memory)) if memory else None,
        memory_first_bytes=round(memory[0]) if memory else None,
        memory_kind=_note(full, "memory_kind"),
        absent=absent,
        readings=len(full),
        extra=_system_extra(full),
    )


def _unscored(readings: Sequence[Reading]) -> ResourceUse:
    """The system was watched, but the run ended before anything was scored."""
    why = "the run ended before its scored part"
    watched = ", ".join(dict.fromkeys(reading.entity for reading in readings))
    return ResourceUse(watched=watched, absent={"cpu": why, "memory": why})


def _system_extra(readings: Sequence[Reading]) -> dict[str, float]:
    extra = {}
    busiest = highest_mean(series(readings, "busiest_pct_of_one_core"))
    if busiest is not None:
        extra["busiest_pct_of_one_core"] = busiest
    for name in ("processes", "threads", "open_fds"):
        values = [value for _, value in series(readings, name)]
        if values:
            extra[f"{name}_max"] = max(values)
    return extra


def of_best_source(readings: Sequence[Reading]) -> list[Reading]:
    """One source speaks for the system: of those that ever tell of cpu or memory, the first in SOURCES.

    One that was lost all along still speaks, with the reason why: no other takes its place in silence.
    """
    sources: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        sources[reading.source].append(reading)
    telling = [
        source
        for source, part in sources.items()
        if source != "logs" and any(r.gap or not _TELLING.isdisjoint(r.values) for r in part)
    ]
    return sources[min(telling or sources, key=rank)] if sources else []


def companion_uses(readings: Iterable[Reading], start_s: float, end_s: float) -> tuple[ResourceUse, ...]:
    """What was recorded beside the judged system: the other containers of a list, single pods."""
    entities: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    for reading in readings:
        entities[reading.source, reading.entity].append(reading)
    return tuple(system_use(part, start_s, end_s) for part in list(entities.values())[:_COMPANIONS_MAX])


def _note(readings: Sequence[Reading], name: str) -> str | None:
    return next((reading.notes[name] for reading in reversed(readings) if name in reading.notes), None)


def _why_absent(readings: Sequence[Reading], name: str, unwatched: str | None = None) -> str:
    gaps = [reading.gap for reading in readings if reading.gap]
    measured = len(series(readings, name))
    if measured:
        return f"needs {_MIN_READINGS} readings without long gaps, has {measured}"
    if gaps:
        return gaps[-1]
    if noted := _note(readings, name):
        return noted
    if name == "cpu_pct" and series(readings, "cpu_cores"):
        return "how many cores it may use is not known"
    return f"its monitor does not report {name}" if readings else unwatched or _NOBODY


def lag_p95_ms(seconds: Iterable[Moment], start_s: float, end_s: float) -> float | None:
    """p95 (nearest rank) of the overshoots of the engines' timers in [start_s, end_s); None if unknown."""
    counts: Counter[float] = Counter()
    for second in seconds:
        if start_s <= second.t < end_s:
            counts.update(second.lag_ms)
    rank = nearest_rank(0.95, counts.total())
    for lag in sorted(counts):
        rank -= counts[lag]
        if rank <= 0:
            return lag
    return None


def by_shard(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    """Readings of the engine processes, by entity; the generator's machine and loadctl itself are left out."""
    shards: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.entity.startswith("shard "):
            shards[reading.entity].append(reading)
    return dict(shards)


def generator_use(
    readings: Sequence[Reading], seconds: Sequence[Moment], start_s: float, end_s: float
) -> ResourceUse:
    """What the engines used. `extra["cpu_pct_of_one_core"]` is the busiest process's highest mean."""
    seen = between(readings, start_s, end_s)
    shards = by_shard(seen)
    means = [highest_mean(series(part, "cpu_pct_of_one_core")) for part in shards.values()]
    busy = [mean for mean in means if mean is not None]
    memory = [
        max((value for _, value in series(part, "memory_bytes")), default=0.0) for part in shards.values()
    ]
    absent = {} if busy else {"cpu": _why_absent(seen, "cpu_pct_of_one_core")}
    if not any(memory):
        absent["memory"] = _why_absent(seen, "memory_bytes")
    return ResourceUse(
        watched=", ".join(shards) or None,
        cpu_cores=math.fsum(busy) / 100 if busy else None,
        memory_bytes=round(math.fsum(memory)) if any(memory) else None,
        memory_kind=_note(seen, "memory_kind"),
        absent=absent,
        readings=sum(bool(reading.values) for reading in seen),
        extra=_generator_extra(seen, seconds, max(busy, default=None), start_s, end_s),
    )


def _generator_extra(
    readings: Sequence[Reading],
    seconds: Sequence[Moment],
    busiest: float | None,
    start_s: float,
    end_s: float,
) -> dict[str, float]:
    extra = {}
    if busiest is not None:
        extra["cpu_pct_of_one_core"] = busiest
    lag = lag_p95_ms(seconds, start_s, end_s)
    if lag is not None:
        extra["lag_p95_ms"] = lag
    late = _late_p95_ms(seconds, start_s, end_s)
    if late is not None:
        extra["late_p95_ms"] = late
    for name in ("open_fds", "open_fds_limit", "ephemeral_ports_used", "ephemeral_ports"):
        values = [value for _, value in series(readings, name)]
        if values:
            extra[name] = max(values)
    return extra


def _late_p95_ms(seconds: Iterable[Moment], start_s: float, end_s: float) -> float | None:
    us = Pool(second.late for second in seconds if start_s <= second.t < end_s).quantile_us(0.95)
    return None if us is None else us / 1000
