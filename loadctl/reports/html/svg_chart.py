"""Every drawing of the page as SVG: panels over time, which print and browsers without scripts show, the heat map, the
latency of an endpoint as a distribution and a curve, and figures by level."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from markupsafe import Markup, escape

from loadctl.reports.html.panels import PERCENTILES, Line, Panel, Span, Tone
from loadctl.reports.html.tables import figure
from loadctl.results.charts import AtLevel, Heat, bars, percentile_curve
from loadctl.results.histogram import Histogram
from loadctl.scenario.units import format_clock, format_count, format_ms

_TIMES_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_NARROW = 500
"""High by low of a logarithmic axis up to which there is room for 2 and 5 between the powers of ten."""


@dataclass(frozen=True, slots=True)
class Scale:
    """[low, high] of values onto [start, end] of a figure; `log`: equal factors take equal room."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, place = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, place = math.log(low), math.log(high), math.log(place)
        share = (place - low) / (high - low) if high > low else 0.0
        return round(self.start + share * (self.end - self.start), 1)


def from_zero(values: Sequence[float], start: float, end: float, *, at_least: float = 0.0) -> Scale:
    """A linear scale from 0 to a little above the highest value."""
    top = max([at_least, *values], default=0.0)
    return Scale(0.0, top * 1.06 if top > 0 else 1.0, start, end)


def by_factors(values: Sequence[float], start: float, end: float) -> Scale:
    """A logarithmic scale that holds all values above 0, with whole 1–2–5 steps at both ends."""
    above = [value for value in values if value > 0] or [1.0]
    low, high = _step_below(min(above)), _step_above(max(above))
    return Scale(low, high if high > low else low * 10, start, end, log=True)


def ticks(scale: Scale, most: int = 5) -> list[float]:
    """Round values within the scale."""
    if scale.log:
        return _decades(scale)
    span = scale.high - scale.low
    raw = span / most
    power = 10 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    step = next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= raw), 10 * power)
    return [round(index * step, 10) for index in range(math.floor(scale.high / step + 1e-9) + 1)]


