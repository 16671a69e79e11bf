"""Latency over time as a heat map: the darker a field, the more requests took that long then."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from markupsafe import Markup

from loadctl.reports.html.svg_chart import LEFT, RIGHT, WIDTH, Scale, ticks, times
from loadctl.reports.html.tables import figure
from loadctl.results.charts import Heat
from loadctl.scenario.units import format_clock

LEVELS = 8
_HEIGHT, _TOP, _BOTTOM = 220, 8, 22


def heatmap(heat: Heat, length_s: float) -> Markup:
    """Empty without a success."""
    if not heat.cells:
        return Markup("")
    rows = [row for _, row, _ in heat.cells]
    low, high = Heat.edge_us(min(rows)), Heat.edge_us(max(rows) + 1)
    y = Scale(max(low, 1) / 1000, high / 1000, _HEIGHT - _BOTTOM, _TOP, log=True)
    x = Scale(0.0, float(max(length_s, 1)), LEFT, WIDTH - RIGHT)
    parts = [*_cells(heat, x, y), *_axes(x, y, length_s)]
    return Markup('<svg class="fig" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, _HEIGHT, "Heat map: how many requests took how long, over time", Markup("").join(parts)
    )


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
        for start, end, level in _runs(columns):
            left, right = x(start * heat.column_s), x(end * heat.column_s)
            levels[level].append(f"M{left} {top}H{right}V{bottom}H{left}Z")
    for level, boxes in sorted(levels.items()):
        opacity = round(level / LEVELS, 3)
        yield Markup('<path class="h{}" fill="#06c" fill-opacity="{}" d="{}"/>').format(
            level, opacity, "".join(boxes)
        )


def _runs(columns: dict[int, int]) -> Iterator[tuple[int, int, int]]:
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


def _axes(x: Scale, y: Scale, length_s: float) -> Iterator[Markup]:
    for value in ticks(y, 6):
        yield Markup('<path class="grid" stroke="#8884" d="M{} {}H{}"/>').format(
            LEFT, y(value), WIDTH - RIGHT
        )
        yield Markup('<text class="tick" font-size="11" text-anchor="end" x="{}" y="{}">{}</text>').format(
            LEFT - 6, y(value) + 4, figure(value, "ms")
        )
    for t in times(length_s):
        yield Markup('<text class="tick" font-size="11" text-anchor="middle" x="{}" y="{}">{}</text>').format(
            x(t), _HEIGHT - 6, format_clock(t)
        )
