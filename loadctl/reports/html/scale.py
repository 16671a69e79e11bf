"""Axes: from values to places on a figure, and the round values that stand beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
