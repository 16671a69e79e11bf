"""ERRORS: what failed, a line for each class, in the words of the system where it had any. Record → str."""

from __future__ import annotations

from collections.abc import Sequence

from loadctl.reports.printable import printable
from loadctl.results.answer import said
from loadctl.results.recording import Example
from loadctl.results.result import Result
from loadctl.scenario.units import format_count, format_moment

_CLASSES = 5
_ENDPOINTS = 3


def failure_lines(result: Result) -> list[str]:
    """The commonest class first."""
    classes: dict[str, dict[str, int]] = {}
    for row in result.summary.endpoints:
        unfinished = {"unfinished": row.unfinished} if row.unfinished else {}
        for name, count in {**row.errors, **unfinished}.items():
            classes.setdefault(name, {})[row.endpoint] = count
    commonest = sorted(classes.items(), key=lambda item: -sum(item[1].values()))
    lines = [_line(name, counts, result.examples, result.started_at) for name, counts in commonest[:_CLASSES]]
    if len(classes) > _CLASSES:
        left = len(classes) - _CLASSES
        lines.append(f"… and {left} more kind{'s' if left > 1 else ''}: loadctl report --json")
    return lines


def _line(name: str, counts: dict[str, int], examples: Sequence[Example], began: str | None) -> str:
    found = sorted(counts.items(), key=lambda item: -item[1])
    if len(found) == 1:
        where = printable(found[0][0], 60)
    else:
        where = ", ".join(f"{printable(one, 60)} {format_count(count)}" for one, count in found[:_ENDPOINTS])
        if len(found) > _ENDPOINTS:
            where += f" and {len(found) - _ENDPOINTS} more"
    head = f"{format_count(sum(counts.values()))} × {printable(name.replace('_', ' '), 60)}, {where}"
    first = min((e for e in examples if e.error_class == name), key=lambda e: e.t, default=None)
    return (
        head
        if first is None
        else f'{head}, first at {format_moment(first.t, began)}: "{printable(said(first), 120)}"'
    )
