"""Frames: what a shard's recorder says, one JSON object a line; merged seconds have the same form.

Lines come from another process that may have been killed in the middle of one and, when a script is the
user's own, from code that is not ours. So everything is checked here, once: a line is either a whole record
or None, and a record's numbers agree with each other. A percentile taken of it later cannot fail.

Format history, newest first:
1  first published form
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from loadctl.results.histogram import MOST_US, Histogram, bucket_of
from loadctl.results.interval import Interval, Second
from loadctl.results.recording import Example

FORMAT = 1
MAX_LINE_BYTES = 32 << 20
"""500 endpoints with full histograms stay below this; what is longer is no frame and is not kept."""
_MAX_T = 10_000_000
_BUCKET_NUMBERS = {str(bucket): bucket for bucket in range(bucket_of(MOST_US) + 1)}
_MAX_TEXT = 4096
_MAX_WHOLE = 1 << 63
"""What a count or a sum of microseconds can be; beyond some hundred digits no float can hold it."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first line of a shard: which engine, in which process, and what its two clocks said just then."""

    format: int
    engine: str
    version: str
    pid: int
    shard: int
    monotonic_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Note:
    """Something the recorder has to say about itself: endpoint names capped, a faulty script, …"""

    message: str


@dataclass(frozen=True, slots=True)
class Bye:
    """The last line of a shard. `unfinished`: ages (ms) of requests still under way, by endpoint."""

    t: float
    unfinished: Mapping[str, Sequence[float]] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)


Frame: TypeAlias = Hello | Second | Example | Note | Bye


def parse(line: bytes | str) -> Frame | None:
    """One line of a shard's file; None for a torn or foreign line, or a kind this version does not know."""
    fields = _object(line)
    if fields is None:
        return None
    try:
        return _KINDS[_text(fields["kind"])](fields)
    except (KeyError, ValueError):
        return None


def from_line(line: bytes | str) -> Second | None:
    """One line of intervals.ndjson; None for a torn one."""
    fields = _object(line)
    if fields is None:
        return None
    try:
        return _second(fields)
    except (KeyError, ValueError):
        return None


def to_line(second: Second) -> str:
    """One line of intervals.ndjson, without a line end. Empty histograms and counters are left out."""
    line = {
        "t": second.t,
        "users": second.users,
        "leaving": second.leaving,
        "lag_ms": second.lag_ms,
        "late": _cell(second.late),
        "planned": second.planned,
        "begun": second.begun,
        "dropped": second.dropped,
        "turns": second.turns,
        "faults": second.faults,
        "cells": {endpoint: _interval_fields(interval) for endpoint, interval in second.cells.items()},
    }
    return json.dumps({key: value for key, value in line.items() if value is not None}, separators=(",", ":"))


def _interval_fields(interval: Interval) -> dict[str, object]:
    cells = {"ok": _cell(interval.ok), "failed": _cell(interval.failed), "ttfb": _cell(interval.ttfb)}
    counts: dict[str, object] = {
        "errors": dict(interval.errors),
        "rate_limited": interval.rate_limited,
        "in_flight": interval.in_flight,
        "bytes": interval.bytes,
    }
    return {key: value for key, value in (cells | counts).items() if value}


def _cell(histogram: Histogram) -> dict[str, object] | None:
    if not histogram.count:
        return None
    return {
        "n": histogram.count,
        "sum_us": histogram.sum_us,
        "min_us": histogram.min_us,
        "max_us": histogram.max_us,
        "h": dict(histogram.buckets),
    }


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _object(line: bytes | str) -> Mapping[str, object] | None:
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        text = line if isinstance(line, str) else line.decode("utf-8")
        found: object = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _hello(fields: Mapping[str, object]) -> Hello:
    clocks = _mapping(fields["clocks"])
    return Hello(
        format=_whole(fields["format"]),
        engine=_text(fields["engine"]),
        version=_text(fields["version"]),
        pid=_whole(fields["pid"]),
        shard=_whole(fields["shard"]),
        monotonic_s=_number(clocks["monotonic_s"]),
        wall_s=_number(clocks["wall_s"]),
    )


