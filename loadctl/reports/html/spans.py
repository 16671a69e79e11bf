"""What stands on the time axis: the stages, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadctl.reports.printable import printable
from loadctl.results.result import Result
from loadctl.scenario.units import format_clock

_MARKS_MAX = 60
_NO_MARK = frozenset({"stage", "log_messages", "log_rotated", "before", "after"})


@dataclass(frozen=True, slots=True)
class Span:
    name: str
    start_s: float
    end_s: float
    scored: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """`number` counts from 1: the chart has no room for words."""

    number: int
    t: float
    kind: str
    text: str

    @property
    def clock(self) -> str:
        return format_clock(self.t)


def spans(result: Result) -> list[Span]:
    start, end = result.window[0], max(result.window[1], result.window[0])
    return [
        Span(printable(stage.name, 60), stage.start_s, stage.end_s, start <= stage.start_s < end)
        for stage in result.stages
    ]


def marks(result: Result) -> Sequence[Mark]:
    """At most sixty, of which the first count most: what follows an event often repeats it."""
    told = [event for event in result.events if event.kind not in _NO_MARK]
    return [
        Mark(number, max(0.0, event.t), event.kind.replace("_", " "), printable(event.message, 300))
        for number, event in enumerate(told[:_MARKS_MAX], 1)
    ]
