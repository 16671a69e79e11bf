"""The seconds of a run folded into stages, the scored window, counters and a timeline.

Requests belong to the second in which they ended. Those that end in the drain, and those that never end,
count in the last stage for latency and errors, never for throughput. Each span is folded into its stage
once and the window is made of stages: histograms are merged, percentiles are never averaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadctl.results.boundaries import stops
from loadctl.results.interval import SecondTotal
from loadctl.results.measures.portion import Portion, summarise
from loadctl.results.recording import Recording, Shard
from loadctl.results.result import Point
from loadctl.results.summary import Counters, StageSummary, Summary
from loadctl.scenario.load import Load, Stage

MAX_THROUGHPUT_HOLD_S = 10.0
MAX_PERCENTILE_POINTS = 1800
"""More than a chart has room for."""


@dataclass(frozen=True, slots=True)
class Plateau:
    """Hold stages of one level (users, or arrivals per second) together."""

    level: float
    portion: Portion


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    summary: Summary
    """Of the scored window, as far as the run got."""
    stages: tuple[StageSummary, ...]
    counters: Counters
    timeline: tuple[Point, ...]
    ended_s: float
    """Until when load was made: the plan's end, or an earlier stop."""
    named: Mapping[str, Summary]
    """The scored stages by name; stages of one name (a ramp and its hold) are taken together."""
    unscored: Mapping[str, str]
    """Stages by name that are never scored, with the reason."""
    plateaus: Mapping[str, Plateau]
    """The scored hold stages by name."""
    top: Plateau | None
    """All scored hold stages at the highest level held; None if nothing is held or the run ended before."""
    best: Plateau | None
    """The scored hold stage of at least 10 s with the most successes per second."""


@dataclass(slots=True)
class _StagePart:
    stage: Stage
    portion: Portion
    why_unscored: str | None


def fold(
    load: Load, recording: Recording, *, pace_s: float | None = None, marked: frozenset[int] = frozenset()
) -> Folded:
    """`pace_s`: seconds between turns, where all users of a closed load keep the same pace.

    `marked`: seconds that are never scored, because they were profiled; their time counts for nothing either.
    """
    ended = _ended_s(load, recording)
    parts = _stage_parts(load, ended)
    last = max((i for i, part in enumerate(parts) if part.portion.start_s < ended), default=0)
    for span in recording.spans:
        if span.first not in marked:
            in_drain = span.first >= ended
            part = parts[last] if in_drain else parts[_stage_at(parts, span.first)]
            part.portion.add(span.cells, in_drain=in_drain)
    for second in recording.seconds:
        if second.t < ended and second.t not in marked:
            portion = parts[_stage_at(parts, second.t)].portion
            portion.user_s += second.users
            portion.away_s += second.ended
    _leave_out(parts, marked, ended)
    unfinished = _place_unfinished(recording.shards, parts, last)
    scored = [part for part in parts if part.why_unscored is None]
    window = _together(scored, load.window, ended)
    named = {name: _of_name(scored, name) for name in dict.fromkeys(part.stage.name for part in scored)}
    holds = [part for part in scored if part.stage.holds and part.portion.seconds]
    return Folded(
        summary=summarise(window, pace_s=pace_s),
        stages=tuple(_stage_summary(part, pace_s) for part in parts),
        counters=_counters(load, recording.seconds, unfinished),
        timeline=_timeline(recording.seconds, load),
        ended_s=ended,
        named={name: summarise(portion, pace_s=pace_s) for name, portion in named.items()},
        unscored={
            p.stage.name: p.why_unscored for p in parts if p.why_unscored and p.stage.name not in named
        },
        plateaus={part.stage.name: Plateau(part.stage.end, part.portion) for part in holds},
        top=_top(scored),
        best=_best(holds),
    )


def _leave_out(parts: Sequence[_StagePart], marked: frozenset[int], ended: float) -> None:
    """A second may lie across the edge of a stage: each loses its share of it."""
    for t in marked:
        for part in parts:
            shared = min(t + 1, part.portion.end_s, ended) - max(t, part.portion.start_s)
            part.portion.seconds = max(0.0, part.portion.seconds - max(0.0, shared))


def _ended_s(load: Load, recording: Recording) -> float:
    """A stop is known by its event, a death by the last second (one missing last frame is forgiven)."""
    seen = max((second.t + 1 for second in recording.seconds), default=0)
    reached = load.duration_s if seen + 1 >= load.duration_s and seen else float(seen)
    return max(0.0, min([load.duration_s, reached, *stops(recording.events)]))


