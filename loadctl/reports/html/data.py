"""What the page's script draws, as JSON that cannot end the element it stands in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from loadctl.reports.html.panels import Line, Panel
from loadctl.reports.html.spans import Mark, Span
from loadctl.results.charts import Charts, Heat

_DIGITS = 4


def chart_data(
    charts: Charts, panels: Iterable[Panel], spans: Sequence[Span], marks: Sequence[Mark], length: int
) -> str:
    """`length`: bins. Numbers have four significant digits."""
    document = {
        "bin_s": charts.bin_s,
        "bins": length,
        "spans": [[span.name, span.start_s, span.end_s, span.scored] for span in spans],
        "marks": [[mark.number, mark.t, f"{mark.kind}: {mark.text}"] for mark in marks],
        "panels": [_panel(panel) for panel in panels],
        "heat": _heat(charts.heat),
    }
    return safe_json(document)


def safe_json(document: object) -> str:
    """ASCII without `<`, so that nothing in it is markup."""
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _panel(panel: Panel) -> dict[str, object]:
    return {
        "key": panel.key,
        "title": panel.title,
        "unit": panel.unit,
        "log": panel.log,
        "at_least": panel.at_least,
        "lines": [_line(line) for line in panel.lines],
        "limits": [[limit.label, limit.value, limit.critical] for limit in panel.limits],
    }


def _line(line: Line) -> dict[str, object]:
    return {
        "label": line.label,
        "tone": line.tone,
        "dashed": line.dashed,
        "filled": line.filled,
        "bars": line.bars,
        "bridge": line.bridge,
        "values": [None if value is None else _short(value) for value in line.values],
    }


def _short(value: float) -> float | int:
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() else short


def _heat(heat: Heat) -> dict[str, object]:
    rows = sorted({row for _, row, _ in heat.cells})
    return {
        "column_s": heat.column_s,
        "edges_ms": {row: [max(Heat.edge_us(row), 1) / 1000, Heat.edge_us(row + 1) / 1000] for row in rows},
        "cells": [number for cell in heat.cells for number in cell],
    }
