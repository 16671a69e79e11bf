"""A planned load as a picture of characters: the level over time, what of it is scored, and a clock below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadctl.scenario.load import Load
from loadctl.scenario.units import format_clock

_BLOCKS = " ▁▂▃▄▅▆▇█"
_ROWS = 6
_SAMPLES = 4
_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_TICK_ROOM = 9


def curve(load: Load, width: int) -> Iterator[str]:
    """Lines of at most `width` characters; none for a load without stages."""
    if not load.stages or load.duration_s <= 0:
        return
    margin = max(len(f"{load.peak:g}"), len(f"{load.peak / 2:g}"), 3) + 1
    columns = max(20, width - margin - 1)
    levels = [_level(load, column, columns) for column in range(columns)]
    for row in range(_ROWS, 0, -1):
        label = {_ROWS: f"{load.peak:g}", _ROWS // 2: f"{load.peak / 2:g}"}.get(row, "")
        yield f"{label:>{margin}} {''.join(_cell(level, load.peak, row) for level in levels)}".rstrip()
    yield f"{'0':>{margin}} {_axis(load, columns)}"
    yield f"{'':>{margin}} {_clock(load.duration_s, columns)}"
    if "·" in _axis(load, columns):
        yield f"{'':>{margin}} ─ scored   · not scored: {' and '.join(_unscored(load))}"


def _level(load: Load, column: int, columns: int) -> float:
    """The highest level within a column: a short peak must not fall between two of them."""
    step = load.duration_s / columns
    return max(load.level_at((column + (i + 0.5) / _SAMPLES) * step) for i in range(_SAMPLES))


def _cell(level: float, peak: float, row: int) -> str:
    if not peak:
        return " "
    eighths = round((level / peak * _ROWS - (row - 1)) * 8)
    if row == 1 and level > 0:
        eighths = max(1, eighths)
    return _BLOCKS[max(0, min(8, eighths))]


def _axis(load: Load, columns: int) -> str:
    start, end = load.window
    step = load.duration_s / columns
    return "".join("─" if start <= (column + 0.5) * step < end else "·" for column in range(columns))


def _unscored(load: Load) -> Sequence[str]:
    start, end = load.window
    return [*(["warm-up"] if start else []), *(["ramp-down"] if end < load.duration_s else [])] or ["warm-up"]


def _clock(duration_s: float, columns: int) -> str:
    """Times at round distances, each beginning at its column; the end is always there."""
    end = format_clock(duration_s)
    every = next((s for s in _TICKS_S if s / duration_s * columns >= _TICK_ROOM), duration_s)
    text = ""
    for number in range(int(duration_s // every) + 1):
        at = int(number * every / duration_s * columns)
        label = format_clock(number * every)
        if at + len(label) < columns - len(end):
            text = f"{text:<{at}}{label}"
    return f"{text:<{columns - len(end)}}{end}"
