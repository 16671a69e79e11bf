"""Readings reduced to what the system and the generator used over a span of the run, and what the logs said in it.

Values that readings carry: cpu_cores, cpu_pct (of the cores it may use), cores_available, memory_bytes,
busiest_pct_of_one_core, processes, threads, open_fds; for an engine process (entity "shard …") cpu_pct_of_one_core and
open_fds_limit; for its machine ephemeral_ports_used and ephemeral_ports. A gap is never a zero: only fewer readings.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from operator import attrgetter, sub
from statistics import median

from loadctl.results.histogram import Pool, nearest_rank
from loadctl.results.interval import SecondTotal
from loadctl.results.readings import Readings
from loadctl.results.recording import Event, Reading
from loadctl.results.result import FrequentMessage, LogUse, ResourceUse
from loadctl.results.series import rank, why_uncovered
from loadctl.scenario.target import PERCENTILES

CPU_SPAN_S = 30.0
_MIN_READINGS = 3
_COMPANIONS_MAX = 50
_TELLING = {"cpu_pct", "cpu_cores", "memory_bytes"}
_NOBODY = "nothing watched it (--pid or --process watch a process of this machine)"


def highest_mean(points: Sequence[tuple[float, float]], span_s: float = CPU_SPAN_S) -> float | None:
    """The highest mean over `span_s` seconds; over everything where less was measured.

    None with fewer than three readings, or where gaps leave no span at least half covered.
    """
    if len(points) < _MIN_READINGS:
        return None
    times = [t for t, _ in points]
    period = median(map(sub, times[1:], times)) or 1.0
    if times[-1] - times[0] + period <= span_s:
        return math.fsum(value for _, value in points) / len(points)
    least = max(_MIN_READINGS, span_s / period / 2)
    best: float | None = None
    first, total = 0, 0.0
    for index, (t, value) in enumerate(points):
        total += value
        while times[first] <= t - span_s:
            total -= points[first][1]
            first += 1
        count = index - first + 1
        full = t - times[0] + period >= span_s
        if full and count >= least:
            best = total / count if best is None else max(best, total / count)
    return best


def system_use(
    readings: Readings,
    start_s: float,
    end_s: float,
    *,
    left_out: Collection[int] = (),
    unwatched: str | None = None,
) -> ResourceUse:
    """What the watched system used in (start_s, end_s] without the seconds `left_out`; see ResourceUse."""
    if start_s >= end_s and readings:
        return _unscored(readings)
    spoken = of_best_source(readings.between(start_s, end_s))
    seen = spoken.without(left_out) if left_out else spoken
    full = seen.measured
    cpu = highest_mean(full.series("cpu_pct"))
    cores = highest_mean(full.series("cpu_cores"))
    memory = full.values("memory_bytes")
    available = full.values("cores_available")
    speaker = _whole(readings, spoken)
    absent = {}
    for figure, name, value in (("cpu", "cpu_pct", cpu), ("memory", "memory_bytes", memory or None)):
        if why := why_uncovered(speaker, name, start_s, end_s):
            absent[figure] = why
        elif value is None:
            absent[figure] = _why_absent(seen, name, unwatched)
    return ResourceUse(
        watched=", ".join(seen.entities) or None,
        cpu_pct=cpu,
        cpu_cores=cores,
        cores_available=available[-1] if available else None,
        memory_bytes=round(max(memory)) if memory else None,
        memory_first_bytes=round(memory[0]) if memory else None,
        memory_kind=full.note("memory_kind"),
        absent=absent,
        readings=len(full),
        extra=_system_extra(full),
    )


def _whole(readings: Readings, part: Readings) -> Readings:
    """The readings of the whole run of the sources in `part`."""
    sources = part.sources
    chosen = readings.split(lambda origin: origin.source in sources)
    return chosen.get(True, part)


def _unscored(readings: Readings) -> ResourceUse:
    """The system was watched, but the run ended before anything was scored."""
    why = "the run ended before its scored part"
    return ResourceUse(watched=", ".join(readings.entities), absent={"cpu": why, "memory": why})


def _system_extra(readings: Readings) -> dict[str, float]:
    extra = {}
    busiest = highest_mean(readings.series("busiest_pct_of_one_core"))
    if busiest is not None:
        extra["busiest_pct_of_one_core"] = busiest
    for name in ("processes", "threads", "open_fds"):
        most = readings.highest(name)
        if most is not None:
            extra[f"{name}_max"] = most
    return extra


def of_best_source(readings: Readings) -> Readings:
    """One source speaks for the system: of those that ever tell of cpu or memory, the first in SOURCES.

    One that was lost all along still speaks, with the reason why: no other takes its place in silence.
    """
    sources = readings.split(attrgetter("source"))
    telling = [
        source
        for source, part in sources.items()
        if source != "logs" and (not _TELLING.isdisjoint(part.names) or part.gaps)
    ]
    return sources[min(telling or sources, key=rank)] if sources else readings


def companion_uses(readings: Readings, start_s: float, end_s: float) -> tuple[ResourceUse, ...]:
    """What was recorded beside the judged system: the other containers of a list, single pods."""
    entities = readings.split(lambda origin: (origin.source, origin.entity))
    return tuple(system_use(part, start_s, end_s) for part in list(entities.values())[:_COMPANIONS_MAX])


def _why_absent(readings: Readings, name: str, unwatched: str | None = None) -> str:
    measured = len(readings.values(name))
    if measured:
        return f"needs {_MIN_READINGS} readings without long gaps, has {measured}"
    if gaps := readings.gaps:
        return gaps[-1]
    if noted := readings.note(name):
        return noted
    if name == "cpu_pct" and "cpu_cores" in readings.names:
        return "how many cores it may use is not known"
    return f"its monitor does not report {name}" if readings else unwatched or _NOBODY


def lag_ms(seconds: Iterable[SecondTotal], start_s: float, end_s: float) -> dict[str, float]:
    """p95 and p99 (nearest rank) of the overshoots of the engines' timers in [start_s, end_s); empty if unknown."""
    each = [second.lag_ms for second in seconds if start_s <= second.t < end_s]
    count = sum(map(len, each))
    if not count:
        return {}
    from_the_top = {name: count - nearest_rank(PERCENTILES[name], count) + 1 for name in ("p95", "p99")}
    # Half a million, of which the highest decide: those from where a tenth of a sample of them begins.
    sample = sorted(chain.from_iterable(each[::60]))
    edge = sample[len(sample) * 9 // 10] if sample else -math.inf
    highest = sorted(lag for lags in each for lag in lags if lag >= edge)
    if len(highest) < from_the_top["p95"]:
        highest = sorted(chain.from_iterable(each))
    return {name: highest[-rank] for name, rank in from_the_top.items()}


def by_shard(readings: Readings) -> dict[str, Readings]:
    """Readings of the engine processes, by entity; the generator's machine and loadctl itself are left out."""
    entities = readings.split(attrgetter("entity"))
    return {entity: part for entity, part in entities.items() if entity.startswith("shard ")}


def generator_use(
    readings: Readings, seconds: Sequence[SecondTotal], start_s: float, end_s: float
) -> ResourceUse:
    """What the engines used. `extra["cpu_pct_of_one_core"]` is the busiest process's highest mean."""
    seen = readings.between(start_s, end_s)
    shards = by_shard(seen)
    means = [highest_mean(part.series("cpu_pct_of_one_core")) for part in shards.values()]
    busy = [mean for mean in means if mean is not None]
    memory = [part.highest("memory_bytes") or 0.0 for part in shards.values()]
    absent = {} if busy else {"cpu": _why_absent(seen, "cpu_pct_of_one_core")}
    if not any(memory):
        absent["memory"] = _why_absent(seen, "memory_bytes")
    return ResourceUse(
        watched=", ".join(shards) or None,
        cpu_cores=math.fsum(busy) / 100 if busy else None,
        memory_bytes=round(math.fsum(memory)) if any(memory) else None,
        memory_kind=seen.note("memory_kind"),
        absent=absent,
        readings=len(seen.measured),
        extra=_generator_extra(seen, seconds, max(busy, default=None), start_s, end_s),
    )


def _generator_extra(
    readings: Readings,
    seconds: Sequence[SecondTotal],
    busiest: float | None,
    start_s: float,
    end_s: float,
) -> dict[str, float]:
    extra = {}
    if busiest is not None:
        extra["cpu_pct_of_one_core"] = busiest
    extra |= {f"lag_{name}_ms": lag for name, lag in lag_ms(seconds, start_s, end_s).items()}
    late = _late_p95_ms(seconds, start_s, end_s)
    if late is not None:
        extra["late_p95_ms"] = late
    for name in ("open_fds", "open_fds_limit", "ephemeral_ports_used", "ephemeral_ports"):
        most = readings.highest(name)
        if most is not None:
            extra[name] = most
    return extra


def _late_p95_ms(seconds: Iterable[SecondTotal], start_s: float, end_s: float) -> float | None:
    us = Pool(second.late for second in seconds if start_s <= second.t < end_s).quantile_us(0.95)
    return None if us is None else us / 1000


def log_use(
    readings: Readings, events: Iterable[Event], start_s: float, end_s: float, *, to_the_end: bool = False
) -> LogUse | None:
    """`readings`: of the system. None: no log was followed.

    `to_the_end`: the window ends with the load, and what is read after it was logged in it or in the drain.
    """
    followed = list(readings.of_source("logs"))
    if not followed:
        return None
    seen = [reading for reading in followed if start_s < reading.t and (to_the_end or reading.t <= end_s)]
    unread = next((why for reading in seen if (why := _unread(reading)) is not None), None)
    if not seen:
        unread = "nothing was read in the scored part"
    elif unread is None and not any(reading.values.get("log_lines") for reading in seen):
        # Nothing said is nothing wrong only in a log that was there: of a short run that is known at its end.
        unread = next((_unread(reading) for reading in followed if reading.gap), None)
    return LogUse(
        followed=", ".join(dict.fromkeys(reading.entity for reading in followed)),
        lines=round(sum(reading.values.get("log_lines", 0) for reading in seen)),
        errors=round(sum(reading.values.get("log_errors", 0) for reading in seen)),
        unread=unread,
        frequent=tuple(_frequent(event) for event in events if event.kind == "log_messages"),
        absent={} if unread else {"unread": "all of the scored part was read"},
    )


def _unread(reading: Reading) -> str | None:
    """Lost, or counted in part: a file of several that may not be read, lines that came too fast."""
    if reading.gap:
        return f"{reading.entity} could not be read: {reading.gap}"
    noted = reading.notes.get("log_lines")
    return None if noted is None else f"{reading.entity}: {noted}"


def _frequent(event: Event) -> FrequentMessage:
    def number(name: str) -> float:
        value = event.detail.get(name)
        return value if isinstance(value, int | float) else 0

    return FrequentMessage(
        message=event.message,
        count=int(number("count")),
        first_s=number("first_s"),
        last_s=number("last_s"),
        level=str(event.detail.get("level") or ""),
        log=str(event.detail.get("log") or ""),
    )
