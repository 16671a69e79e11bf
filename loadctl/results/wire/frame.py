"""Frames: what a shard's recorder says, one JSON object a line.

Lines come from another process that may have been killed in the middle of one and, when a script is the
user's own, from code that is not ours. So everything is checked here, once: a line is either a whole record
or None, and a record's numbers agree with each other. A percentile taken of it later cannot fail.

Format history, newest first:
1  first published form
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

import msgspec

from loadctl.results.histogram import MOST_US, Histogram, bucket_of
from loadctl.results.interval import Interval, Second
from loadctl.results.packed import NOTHING, Packed
from loadctl.results.recording import Example, ScriptFault, VirtualUsers
from loadctl.scenario.unplanned_load import LevelChange

MAX_TEXT = 4096
MOST_S = 10_000_000
"""No run is longer: who counts its seconds comes to an end."""
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
_Count: TypeAlias = Annotated[int, msgspec.Meta(gt=0, le=1 << 53)]
_Bucket: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=bucket_of(MOST_US))]
_Number: TypeAlias = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
_Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MOST_S)]


class HistogramForm(msgspec.Struct, omit_defaults=True, gc=False):
    n: _Whole
    sum_us: _Whole | None = None
    min_us: _Whole | None = None
    max_us: _Whole | None = None
    h: dict[_Bucket, _Count] | None = None
    b: bytes = b""
    c: bytes = b""

    @classmethod
    def of(cls, packed: Packed) -> HistogramForm:
        return cls(
            n=packed.count - packed.untimed,
            sum_us=packed.sum_us,
            min_us=packed.min_us,
            max_us=packed.max_us,
            b=_little_endian(packed.buckets).tobytes(),
            c=_little_endian(packed.counts).tobytes(),
        )

    def histogram(self) -> Histogram:
        """Raises: ValueError unless its counts add up and its minimum and maximum are in order."""
        if self.h is None:
            return self.packed().histogram()
        if not self.n:
            return Histogram()
        return Histogram(self.h, *self._checked(sum(self.h.values())))

    def packed(self) -> Packed:
        """Raises: as `histogram`."""
        if self.h is not None:
            return Packed.of(self.histogram())
        if not self.n:
            return NOTHING
        width, rest = divmod(2 * len(self.c), len(self.b) or 1)
        if rest or width not in _CODES:
            raise ValueError("as many counts as buckets are expected")
        buckets, counts = array("H", self.b), array(_CODES[width], self.c)
        buckets, counts = _little_endian(buckets), _little_endian(counts)
        return Packed(buckets, counts, *self._checked(sum(counts if width > 1 else self.c)))

    def _checked(self, count: int) -> tuple[int, int, int, int]:
        low, high, total = self.min_us, self.max_us, self.sum_us
        if low is None or high is None or total is None or low > high or count != self.n:
            raise ValueError("the histogram does not agree with itself")
        return count, total, low, high


def _little_endian(numbers: array[int]) -> array[int]:
    """From or to this machine's own order."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers


class IntervalForm(msgspec.Struct, omit_defaults=True, gc=False):
    ok: HistogramForm | None = None
    failed: HistogramForm | None = None
    ttfb: HistogramForm | None = None
    errors: dict[str, _Whole] = {}
    untimed: _Whole = 0
    rate_limited: _Whole = 0
    in_flight: _Whole = 0
    bytes: _Whole = 0

    @classmethod
    def of(cls, interval: Interval) -> IntervalForm:
        return cls(
            ok=_form_of(interval.ok),
            failed=_form_of(interval.failed),
            ttfb=_form_of(interval.ttfb),
            errors=dict(interval.errors),
            untimed=interval.ok.untimed,
            rate_limited=interval.rate_limited,
            in_flight=interval.in_flight,
            bytes=interval.bytes,
        )

    @classmethod
    def counts_of(cls, interval: Interval) -> IntervalForm:
        """How many and how long in all, without histograms."""
        return cls(
            ok=_counts_of(interval.ok),
            failed=_counts_of(interval.failed),
            errors=dict(interval.errors),
            untimed=interval.ok.untimed,
            rate_limited=interval.rate_limited,
            in_flight=interval.in_flight,
            bytes=interval.bytes,
        )

    def interval(self) -> Interval:
        """Raises: ValueError for a histogram that does not agree with itself."""
        ok = _histogram_of(self.ok)
        ok.count += self.untimed
        ok.untimed = self.untimed
        return Interval(
            ok=ok,
            failed=_histogram_of(self.failed),
            ttfb=_histogram_of(self.ttfb),
            errors=Counter({printed(name): count for name, count in self.errors.items()}),
            rate_limited=self.rate_limited,
            in_flight=self.in_flight,
            bytes=self.bytes,
        )


class StateForm(msgspec.Struct, omit_defaults=True, gc=False):
    """What a second says of the generator."""

    t: _Time
    users: _Whole = 0
    leaving: _Whole = 0
    ended: _Whole = 0
    lag_ms: list[_Number] = []
    late: HistogramForm | None = None
    planned: _Whole = 0
    begun: _Whole = 0
    dropped: _Whole = 0
    turns: _Whole = 0
    faults: _Whole = 0


class SecondForm(StateForm, omit_defaults=True, gc=False):
    cells: dict[str, IntervalForm] = {}

    def second(self) -> Second:
        """Raises: ValueError for a histogram that does not agree with itself."""
        return Second(
            t=self.t,
            cells=cells_of(self.cells),
            users=self.users,
            leaving=self.leaving,
            ended=self.ended,
            lag_ms=self.lag_ms,
            late=_histogram_of(self.late),
            planned=self.planned,
            begun=self.begun,
            dropped=self.dropped,
            turns=self.turns,
            faults=self.faults,
        )


