"""Values of one name that stand in several series, told apart by labels: each of them, and the largest. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
SeriesKey: TypeAlias = tuple[str, Labels]
"""Name and labels: one series of a page."""

_SHOWN_MAX = 50
_NAME_MAX = 300


def labelled(name: str, labels: Labels) -> str:
    """`db_pool_in_use{pool="main"}`, as people write it; without labels the bare name."""
    if not labels:
        return name
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
    return f"{name}{{{inside}}}"[:_NAME_MAX]


def each(name: str, series: Mapping[Labels, float]) -> tuple[dict[str, float], str | None]:
    """One value for each series that has labels, the largest first and 50 at most; a note where more were left out."""
    shown = sorted(((labels, value) for labels, value in series.items() if labels), key=_largest_first)
    values = {labelled(name, labels): value for labels, value in shown[:_SHOWN_MAX]}
    if len(shown) <= _SHOWN_MAX:
        return values, None
    return values, f"{len(shown)} series; the {_SHOWN_MAX} largest are recorded one by one"


def _largest_first(item: tuple[Labels, float]) -> tuple[float, Labels]:
    return -item[1], item[0]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
