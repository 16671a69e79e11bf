"""The lines of intervals.ndjson: one a second, and now and then a tally.

A second has `total`, all endpoints together with their histograms, and `cells`, each endpoint without them. A tally
follows now and then (`tally_of`), and wherever something else begins: {"tally": lines, "cells": …}, so many lines
before it added up, with the histograms of each endpoint. A result needs no more (results/gathering.py); what each
endpoint did in each second is in the frames, and would be far more. Lines of an older form hold it in `cells`
themselves, and have no total.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, TypeAlias

import msgspec

from loadctl.results.boundaries import BOUNDARY_KINDS, boundaries
from loadctl.results.histogram import NOTHING, Packed
from loadctl.results.interval import NO_ERRORS, GeneratorState, Interval, Second, SecondTotal
from loadctl.results.recording import Event
from loadctl.results.wire.frame import (
    MAX_LINE_BYTES,
    HistogramForm,
    IntervalForm,
    SecondForm,
    cells_of,
    printed,
)
from loadctl.results.wire.record import MOST_S
from loadctl.scenario.load import Load

_TALLY_PART = 60


def tally_of(t: int) -> int:
    """The number of the tally that second `t` belongs to.

    A tally is as long as a sixtieth of the time before it, and at least a second: a chart of a run of any length has
    enough of them, and four hours have no more than 330.
    """
    return int(_TALLY_PART * math.log1p(max(0, t) / _TALLY_PART))


class _LineForm(GeneratorState, omit_defaults=True, gc=False):
    t: Annotated[int, msgspec.Meta(ge=0, le=MOST_S)]
    late: HistogramForm | None = None
    total: IntervalForm | None = None
    cells: msgspec.Raw = msgspec.Raw(b"{}")


class _TallyForm(msgspec.Struct, gc=False):
    tally: Annotated[int, msgspec.Meta(ge=1)]
    cells: dict[str, IntervalForm]


@dataclass(frozen=True, slots=True)
class Tally:
    """The cells of so many lines, added up."""

    lines: int
    cells: Mapping[str, Interval]


Line: TypeAlias = SecondTotal | Tally | Second

_LINE = msgspec.json.Decoder(_LineForm)
_TALLY = msgspec.json.Decoder(_TallyForm)
_SECOND = msgspec.json.Decoder(SecondForm)
_TALLY_START = b'{"tally":'


class Lines:
    """What is written of seconds. A tally never reaches across one of boundaries(), as far as that is known."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._events: list[Event] = []
        self._boundaries = boundaries(load, ())
        self._place = (0, 0)
        self._count = 0
        self._cells: dict[str, Interval] = {}

    def heed(self, event: Event) -> None:
        """Something happened: perhaps there is another boundary from now on."""
        if event.kind in BOUNDARY_KINDS:
            self._events.append(event)
            self._boundaries = boundaries(self._load, self._events)

    def of(self, second: Second) -> Iterator[str]:
        place = bisect_right(self._boundaries, second.t), tally_of(second.t)
        if place != self._place:
            yield from self.rest()
            self._place = place
        yield _second_line(second)
        self._count += 1
        for endpoint, interval in second.cells.items():
            self._cells.setdefault(endpoint, Interval()).merge(interval)

    def rest(self) -> Iterator[str]:
        """The tally of what has none yet."""
        if self._count:
            cells = {endpoint: IntervalForm.of(interval) for endpoint, interval in self._cells.items()}
            yield msgspec.json.encode(_TallyForm(self._count, cells)).decode()
        self._count = 0
        self._cells = {}


def _second_line(second: Second) -> str:
    counts = {endpoint: IntervalForm.of(cell, counts=True) for endpoint, cell in second.cells.items()}
    form = _LineForm(
        second.t,
        HistogramForm.of(Packed.of(second.late)) if second.late.count else None,
        IntervalForm.of(second.together()),
        msgspec.Raw(msgspec.json.encode(counts)),
        **second.state(),
    )
    return msgspec.json.encode(form).decode()


def read_line(line: bytes) -> Line | None:
    """None for a torn one."""
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        if line.startswith(_TALLY_START):
            tally = _TALLY.decode(line)
            return Tally(tally.tally, cells_of(tally.cells))
        form = _LINE.decode(line)
        return _SECOND.decode(line).second() if form.total is None else _second_total(form, form.total)
    except (ValueError, RecursionError):
        return None


def _second_total(form: _LineForm, total: IntervalForm) -> SecondTotal:
    return SecondTotal(
        t=form.t,
        ok=_with_untimed(_packed(total.ok), total.untimed),
        first_bytes=NOTHING if total.ttfb is None else _AsRead(total.ttfb),
        failures=total.failed.n if total.failed else 0,
        errors={printed(name): n for name, n in total.errors.items()} if total.errors else NO_ERRORS,
        rate_limited=total.rate_limited,
        in_flight=total.in_flight,
        late=_packed(form.late),
        **form.state(),
    )


@dataclass(frozen=True, slots=True)
class _AsRead:
    """Unpacked when somebody asks; nothing where it does not agree with itself."""

    form: HistogramForm

    @property
    def count(self) -> int:
        return self.form.n

    def packed(self) -> Packed:
        try:
            return self.form.packed()
        except ValueError:
            return NOTHING


def _packed(form: HistogramForm | None) -> Packed:
    return NOTHING if form is None else form.packed()


def _with_untimed(packed: Packed, untimed: int) -> Packed:
    return replace(packed, count=packed.count + untimed, untimed=untimed) if untimed else packed