def cells_of(forms: Mapping[str, IntervalForm]) -> dict[str, Interval]:
    """Raises: ValueError for a histogram that does not agree with itself."""
    return {printed(endpoint): form.interval() for endpoint, form in forms.items()}


def printed(text: str) -> str:
    """At most 4096 characters that UTF-8 can hold: a lone surrogate would break a later print."""
    text = text[:MAX_TEXT]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _form_of(histogram: Histogram) -> HistogramForm | None:
    return HistogramForm.of(Packed.of(histogram)) if histogram.count > histogram.untimed else None


def _counts_of(histogram: Histogram) -> HistogramForm | None:
    timed = histogram.count - histogram.untimed
    if not timed:
        return None
    return HistogramForm(n=timed, sum_us=histogram.sum_us, min_us=histogram.min_us, max_us=histogram.max_us)


def _histogram_of(form: HistogramForm | None) -> Histogram:
    return Histogram() if form is None else form.histogram()


MAX_LINE_BYTES = 32 << 20
"""500 endpoints with full histograms stay below this; what is longer is no frame and is not kept."""
_FRAME_START = b'{"kind":"frame"'
_FRAMES = msgspec.json.Decoder(SecondForm)
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
    users: str | None = None
    """What its users are made of, for people: what is the engine's own, and what is loadctl's."""
    extension: str | None = None
    """What of loadctl's stands at the engine's own extension point: "engine loadctl"."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something the recorder has to say about itself: endpoint names capped, a faulty script, …"""

    message: str


@dataclass(frozen=True, slots=True)
class ScriptCode:
    """The script judged the run itself, and asks for this exit code."""

    code: int
    why: str = ""
    """In the words of the engine, where it has any."""


@dataclass(frozen=True, slots=True)
class Bye:
    """The last line of a shard. `unfinished`: ages (ms) of requests still under way, by endpoint."""

    t: float
    unfinished: Mapping[str, Sequence[float]] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    virtual_users: VirtualUsers | None = None


Frame: TypeAlias = Hello | Second | Example | Note | ScriptFault | ScriptCode | LevelChange | Bye


def parse(line: bytes | str) -> Frame | None:
    """One line of a shard's file; None for a torn or foreign line, or a kind this version does not know."""
    if len(line) > MAX_LINE_BYTES:
        return None
    raw = line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass")
    if raw.startswith(_FRAME_START):
        with contextlib.suppress(ValueError, RecursionError):
            return _FRAMES.decode(raw).second()
    fields = _object(raw)
    if fields is None:
        return None
    try:
        return _KINDS[_text(fields["kind"])](fields)
    except (KeyError, ValueError):
        return None


def finite(text: str) -> float:
    """For JSON readers: what they would take for NaN or an infinity is refused. Raises: ValueError."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a number")
    return number


_DECODER = json.JSONDecoder(parse_float=finite, parse_constant=finite)


def _object(line: bytes) -> Mapping[str, object] | None:
    try:
        found: object = _DECODER.decode(line.decode("utf-8"))
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
        users=_text(fields["users"]) if "users" in fields else None,
        extension=_text(fields["extension"]) if "extension" in fields else None,
    )


def _second(fields: Mapping[str, object]) -> Second:
    """For lines that the decoder of frames cannot take in one go: strangely ordered, or with half a surrogate pair."""
    return msgspec.convert(fields, SecondForm, str_keys=True).second()


def _example(fields: Mapping[str, object]) -> Example:
    status = fields.get("status")
    return Example(
        t=_time(fields["t"]),
        endpoint=_text(fields["endpoint"]),
        error_class=_text(fields["class"]),
        status=None if status is None else _whole(status),
        message=_text(fields.get("message", "")),
        body=_text(fields.get("body", "")),
        stale=fields.get("stale") is True,
    )


def _bye(fields: Mapping[str, object]) -> Bye:
    unfinished = _mapping(fields.get("unfinished", {}))
    totals = _mapping(fields.get("totals", {}))
    return Bye(
        t=_time(fields["t"]),
        unfinished={
            _text(name): [_number(age) for age in _sequence(ages)] for name, ages in unfinished.items()
        },
        totals={_text(name): n for name, n in totals.items() if type(n) is int and abs(n) < _MAX_WHOLE},
        virtual_users=_virtual_users(_mapping(fields["virtual_users"]))
        if "virtual_users" in fields
        else None,
    )


def _virtual_users(fields: Mapping[str, object]) -> VirtualUsers:
    return VirtualUsers(*(_whole(fields[name]) for name in ("created", "completed", "failed")))


def _note(fields: Mapping[str, object]) -> Note:
    return Note(_text(fields["message"]))


def _script(fields: Mapping[str, object]) -> ScriptFault | ScriptCode:
    what = _text(fields["what"])
    if what == "fault":
        return ScriptFault(_time(fields["t"]), _text(fields["message"]), _text(fields["where"]))
    if what == "verdict":
        return ScriptCode(int(_number(fields["code"])), _text(fields.get("why", "")))
    raise ValueError("a fault or a verdict is expected")


def _level(fields: Mapping[str, object]) -> LevelChange:
    t, per_s = _time(fields["t"]), _number(fields["per_s"])
    if t < 0 or per_s < 0:
        raise ValueError("a time and a rate from 0 are expected")
    return LevelChange(t, _whole(fields["users"]), per_s)


_KINDS: Mapping[str, Callable[[Mapping[str, object]], Frame]] = {
    "frame": _second,
    "hello": _hello,
    "example": _example,
    "note": _note,
    "script": _script,
    "level": _level,
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


def _time(value: object) -> float:
    seconds = _number(value)
    if abs(seconds) > MOST_S:
        raise ValueError("a time within a run is expected")
    return seconds


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is expected")  # noqa: TRY004
    return printed(value)
