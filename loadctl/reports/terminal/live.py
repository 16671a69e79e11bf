"""The progress of a run: five lines redrawn in a terminal, or a plain line from time to time elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loadctl.reports.printable import printable, shortened
from loadctl.results.live import HISTORY_S, Progress
from loadctl.scenario import units
from loadctl.scenario.target import Target

_BARS = "▁▂▃▄▅▆▇█"
_SPARK_WIDTH = 15
P95, ERRORS = "latency_p95", "error_rate"
_LEAST_STAGE = 8
"""The fewest columns in which a stage's name is worth showing."""


def sparkline(values: Iterable[float | None], width: int = _SPARK_WIDTH, *, at_least: float = 0.0) -> str:
    """The last `width` values as bars from zero to their maximum, or to `at_least` if that is more; None is a gap."""
    last = list(values)[-width:]
    top = max([at_least, *(value for value in last if value is not None)])
    if top <= 0:
        return "".join(" " if value is None else _BARS[0] for value in last)
    return "".join(" " if value is None else _BARS[int(7.999 * max(0.0, value / top))] for value in last)


def live_lines(progress: Progress, targets: Iterable[Target] = (), width: int = 80) -> list[str]:
    """Load, requests, failures, latency and system, each on a line that is shorter than `width`."""
    targets = list(targets)
    spark = _SPARK_WIDTH + max(0, min(HISTORY_S - _SPARK_WIDTH, width - 80))

    def line(head: str, value: str, values: Iterable[float | None], words: str) -> str:
        return shortened(f"  {head:<10}{value:<14}{sparkline(values, spark):<{spark + 2}}{words}", width - 1)

    level = "users" if progress.load.model == "closed" else "in flight"
    planned = level == "users" and progress.load.stages
    plan = f"{progress.users} of {progress.planned:.0f}" if planned else f"{progress.users}"
    time = _time(progress)
    room = width - 1 - len(line(level, plan, (), f"{time}, "))
    if progress.stage and room >= min(len(printable(progress.stage)), _LEAST_STAGE):
        time += f", {shortened(printable(progress.stage), room)}"
    counts = f"last {len(progress.rates)} s; {units.format_count(progress.completed)} in all"
    if progress.dropped:
        counts += f", {units.format_count(progress.dropped)} dropped"
    shares = [
        100 * failed / done if done else None
        for failed, done in zip(progress.failures, progress.rates, strict=True)
    ]
    return [
        line(level, plan, progress.levels, time),
        line("requests", f"{progress.rate_per_s:.1f} /s", progress.rates, counts),
        line("failed", _failed(progress), shares, _errors(progress, targets)),
        line("p95", _p95(progress), progress.p95s, _beside(progress.p95_ms, _target(P95, targets))),
        shortened(f"  {'system':<10}{_system(progress)}", width - 1),
    ]


def _p95(progress: Progress) -> str:
    return "–" if progress.p95_ms is None else units.format_ms(progress.p95_ms)


def _failed(progress: Progress) -> str:
    return "–" if progress.error_pct is None else units.format_percent(progress.error_pct, 2)


def _errors(progress: Progress, targets: Sequence[Target]) -> str:
    limit = _beside(progress.error_pct, _target(ERRORS, targets))
    common = progress.commonest_error
    return ", ".join(part for part in (common and common.replace("_", " "), limit) if part)


def _target(metric: str, targets: Sequence[Target]) -> Target | None:
    return next((one for one in targets if one.metric == metric and one.scope.kind == "run"), None)


def _is_over(value: float | None, limit: Target | None) -> bool:
    return value is not None and limit is not None and value > limit.critical


def _beside(value: float | None, limit: Target | None) -> str:
    if limit is None:
        return ""
    over = _is_over(value, limit)
    return f"{'over the ' * over}limit {'of ' * over}{units.format_limit(limit.critical, limit.unit)}"


def _time(progress: Progress) -> str:
    if not progress.load.stages:
        return f"{_seconds(progress.t + 1)} so far"
    total = progress.load.duration_s
    done = min(total, progress.t + 1)
    if done >= total:
        return f"{_seconds(total)} done, draining"
    return f"{_seconds(done)} of {_seconds(total)}, {_seconds(total - done)} left"


def plain_line(progress: Progress, targets: Iterable[Target] = ()) -> str:
    """The same for a log: one line, no colours, no redrawing; a limit is shown where it is crossed."""
    targets = list(targets)
    p95, errors = _target(P95, targets), _target(ERRORS, targets)
    slow = f" ({_beside(progress.p95_ms, p95)})" if _is_over(progress.p95_ms, p95) else ""
    words = _errors(progress, targets if _is_over(progress.error_pct, errors) else ())
    failed = f"{_failed(progress)} failed" + (f" ({words})" if words else "")
    level = f"{progress.users} users" if progress.load.model == "closed" else f"{progress.users} in flight"
    end = f"/{units.format_clock(progress.load.duration_s)}" if progress.load.stages else ""
    parts = [
        f"{units.format_clock(progress.t + 1)}{end}",
        level,
        f"last {len(progress.rates)} s: {progress.rate_per_s:.1f}/s, p95 {_p95(progress)}{slow}, {failed}",
        f"{units.format_count(progress.failed)} failed in all",
    ]
    cpu = progress.system.values.get("cpu_pct") if progress.system else None
    if cpu is not None:
        parts.append(f"cpu {units.format_percent(cpu, 0)}")
    return "  ".join(parts)


def plain_every_s(t: float) -> int:
    """How often a plain line is due: every 10 s at first, rarer as the run grows long."""
    return 10 if t < 600 else 60 if t < 3600 else 300


def _system(progress: Progress) -> str:
    reading = progress.system
    if reading is None:
        return "not watched"
    if reading.gap:
        return printable(reading.gap)
    cpu, cores, memory = (reading.values.get(key) for key in ("cpu_pct", "cores_available", "memory_bytes"))
    parts = []
    if cpu is not None:
        parts.append(
            f"cpu {units.format_percent(cpu, 0)}" + (f" of {cores:g} cores" if cores is not None else "")
        )
    if memory is not None:
        parts.append(f"memory {units.format_bytes(memory)}")
    return ", ".join(parts) or "no readings yet"


def _seconds(s: float) -> str:
    return f"{s:.0f} s" if s < 120 else f"{s / 60:.0f} min" if s < 7200 else f"{s / 3600:.1f} h"
