"""`loadctl watch`: what is watched, on one screen that is redrawn, or as plain lines. Record → str."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loadctl.reports.printable import cut_in_the_middle, printable
from loadctl.reports.terminal.live import sparkline
from loadctl.results.readings import Entity, Latest
from loadctl.scenario.units import format_bytes, format_clock, format_count, format_percent

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
