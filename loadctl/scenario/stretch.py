"""The same load at another height or over another length, in whole users and whole seconds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from loadctl.scenario.load import Load, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

WARMUP_SHARE = 0.1


def stretched(load: Load, *, peak: float | None = None, duration_s: float | None = None) -> Load:
    """`load` with its highest level at `peak` (users or arrivals/s), over `duration_s` seconds, or both.

    Users are rounded, but 1 or more stay at least 1; rates are not rounded. Stages last whole seconds, at
    least 1; all together exactly `duration_s` (rounded) where that leaves each its second. The warm-up
    keeps its length, but no more than a tenth of the run.
    """
    stages = load.stages
    if peak is not None:
        stages = [_of_height(stage, peak / load.peak, load.model == "closed") for stage in stages]
    if duration_s is not None:
        lengths = _lengths(stages, max(1, math.floor(duration_s + 0.5)))
        stages = [replace(stage, duration_s=length) for stage, length in zip(stages, lengths, strict=True)]
    return Load(load.model, tuple(stages))


def _of_height(stage: Stage, factor: float, whole: bool) -> Stage:
    def level(before: float) -> float:
        after = before * factor
        if whole:
            after = math.floor(after + 0.5)
            return float(max(1, after) if before >= 1 else after)
        return after

    return replace(stage, start=level(stage.start), end=level(stage.end))


def _lengths(stages: Sequence[Stage], total: int) -> list[float]:
    """New lengths in seconds; a stage of no length (a jump) keeps none."""
    long = [stage for stage in stages if stage.duration_s > 0]
    warm = [stage.duration_s for stage in long if stage.warmup]
    rest = [stage.duration_s for stage in long if not stage.warmup]
    total = max(total, len(long))
    warm_total = total if not rest else _warm_seconds(warm, len(rest), total)
    warm_parts = iter(_shared(warm, warm_total))
    rest_parts = iter(_shared(rest, total - warm_total))
    return [
        0.0 if stage.duration_s <= 0 else float(next(warm_parts if stage.warmup else rest_parts))
        for stage in stages
    ]


def _warm_seconds(warm: Sequence[float], rest: int, total: int) -> int:
    """min(what it was, a tenth of the run), but a second for each warm-up stage and each of the `rest`."""
    kept = math.floor(min(sum(warm), total * WARMUP_SHARE) + 1e-9)
    return min(max(kept, len(warm)), total - rest)


def _shared(lengths: Sequence[float], total: int) -> list[int]:
    """`total` whole seconds, at least one each, in proportion to `lengths`; largest remainders go up."""
    if not lengths:
        return []
    spare = total - len(lengths)
    scale = total / sum(lengths)
    wishes = [max(0.0, length * scale - 1) for length in lengths]
    factor = spare / sum(wishes) if sum(wishes) else 0.0
    parts = [math.floor(wish * factor + 1e-9) for wish in wishes]
    remainders = sorted(range(len(parts)), key=lambda i: (parts[i] - wishes[i] * factor, i))
    for i in remainders[: spare - sum(parts)]:
        parts[i] += 1
    return [1 + part for part in parts]
