"""What changes while one looks: the progress of a run, as five lines redrawn in a terminal or a plain line from time to
time, and what `loadctl watch` watches, on one screen or as plain lines. Record → str.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from loadctl.reports.printable import cut_in_the_middle, printable, shortened
from loadctl.results.live import HISTORY_S, Progress
from loadctl.results.readings import Entity, Latest
from loadctl.scenario import units
from loadctl.scenario.target import Target
from loadctl.scenario.units import format_bytes, format_clock, format_count, format_percent

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


_SUBJECTS = (("system", "SYSTEM"), ("companion", "BESIDE IT"), ("host", "MACHINE"))
_COMMON = (
    "cpu_pct",
    "cpu_cores",
    "cores_available",
    "memory_bytes",
    "memory_limit_bytes",
    "memory_rss_bytes",
)
_COUNTS = ("processes", "pids", "threads", "open_fds", "pods")
_NAME = 26
_EVENTS = 8
_SERIES_MAX = 12


def screen(latest: Latest, head: str, *, width: int = 80) -> list[str]:
    """All of it, the newest events last; lines of at most `width` columns."""
    lines = [f"{printable(head, width - 8):<{width - 8}}{format_clock(latest.t):>8}"]
    for subject, title in _SUBJECTS:
        entities = latest.of(subject)
        if entities:
            lines += ["", title]
        for name, entity in entities.items():
            lines += _entity(name, entity, width)
    events = list(latest.events)[-_EVENTS:]
    if events:
        lines += ["", "EVENTS"]
    for event in events:
        text = f"{event.kind.replace('_', ' ')}: {printable(event.message, 400)}"
        lines.append(f"  {format_clock(event.t):>6}  {cut_in_the_middle(text, width - 10)}")
    return lines


def plain(latest: Latest) -> list[str]:
    """One line a thing, for a pipe or a log."""
    lines = []
    for subject, _ in _SUBJECTS:
        for name, entity in latest.of(subject).items():
            counts = [_counts(entity)] if _counts(entity) else []
            figures = [*_figures(entity), *counts, *(_pair(*series) for series in _series(entity))]
            text = entity.reading.gap or ", ".join(figures)
            lines.append(f"{format_clock(latest.t)}  {printable(name, 60)}: {printable(text, 400)}")
    return lines


def _entity(name: str, entity: Entity, width: int) -> Iterator[str]:
    label = cut_in_the_middle(printable(name, 200), _NAME)
    if entity.reading.gap:
        yield f"  {label:<{_NAME}}  {cut_in_the_middle(printable(entity.reading.gap, 400), width - _NAME - 4)}"
        return
    share = entity.history.get("cpu_pct")
    bars = _bars("cpu_pct", share) if share else _bars("cpu_cores", entity.history.get("cpu_cores", ()))
    figures = ", ".join(_figures(entity))
    if figures:
        yield f"  {label:<{_NAME}}  {bars:<12}  {cut_in_the_middle(figures, width - _NAME - 18)}".rstrip()
    elif not entity.reading.values:
        yield f"  {label:<{_NAME}}  no readings yet"
    else:
        yield f"  {label}"
    if counts := _counts(entity):
        yield f"    {cut_in_the_middle(counts, width - 4)}"
    for series, value in list(_series(entity))[:_SERIES_MAX]:
        values = entity.history.get(series, ())
        text = cut_in_the_middle(printable(_label(series), 200), _NAME - 2)
        yield f"    {text:<{_NAME - 2}}  {_bars(series, values):<12}  {_value(series, value)}"


def _bars(name: str, values: Iterable[float]) -> str:
    return sparkline(values, 12, at_least=100.0 if name.endswith("_pct") else 0.0)


def _label(name: str) -> str:
    """Without the unit, that stands at the figure."""
    for unit in ("_bytes_per_s", "_per_s", "_pct", "_bytes"):
        name = name.removesuffix(unit)
    return name.replace("_", " ")


def _figures(entity: Entity) -> Iterator[str]:
    values = entity.reading.values
    cpu, used, cores = (values.get(name) for name in ("cpu_pct", "cpu_cores", "cores_available"))
    if cpu is not None:
        yield f"cpu {format_percent(cpu, 0)}" + (f" of {cores:g} cores" if cores is not None else "")
    elif used is not None:
        yield f"cpu {used:.2f} cores"
    memory, limit = (
        values.get("memory_bytes", values.get("memory_rss_bytes")),
        values.get("memory_limit_bytes"),
    )
    if memory is not None:
        yield f"memory {format_bytes(memory)}" + (f" of {format_bytes(limit)}" if limit is not None else "")
    if "log_lines" in values:
        errors, lines = (entity.totals.get(name, 0.0) for name in ("log_errors", "log_lines"))
        yield f"{format_count(int(errors))} errors in {format_count(int(lines))} lines"


def _counts(entity: Entity) -> str:
    values = entity.reading.values
    return ", ".join(f"{_label(name)} {values[name]:g}" for name in _COUNTS if name in values)


def _series(entity: Entity) -> Iterator[tuple[str, float]]:
    for name, value in entity.reading.values.items():
        if name not in _COMMON and name not in _COUNTS and not name.startswith("log_"):
            yield name, value


def _pair(name: str, value: float) -> str:
    return f"{_label(name)} {_value(name, value)}"


def _value(name: str, value: float) -> str:
    if name.endswith("_pct"):
        return format_percent(value, 0 if value >= 10 else 1)
    if name.endswith("_bytes"):
        return format_bytes(value)
    if name.endswith("_bytes_per_s"):
        return f"{format_bytes(value)}/s"
    if name.endswith("_per_s"):
        return f"{value:,.4g}/s"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
