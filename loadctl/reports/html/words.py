"""Figures as they stand in the page."""

from __future__ import annotations

from loadctl.reports.scores import UNKNOWN
from loadctl.scenario.units import format_bytes, format_count, format_duration, format_limit


def figure(value: float, unit: str) -> str:
    """Beside an axis: `200 ms`, `1k/s`, `50 %`, `400 MB`."""
    match unit:
        case "bytes":
            return format_bytes(value) if value else "0"
        case "users" | "":
            return f"{value:,.6g}"
        case "/s":
            return f"{value:,.6g}/s"
        case "s":
            return format_duration(value) if value else "0 s"
        case _:
            return format_limit(value, unit)


def evidence(value: float | str | None) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return value
    return format_count(value) if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