def apart(places: Sequence[float], room: float, last: float) -> list[float]:
    """Ascending places, moved until each has so much room and none is beyond the last."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + room) if found else place)
    for index in range(len(found) - 1, -1, -1):
        found[index] = min(found[index], last)
        last = found[index] - room
    return found


def times(length_s: float, most: int = 10) -> list[int]:
    """Seconds at round distances, for a time axis."""
    step = next((s for s in _TIMES_S if length_s / s <= most), 86400)
    return list(range(0, math.floor(length_s) + 1, step))


def _decades(scale: Scale) -> list[float]:
    first, last = math.floor(math.log10(scale.low) + 1e-9), math.ceil(math.log10(scale.high) - 1e-9)
    factors = (1, 2, 5) if scale.high / scale.low <= _NARROW else (1,)
    values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
    return [round(v, 10) for v in values if scale.low * 0.999 <= v <= scale.high * 1.001]


def _step_below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(factor * power for factor in (0.5, 1, 2, 5) if factor * power <= value)


def _step_above(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return min(factor * power for factor in (1, 2, 5, 10) if factor * power >= value)


WIDTH, HEIGHT = 1040, 170
LEFT, RIGHT, TOP, BOTTOM = 64, 72, 10, 22
"""Right of the plot is room for the names of limits: no curve runs there."""
_LABEL = 12
_GROUPS = 320
"""Columns of a curve: in each, its lowest and its highest value are drawn."""
_FAR = 4.0
"""A limit further above all values than this factor is not drawn, because it would flatten the curves."""


def svg_chart(panel: Panel, bin_s: int, spans: Sequence[Span]) -> Markup:
    length = max((len(line.values) for line in panel.lines), default=0)
    x = Scale(0.0, float(max(1, length * bin_s)), LEFT, WIDTH - RIGHT)
    y = _vertical(panel)
    parts = [
        *_grounds(spans, x),
        *value_axis(y, panel.unit, LEFT, WIDTH - RIGHT, 4),
        *time_axis(x, length * bin_s, HEIGHT - 6),
        *(part for line in panel.lines for part in _line(line, x, y, bin_s)),
        *_limits(panel, y),
    ]
    title = f"{panel.title}: {', '.join(line.label for line in panel.lines)}"
    return drawing("fig", WIDTH, HEIGHT, title, parts)


def _vertical(panel: Panel) -> Scale:
    values = [value for line in panel.lines for value in line.values if value is not None]
    top = max([panel.at_least, *values], default=0.0)
    near = [limit.value for limit in panel.limits if panel.log or limit.value <= top * _FAR]
    start, end = HEIGHT - BOTTOM, TOP
    if panel.log:
        return by_factors([*values, *near], start, end)
    return from_zero([*values, *near], start, end, at_least=panel.at_least)


def _grounds(spans: Sequence[Span], x: Scale) -> Iterator[Markup]:
    for span in spans:
        if not span.scored and span.start_s < x.high:
            yield Markup('<rect class="unscored" fill="#8882" x="{}" y="{}" width="{}" height="{}"/>').format(
                x(span.start_s), TOP, round(x(span.end_s) - x(span.start_s), 1), HEIGHT - TOP - BOTTOM
            )


def value_axis(y: Scale, unit: str, left: int, right: int, most: int = 5) -> Iterator[Markup]:
    """Grid lines from `left` to `right`, each with its value before it."""
    for value in ticks(y, most):
        yield Markup('<path class="grid" stroke="#8884" d="M{} {}H{}"/>').format(left, y(value), right)
        yield Markup('<text class="tick" font-size="11" text-anchor="end" x="{}" y="{}">{}</text>').format(
            left - 6, y(value) + 4, figure(value, unit)
        )


def time_axis(x: Scale, length_s: float, bottom: int) -> Iterator[Markup]:
    return (tick(x(t), bottom, format_clock(t)) for t in times(length_s))


def tick(place: float, bottom: int, label: str) -> Markup:
    """A label below the plot."""
    return Markup('<text class="tick" font-size="11" text-anchor="middle" x="{}" y="{}">{}</text>').format(
        place, bottom, label
    )


def drawing(kind: str, width: int, height: int, label: str, parts: Iterable[Markup]) -> Markup:
    """The whole figure; `kind`: its classes."""
    return Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        kind, width, height, label, Markup("").join(parts)
    )


def _line(line: Line, x: Scale, y: Scale, bin_s: int) -> Iterator[Markup]:
    for run in _runs(line):
        points = [(x((index + 0.5) * bin_s), y(value)) for index, value in _thinned(run, len(line.values))]
        if line.bars:
            path = "".join(f"M{px} {y(y.low)}V{py}" for px, py in points if py != y(y.low))
        elif len(points) == 1:
            path = f"M{points[0][0] - 1} {points[0][1]}h2"
        else:
            path = "M" + "L".join(f"{px} {py}" for px, py in points)
        if line.filled and len(points) > 1:
            yield Markup('<path class="area {}" fill-opacity=".12" d="{}"/>').format(
                line.tone, f"{path}V{y(y.low)}H{points[0][0]}Z"
            )
        dash = Markup(' stroke-dasharray="5 4"') if line.dashed else Markup("")
        yield Markup('<path class="line {}" fill="none" stroke="#57a" stroke-width="1.5"{} d="{}"/>').format(
            line.tone, dash, path
        )


def _runs(line: Line) -> Iterator[list[tuple[int, float]]]:
    """Parts of a line without a gap in them."""
    run: list[tuple[int, float]] = []
    for index, value in enumerate(line.values):
        if value is None:
            continue
        if run and index - run[-1][0] > line.bridge + 1:
            yield run
            run = []
        run.append((index, value))
    if run:
        yield run


def _thinned(run: Sequence[tuple[int, float]], length: int) -> list[tuple[int, float]]:
    """In order of time: the lowest and the highest point of each column; none amid others of its height."""
    run = [
        point
        for before, point, after in zip([None, *run], run, [*run[1:], None], strict=False)
        if before is None or after is None or not before[1] == point[1] == after[1]
    ]
    size = -(-length // _GROUPS)
    if size <= 2:
        return run
    columns: dict[int, list[tuple[int, float]]] = {}
    for point in run:
        columns.setdefault(point[0] // size, []).append(point)
    kept = []
    for points in columns.values():
        low, high = min(points, key=lambda p: p[1]), max(points, key=lambda p: p[1])
        kept += sorted({low, high})
    return kept


def _limits(panel: Panel, y: Scale) -> Iterator[Markup]:
    shown = sorted(
        (limit for limit in panel.limits if y.low <= limit.value <= y.high), key=lambda limit: -limit.value
    )
    labels = apart([y(limit.value) for limit in shown], _LABEL, HEIGHT - BOTTOM)
    for limit, place in sorted(zip(shown, labels, strict=True), key=lambda pair: pair[0].critical):
        kind = "critical" if limit.critical else "target"
        yield Markup('<path class="limit {}" stroke="#c33" stroke-dasharray="2 3" d="M{} {}H{}"/>').format(
            kind, LEFT, y(limit.value), WIDTH - RIGHT
        )
        yield Markup('<text class="tick {}" font-size="10" x="{}" y="{}">{}</text>').format(
            kind, WIDTH - RIGHT + 4, round(place + 3, 1), escape(limit.label)
        )


LEVELS = 8
_HEAT_HEIGHT, _HEAT_TOP = 220, 8


def heatmap(heat: Heat, length_s: float) -> Markup:
    """Latency over time: the darker a field, the more requests took that long then; empty without a success."""
    if not heat.cells:
        return Markup("")
    rows = [row for _, row, _ in heat.cells]
    low, high = Heat.edge_us(min(rows)), Heat.edge_us(max(rows) + 1)
    y = Scale(max(low, 1) / 1000, high / 1000, _HEAT_HEIGHT - BOTTOM, _HEAT_TOP, log=True)
    x = Scale(0.0, float(max(length_s, 1)), LEFT, WIDTH - RIGHT)
    parts = [
        *_cells(heat, x, y),
        *value_axis(y, "ms", LEFT, WIDTH - RIGHT, 6),
        *time_axis(x, length_s, _HEAT_HEIGHT - 6),
    ]
    label = "Heat map: how many requests took how long, over time"
    return drawing("fig", WIDTH, _HEAT_HEIGHT, label, parts)


def level_of(count: int, most: int) -> int:
    """1 to LEVELS, by the root of the count: a single request among thousands stays visible."""
    return math.ceil(LEVELS * math.sqrt(count / most))


def _cells(heat: Heat, x: Scale, y: Scale) -> Iterator[Markup]:
    """One path for each level, with one box for each run of columns alike."""
    most = max(count for _, _, count in heat.cells)
    levels: dict[int, list[str]] = defaultdict(list)
    by_row: dict[int, dict[int, int]] = defaultdict(dict)
    for column, row, count in heat.cells:
        by_row[row][column] = level_of(count, most)
    for row, columns in by_row.items():
        bottom = y(max(Heat.edge_us(row), 1) / 1000)
        top = y(Heat.edge_us(row + 1) / 1000)
        for start, end, level in _equal_columns(columns):
            left, right = x(start * heat.column_s), x(end * heat.column_s)
            levels[level].append(f"M{left} {top}H{right}V{bottom}H{left}Z")
    for level, boxes in sorted(levels.items()):
        opacity = round(level / LEVELS, 3)
        yield Markup('<path class="h{}" fill="#06c" fill-opacity="{}" d="{}"/>').format(
            level, opacity, "".join(boxes)
        )


def _equal_columns(columns: dict[int, int]) -> Iterator[tuple[int, int, int]]:
    """(first column, column after the last, level)."""
    start = last = level = 0
    for column, found in sorted(columns.items()):
        if found != level or column != last + 1:
            if level:
                yield start, last + 1, level
            start, level = column, found
        last = column
    if level:
        yield start, last + 1, level


_Curve: TypeAlias = tuple[Tone, Sequence[tuple[float, float | None]]]
_HALF_WIDTH, _HALF_HEIGHT = 510, 210
_HALF_LEFT, _HALF_RIGHT, _HALF_TOP, _HALF_BOTTOM = 58, 14, 12, 26
_NINES = ((0.0, "0"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %"))
_SPARK_WIDTH, _SPARK_HEIGHT = 96, 22


def distribution(histogram: Histogram, name: str) -> Markup:
    found = bars(histogram)
    if not found:
        return Markup("")
    x = by_factors([found[0][0], found[-1][1]], _HALF_LEFT, _HALF_WIDTH - _HALF_RIGHT)
    most = max(count for _, _, count in found)
    y = Scale(0.0, 100 * most / histogram.count * 1.06, _HALF_HEIGHT - _HALF_BOTTOM, _HALF_TOP)
    parts = [*value_axis(y, "%", _HALF_LEFT, _HALF_WIDTH - _HALF_RIGHT), *_below_ms(x)]
    for low, high, count in found:
        left, top = x(low), y(100 * count / histogram.count)
        title = f"{format_count(count)} took {format_ms(low)} to {format_ms(high)}"
        parts.append(
            Markup(
                '<rect class="col main" fill="#57a" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
            ).format(left, top, max(1.0, round(x(high) - left - 0.6, 1)), round(y(0) - top, 1), title)
        )
    return _framed(parts, f"Distribution of the latency of {name}")


def curve(histogram: Histogram, name: str) -> Markup:
    """As far as there are enough requests for a reliable figure; what is beyond is not drawn."""
    points = percentile_curve(histogram)
    if not points:
        return Markup("")
    x = Scale(0.0, max(_nines(points[-1][0]), 1.0), _HALF_LEFT, _HALF_WIDTH - _HALF_RIGHT)
    y = by_factors([ms for _, ms in points], _HALF_HEIGHT - _HALF_BOTTOM, _HALF_TOP)
    parts = [*value_axis(y, "ms", _HALF_LEFT, _HALF_WIDTH - _HALF_RIGHT)]
    for q, label in _NINES:
        if _nines(q) <= x.high:
            place = x(_nines(q))
            parts.append(
                Markup('<path class="grid" stroke="#8884" d="M{} {}V{}"/>').format(
                    place, _HALF_TOP, _HALF_HEIGHT - _HALF_BOTTOM
                )
            )
            parts.append(_below(place, label))
    path = "M" + "L".join(f"{x(_nines(q))} {y(ms)}" for q, ms in points)
    parts.append(
        Markup('<path class="line main" fill="none" stroke="#57a" stroke-width="2" d="{}"/>').format(path)
    )
    return _framed(parts, f"Percentiles of the latency of {name}")


def spark(histogram: Histogram, low_ms: float, high_ms: float) -> Markup:
    """The distribution small, on an axis that all rows of a table share."""
    found = bars(histogram)
    if not found:
        return Markup("")
    x = Scale(low_ms, high_ms, 0, _SPARK_WIDTH, log=True)
    most = max(count for _, _, count in found)
    y = Scale(0.0, most, _SPARK_HEIGHT - 1, 2)
    floor = _SPARK_HEIGHT - 1
    path = "".join(
        f"M{x(low)} {floor}V{min(y(count), floor - 1)}H{max(x(high), x(low) + 1)}V{floor}Z"
        for low, high, count in found
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" width="{}" height="{}" aria-hidden="true">'
        '<path class="col main" fill="#57a" d="{}"/></svg>'
    ).format(_SPARK_WIDTH, _SPARK_HEIGHT, _SPARK_WIDTH, _SPARK_HEIGHT, path)


def range_ms(histograms: Sequence[Histogram]) -> tuple[float, float]:
    """The axis of the small pictures."""
    edges = [edge for histogram in histograms for bar in bars(histogram) for edge in bar[:2] if edge > 0]
    return (min(edges), max(edges)) if edges else (0.1, 1.0)


def latency_by_level(levels: Sequence[AtLevel], unit: str) -> Markup:
    known = [ms for level in levels for name in PERCENTILES if (ms := level.latency_ms[name]) is not None]
    y = by_factors(known, _HALF_HEIGHT - _HALF_BOTTOM, _HALF_TOP)
    lines = [
        (tone, [(level.level, level.latency_ms[name]) for level in levels])
        for name, tone in PERCENTILES.items()
    ]
    return _by_level(lines, y, "ms", f"Latency by {unit}")


def throughput_by_level(levels: Sequence[AtLevel], unit: str) -> Markup:
    most = max(max(level.ok_per_s, level.failed_per_s) for level in levels)
    lines: list[_Curve] = [("main", [(level.level, level.ok_per_s) for level in levels])]
    if any(level.failed_per_s for level in levels):
        lines.append(("bad", [(level.level, level.failed_per_s) for level in levels]))
    return _by_level(
        lines, from_zero([most], _HALF_HEIGHT - _HALF_BOTTOM, _HALF_TOP), "/s", f"Throughput by {unit}"
    )


def _by_level(lines: Sequence[_Curve], y: Scale, unit: str, label: str) -> Markup:
    x = from_zero(
        [place for _, points in lines for place, _ in points], _HALF_LEFT, _HALF_WIDTH - _HALF_RIGHT
    )
    parts = [
        *value_axis(y, unit, _HALF_LEFT, _HALF_WIDTH - _HALF_RIGHT),
        *(_below(x(value), f"{value:g}") for value in ticks(x, 6)),
    ]
    for tone, points in lines:
        places = [(x(place), y(value)) for place, value in points if value is not None]
        if places:
            path = "M" + "L".join(f"{left} {top}" for left, top in places)
            dots = "".join(f"M{left} {top}h0" for left, top in places)
            parts.append(
                Markup(
                    '<path class="line {}" fill="none" stroke="#57a" stroke-width="1.5" d="{}"/>'
                    '<path class="line {}" fill="none" stroke="#57a" stroke-width="6" stroke-linecap="round" d="{}"/>'
                ).format(tone, path, tone, dots)
            )
    return _framed(parts, label)


def _nines(q: float) -> float:
    return -math.log10(1 - q) if q < 1 else 6.0


def _below_ms(x: Scale) -> Iterator[Markup]:
    last = -100.0
    for value in ticks(x, 6):
        if x(value) - last > 52:
            last = x(value)
            yield _below(last, figure(value, "ms"))


def _below(place: float, label: str) -> Markup:
    return tick(place, _HALF_HEIGHT - 8, label)


def _framed(parts: Sequence[Markup], label: str) -> Markup:
    return drawing("fig half", _HALF_WIDTH, _HALF_HEIGHT, label, parts)
