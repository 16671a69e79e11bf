"""A panel as a picture: for paper, and for where no script may run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from loadctl.reports.html.panels import Line, Panel, Span
from loadctl.reports.html.tables import figure
from loadctl.scenario.units import format_clock

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
"""A limit further above all values than this factor is told in words, or it would flatten the curves."""


def still(panel: Panel, bin_s: int, spans: Sequence[Span]) -> Markup:
    length = max((len(line.values) for line in panel.lines), default=0)
    x = Scale(0.0, float(max(1, length * bin_s)), LEFT, WIDTH - RIGHT)
    y = _vertical(panel)
    parts = [
        *_grounds(spans, x),
        *_grid(panel, x, y, length * bin_s),
        *(part for line in panel.lines for part in _line(line, x, y, bin_s)),
        *_limits(panel, y),
    ]
    title = f"{panel.title}: {', '.join(line.label for line in panel.lines)}"
    return Markup('<svg class="fig" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, title, Markup("").join(parts)
    )


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


def _grid(panel: Panel, x: Scale, y: Scale, length_s: float) -> Iterator[Markup]:
    for value in ticks(y, 4):
        place = y(value)
        yield Markup('<path class="grid" stroke="#8884" d="M{} {}H{}"/>').format(LEFT, place, WIDTH - RIGHT)
        yield Markup('<text class="tick" font-size="11" text-anchor="end" x="{}" y="{}">{}</text>').format(
            LEFT - 6, place + 4, figure(value, panel.unit)
        )
    for t in times(length_s):
        yield Markup('<text class="tick" font-size="11" text-anchor="middle" x="{}" y="{}">{}</text>').format(
            x(t), HEIGHT - 6, format_clock(t)
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