def _second(fields: Mapping[str, object]) -> Second:
    t = _whole(fields["t"])
    if t > _MAX_T:
        raise ValueError("no run is that long")
    cells = _mapping(fields.get("cells", {}))
    return Second(
        t=t,
        cells={_text(endpoint): _interval(_mapping(cell)) for endpoint, cell in cells.items()},
        users=_whole(fields.get("users", 0)),
        leaving=_whole(fields.get("leaving", 0)),
        lag_ms=[_number(lag) for lag in _sequence(fields.get("lag_ms", ()))],
        late=_histogram(fields.get("late")),
        planned=_whole(fields.get("planned", 0)),
        begun=_whole(fields.get("begun", 0)),
        dropped=_whole(fields.get("dropped", 0)),
        turns=_whole(fields.get("turns", 0)),
        faults=_whole(fields.get("faults", 0)),
    )


def _interval(cell: Mapping[str, object]) -> Interval:
    errors = _mapping(cell.get("errors", {}))
    return Interval(
        ok=_histogram(cell.get("ok")),
        failed=_histogram(cell.get("failed")),
        ttfb=_histogram(cell.get("ttfb")),
        errors=Counter({_text(name): _whole(count) for name, count in errors.items()}),
        rate_limited=_whole(cell.get("rate_limited", 0)),
        in_flight=_whole(cell.get("in_flight", 0)),
        bytes=_whole(cell.get("bytes", 0)),
    )


def _histogram(cell: object) -> Histogram:
    """Refused unless its buckets add up to its count and its minimum and maximum are in order."""
    if cell is None:
        return Histogram()
    fields = _mapping(cell)
    n = _whole(fields["n"])
    if n == 0:
        return Histogram()
    counts = _mapping(fields["h"])
    # In C all the way, and one number object for all that mean the same bucket: a long run has millions of them.
    numbers = cast("Mapping[str, int]", counts)
    if set(map(type, numbers.values())) != {int}:
        raise ValueError("a bucket holds a whole number")
    buckets = dict(zip(map(_BUCKET_NUMBERS.__getitem__, numbers), numbers.values(), strict=True))
    low, high = _whole(fields["min_us"]), _whole(fields["max_us"])
    if min(buckets.values()) <= 0 or sum(buckets.values()) != n or low > high:
        raise ValueError("the histogram does not agree with itself")
    return Histogram(buckets, n, _whole(fields["sum_us"]), low, high)


def _example(fields: Mapping[str, object]) -> Example:
    status = fields.get("status")
    return Example(
        t=_number(fields["t"]),
        endpoint=_text(fields["endpoint"]),
        error_class=_text(fields["class"]),
        status=None if status is None else _whole(status),
        message=_text(fields.get("message", "")),
        body=_text(fields.get("body", "")),
    )


def _bye(fields: Mapping[str, object]) -> Bye:
    unfinished = _mapping(fields.get("unfinished", {}))
    totals = _mapping(fields.get("totals", {}))
    return Bye(
        t=_number(fields["t"]),
        unfinished={
            _text(name): [_number(age) for age in _sequence(ages)] for name, ages in unfinished.items()
        },
        totals={_text(name): value for name, value in totals.items() if type(value) is int},
    )


def _note(fields: Mapping[str, object]) -> Note:
    return Note(_text(fields["message"]))


_KINDS: Mapping[str, Callable[[Mapping[str, object]], Frame]] = {
    "frame": _second,
    "hello": _hello,
    "example": _example,
    "note": _note,
    "bye": _bye,
}


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError("an object is expected")  # noqa: TRY004  one kind of error means: not a frame
    return value


def _sequence(value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise ValueError("a list is expected")  # noqa: TRY004
    return value


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < _MAX_WHOLE:
        raise ValueError("a whole number from 0 is expected")
    return value


def _number(value: object) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int and abs(value) < _MAX_WHOLE:
        return float(value)
    raise ValueError("a number is expected")


def _text(value: object) -> str:
    """At most 4096 characters that UTF-8 can hold: a lone surrogate would break a later print."""
    if not isinstance(value, str):
        raise ValueError("a text is expected")  # noqa: TRY004
    text = value[:_MAX_TEXT]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