def _stage_parts(load: Load, ended: float) -> list[_StagePart]:
    first, last = load.window
    parts = []
    for start, end, stage in load.spans():
        why = None
        if end <= first and stage.warmup:
            why = "warm-up is never scored"
        elif start >= last:
            why = "a falling last stage is the ramp-down, which is not scored"
        stop = min(end, max(start, ended))
        parts.append(_StagePart(stage, Portion(start, end, stop - start), why))
    return parts


def _stage_at(parts: Sequence[_StagePart], t: float) -> int:
    return next((i for i, part in enumerate(parts) if t < part.portion.end_s), len(parts) - 1)


def _place_unfinished(shards: Sequence[Shard], parts: Sequence[_StagePart], last: int) -> int:
    """Count each unfinished request in the last stage; where that is not scored, in the one where it began.

    Otherwise a system that hangs until after the ramp-down would have failed nothing in the window. What was
    under way in a shard that died is unfinished too, but ended by the shard's death: no failure of the system.
    """
    total = sum(n for shard in shards for n in shard.cut_off.values() if n > 0)
    for began, endpoint, count in _unfinished(shards):
        total += count
        scored = parts[last].why_unscored is None
        home = last if scored else min(last, _stage_at(parts, began))
        parts[home].portion.unfinished[endpoint] += count
    return total


def _unfinished(shards: Sequence[Shard]) -> Iterator[tuple[float, str, int]]:
    """When each began, endpoint, how many; of shards that said their bye."""
    for shard in shards:
        end = float(shard.last_t + 1) if shard.last_t is not None else 0.0
        for endpoint, ages in shard.unfinished.items():
            yield from ((max(0.0, end - age / 1000), endpoint, 1) for age in ages)


def _together(parts: Sequence[_StagePart], window: tuple[float, float], ended: float) -> Portion:
    start, end = window
    whole = Portion(start, max(start, min(end, ended)))
    for part in parts:
        whole.merge(part.portion)
    whole.start_s, whole.end_s = start, max(start, min(end, ended))
    return whole


def _of_name(parts: Sequence[_StagePart], name: str) -> Portion:
    same = [part.portion for part in parts if part.stage.name == name]
    whole = Portion(same[0].start_s, same[0].end_s)
    for portion in same:
        whole.merge(portion)
    return whole


def _stage_summary(part: _StagePart, pace_s: float | None) -> StageSummary:
    portion, stage = part.portion, part.stage
    summary = summarise(portion, pace_s=pace_s)
    return StageSummary(stage.name, portion.start_s, portion.end_s, stage.warmup, stage.end, summary)


def _top(scored: Sequence[_StagePart]) -> Plateau | None:
    held = [part for part in scored if part.stage.holds]
    level = max((part.stage.end for part in held), default=0.0)
    portions = [part.portion for part in held if part.stage.end == level and part.portion.seconds]
    if not portions:
        return None
    whole = Portion(portions[0].start_s, portions[0].end_s)
    for portion in portions:
        whole.merge(portion)
    return Plateau(level, whole)


def _best(holds: Sequence[_StagePart]) -> Plateau | None:
    long = [part for part in holds if part.portion.seconds >= MAX_THROUGHPUT_HOLD_S]
    best = max(long, key=lambda part: part.portion.throughput_per_s or 0.0, default=None)
    return None if best is None else Plateau(best.stage.end, best.portion)


def _counters(load: Load, seconds: Sequence[SecondTotal], unfinished: int) -> Counters:
    completed = sum(second.completed for second in seconds)
    is_open = load.model == "open"
    return Counters(
        started=completed + unfinished,
        completed=completed,
        failed=sum(second.failed for second in seconds),
        unfinished=unfinished,
        rate_limited=sum(second.rate_limited for second in seconds),
        planned_arrivals=sum(second.planned for second in seconds) if is_open else None,
        begun=sum(second.begun for second in seconds) if is_open else None,
        dropped=sum(second.dropped for second in seconds) if is_open else None,
    )


def _timeline(seconds: Sequence[SecondTotal], load: Load) -> tuple[Point, ...]:
    """A point a second; percentiles only of so many of them, evenly spread."""
    step = math.ceil(len(seconds) / MAX_PERCENTILE_POINTS) or 1
    return tuple(_point(second, load, percentiles=i % step == 0) for i, second in enumerate(seconds))


def _point(second: SecondTotal, load: Load, *, percentiles: bool) -> Point:
    p50, p95 = (second.ok.quantile_us(q) if percentiles else None for q in (0.5, 0.95))
    return Point(
        t=second.t,
        planned=round(load.level_in(second.t), 3),
        users=second.users,
        completed=second.completed,
        failed=second.failed,
        p50_ms=None if p50 is None else p50 / 1000,
        p95_ms=None if p95 is None else p95 / 1000,
    )
