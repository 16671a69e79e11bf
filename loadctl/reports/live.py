"""The run while it goes: four lines that are redrawn in a terminal, one plain line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

from loadctl.results.progress import Progress
from loadctl.scenario.target import Target
from loadctl.scenario.units import (
    format_bytes,
    format_clock,
    format_count,
    format_limit,
    format_ms,
    format_percent,
)

_BARS = "▁▂▃▄▅▆▇█"
_SPARK_WIDTH = 15


def sparkline(values: Iterable[float], width: int = _SPARK_WIDTH, *, at_least: float = 0.0) -> str:
    """The last `width` values as bars from zero to their maximum, or to `at_least` where that is more."""
    last = list(values)[-width:]
    top = max(at_least, max(last, default=0.0))
    if top <= 0:
        return _BARS[0] * len(last)
    return "".join(_BARS[min(7, int(value / top * 7.999))] for value in last)


def live_lines(progress: Progress, targets: Iterable[Target] = ()) -> list[str]:
    """Load, requests, latency and system, each on a line of at most 79 columns."""
    total = progress.load.duration_s
    done = min(total, progress.t + 1)
    level = "users" if progress.load.model == "closed" else "in flight"
    plan = f"{progress.users} of {progress.planned:.0f}" if level == "users" else f"{progress.users}"
    left = f"{_seconds(done)} of {_seconds(total)}, {_seconds(total - done)} left"
    if done >= total:
        left = f"{_seconds(total)} done, draining"
    rate = f"{progress.rate_per_s:.1f} /s"
    p95 = "–" if progress.p95_ms is None else format_ms(progress.p95_ms)
    limit = next((t for t in targets if t.metric == "latency_p95" and t.scope.kind == "run"), None)
    counts = f"{format_count(progress.completed)}, {format_count(progress.failed)} failed"
    if progress.dropped:
        counts += f", {format_count(progress.dropped)} dropped"
    lines = [
        f"  {level:<10}{plan:<10}{sparkline(progress.levels):<{_SPARK_WIDTH + 2}}{left}",
        f"  {'requests':<10}{rate:<10}{sparkline(progress.rates):<{_SPARK_WIDTH + 2}}{counts}",
        f"  {'p95':<10}{p95:<10}{sparkline(progress.p95s):<{_SPARK_WIDTH + 2}}"
        + (f"limit {format_limit(limit.critical, limit.unit)}" if limit else "of the last 30 s"),
    ]
    return [*lines, f"  {'system':<10}{_system(progress)}"]


def plain_line(progress: Progress) -> str:
    """The same for a log: one line, no colours, no redrawing."""
    p95 = "–" if progress.p95_ms is None else format_ms(progress.p95_ms)
    level = f"{progress.users} users" if progress.load.model == "closed" else f"{progress.users} in flight"
    parts = [
        f"{format_clock(progress.t + 1)}/{format_clock(progress.load.duration_s)}",
        level,
        f"{progress.rate_per_s:.1f}/s",
        f"p95 {p95}",
        f"{format_count(progress.failed)} failed",
    ]
    cpu = progress.system.values.get("cpu_pct") if progress.system else None
    if cpu is not None:
        parts.append(f"cpu {format_percent(cpu, 0)}")
    return "  ".join(parts)


def plain_every_s(t: float) -> int:
    """How often a plain line is due: every 10 s at first, rarer as the run grows long."""
    return 10 if t < 600 else 60 if t < 3600 else 300


def _system(progress: Progress) -> str:
    reading = progress.system
    if reading is None:
        return "not watched"
    if reading.gap:
        return reading.gap
    cpu, cores, memory = (reading.values.get(key) for key in ("cpu_pct", "cores_available", "memory_bytes"))
    parts = []
    if cpu is not None:
        parts.append(f"cpu {format_percent(cpu, 0)}" + (f" of {cores:g} cores" if cores is not None else ""))
    if memory is not None:
        parts.append(f"memory {format_bytes(memory)}")
    return ", ".join(parts) or "no readings yet"


def _seconds(s: float) -> str:
    return f"{s:.0f} s" if s < 120 else f"{s / 60:.0f} min" if s < 7200 else f"{s / 3600:.1f} h"
