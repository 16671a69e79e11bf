"""A scenario at another height or over another length: `--users`, `--rate`, `--duration`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from loadctl.errors import UsageError
from loadctl.scenario.load import Load, Stage
from loadctl.scenario.scenario import Scenario
from loadctl.scenario.units import format_duration, format_rate, write_rate

WARMUP_SHARE = 0.1


def rescaled_load(load: Load, *, peak: float | None = None, duration_s: float | None = None) -> Load:
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
        if not whole:
            return after
        rounded = math.floor(after + 0.5)
        return float(max(1, rounded) if before >= 1 else rounded)

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
    wanted = [max(0.0, length * scale - 1) for length in lengths]
    factor = spare / sum(wanted) if sum(wanted) else 0.0
    parts = [math.floor(one * factor + 1e-9) for one in wanted]
    remainders = sorted(range(len(parts)), key=lambda i: (parts[i] - wanted[i] * factor, i))
    for i in remainders[: spare - sum(parts)]:
        parts[i] += 1
    return [1 + part for part in parts]


def rescaled(
    scenario: Scenario, users: int | None = None, rate: float | None = None, duration_s: float | None = None
) -> Scenario:
    """`scenario` with its peak at `users` (closed model) or `rate` arrivals/s (open), over `duration_s`.

    Its targets stay judged: a PASS must not be had by shortening. With nothing to change the scenario stays as it is.
    Raises UsageError, for `users` under an open load, `rate` under a closed one, and nonsense.
    """
    if users is None and rate is None and duration_s is None:
        return scenario
    load = scenario.load
    if not load.stages:
        hint = "give the scenario a load: of its own"
        raise UsageError(f"{scenario.name} leaves the load to its script: nothing to rescale", hint=hint)
    _check(load, users, rate, duration_s)
    peak = users if users is not None else rate
    if peak is not None and load.peak <= 0:
        raise UsageError(f"the load of {scenario.name} is always 0, so it cannot be rescaled")
    new = rescaled_load(load, peak=peak, duration_s=duration_s)
    if new.excess:
        raise UsageError(new.excess)
    return replace(scenario, load=new, rescaled=_in_words(load, new, duration_s))


def _in_words(old: Load, new: Load, asked_s: float | None) -> str | None:
    """What has changed; and why the length is not `asked_s`, where stages cannot be shorter than a second."""
    parts = []
    if new.peak != old.peak:
        level = format_rate if new.model == "open" else "{:g} users".format
        parts.append(f"{level(new.peak)} instead of {level(old.peak)}")
    if new.duration_s != old.duration_s:
        parts.append(f"{format_duration(new.duration_s)} instead of {format_duration(old.duration_s)}")
    if asked_s is not None and new.duration_s > asked_s + 0.5:
        parts.append(f"not {format_duration(asked_s)}: each of its {len(new.stages)} stages needs a second")
    return ", ".join(parts) or None


def _check(load: Load, users: int | None, rate: float | None, duration_s: float | None) -> None:
    if load.model == "open" and users is not None:
        hint = f"use --rate instead of --users, for example --rate {write_rate(load.peak)}"
        raise UsageError("this scenario's load is a rate of arrivals, not a number of users", hint=hint)
    if load.model == "closed" and rate is not None:
        hint = f"use --users instead of --rate, for example --users {load.peak:.0f}"
        raise UsageError("this scenario's load is a number of users, not a rate of arrivals", hint=hint)
    if users is not None and users < 1:
        raise UsageError(f"--users {users}: at least 1 user is needed")
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise UsageError("--rate must be more than 0/s")
    if duration_s is not None and not (math.isfinite(duration_s) and duration_s >= 1):
        raise UsageError("--duration must be at least 1s")
