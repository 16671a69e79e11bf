"""Drawings without a time axis: the latency of an endpoint as a distribution and a curve, and figures by level."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from markupsafe import Markup

from loadctl.reports.html.panels import PERCENTILES, Tone
from loadctl.reports.html.svg_chart import Scale, by_factors, drawing, from_zero, tick, ticks, value_axis
from loadctl.reports.html.tables import figure
from loadctl.results.charts import AtLevel, bars, percentile_curve
from loadctl.results.histogram import Histogram
from loadctl.scenario.units import format_count, format_ms

_Curve: TypeAlias = tuple[Tone, Sequence[tuple[float, float | None]]]
_WIDTH, _HEIGHT = 510, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 12, 26
_NINES = ((0.0, "0"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %"))
_SPARK_WIDTH, _SPARK_HEIGHT = 96, 22


def distribution(histogram: Histogram, name: str) -> Markup:
    found = bars(histogram)
    if not found:
        return Markup("")
    x = by_factors([found[0][0], found[-1][1]], _LEFT, _WIDTH - _RIGHT)
    most = max(count for _, _, count in found)
    y = Scale(0.0, 100 * most / histogram.count * 1.06, _HEIGHT - _BOTTOM, _TOP)
    parts = [*value_axis(y, "%", _LEFT, _WIDTH - _RIGHT), *_below_ms(x)]
    for low, high, count in found:
        left, top = x(low), y(100 * count / histogram.count)
        said = f"{format_count(count)} took {format_ms(low)} to {format_ms(high)}"
        parts.append(
            Markup(
                '<rect class="col main" fill="#57a" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
            ).format(left, top, max(1.0, round(x(high) - left - 0.6, 1)), round(y(0) - top, 1), said)
        )
    return _framed(parts, f"Distribution of the latency of {name}")


def curve(histogram: Histogram, name: str) -> Markup:
    """As far as there are enough requests for a reliable figure; what is beyond is not drawn."""
    points = percentile_curve(histogram)
    if not points:
        return Markup("")
    x = Scale(0.0, max(_nines(points[-1][0]), 1.0), _LEFT, _WIDTH - _RIGHT)
    y = by_factors([ms for _, ms in points], _HEIGHT - _BOTTOM, _TOP)
    parts = [*value_axis(y, "ms", _LEFT, _WIDTH - _RIGHT)]
    for q, label in _NINES:
        if _nines(q) <= x.high:
            place = x(_nines(q))
            parts.append(
                Markup('<path class="grid" stroke="#8884" d="M{} {}V{}"/>').format(
                    place, _TOP, _HEIGHT - _BOTTOM
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


def latency_by_level(levels: Sequence[AtLevel], said: str) -> Markup:
    known = [ms for level in levels for name in PERCENTILES if (ms := level.latency_ms[name]) is not None]
    y = by_factors(known, _HEIGHT - _BOTTOM, _TOP)
    lines = [
        (tone, [(level.level, level.latency_ms[name]) for level in levels])
        for name, tone in PERCENTILES.items()
    ]
    return _by_level(lines, y, "ms", f"Latency by {said}")


def throughput_by_level(levels: Sequence[AtLevel], said: str) -> Markup:
    most = max(max(level.ok_per_s, level.failed_per_s) for level in levels)
    lines: list[_Curve] = [("main", [(level.level, level.ok_per_s) for level in levels])]
    if any(level.failed_per_s for level in levels):
        lines.append(("bad", [(level.level, level.failed_per_s) for level in levels]))
    return _by_level(lines, from_zero([most], _HEIGHT - _BOTTOM, _TOP), "/s", f"Throughput by {said}")


def _by_level(lines: Sequence[_Curve], y: Scale, unit: str, label: str) -> Markup:
    x = from_zero([place for _, points in lines for place, _ in points], _LEFT, _WIDTH - _RIGHT)
    parts = [
        *value_axis(y, unit, _LEFT, _WIDTH - _RIGHT),
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
    return tick(place, _HEIGHT - 8, label)


def _framed(parts: Sequence[Markup], label: str) -> Markup:
    return drawing("fig half", _WIDTH, _HEIGHT, label, parts)
