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
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec

from loadctl.results.histogram import MOST_US, NOTHING, Histogram, Packed, bucket_of
from loadctl.results.interval import GeneratorState, Interval, Second
from loadctl.results.recording import Example, ScriptFault, VirtualUsers
from loadctl.results.wire.record import MOST_S, Number, Time, Whole
from loadctl.scenario.load import LevelChange

MAX_TEXT = 4096
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_MOST = 1 << 53
_Count: TypeAlias = Annotated[int, msgspec.Meta(gt=0, le=_MOST)]
_Bucket: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=bucket_of(MOST_US))]


class HistogramForm(msgspec.Struct, omit_defaults=True, gc=False):
    n: Whole
    sum_us: Whole | None = None
    min_us: Whole | None = None
    max_us: Whole | None = None
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
    errors: dict[str, Whole] = {}
    untimed: Whole = 0
    rate_limited: Whole = 0
    in_flight: Whole = 0
    bytes: Whole = 0

    @classmethod
    def of(cls, interval: Interval, *, counts: bool = False) -> IntervalForm:
        """`counts`: only how many and how long in all, without histograms."""
        form = _counts_of if counts else _form_of
        return cls(
            ok=form(interval.ok),
            failed=form(interval.failed),
            ttfb=None if counts else form(interval.ttfb),
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


class SecondForm(GeneratorState, omit_defaults=True, gc=False):
    t: Annotated[int, msgspec.Meta(ge=0, le=MOST_S)]
    late: HistogramForm | None = None
    cells: dict[str, IntervalForm] = msgspec.field(default_factory=dict)

    def second(self) -> Second:
        """Raises: ValueError for a histogram that does not agree with itself."""
        return Second(self.t, cells_of(self.cells), _histogram_of(self.late), **self.state())


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


class Clocks(msgspec.Struct, frozen=True):
    monotonic_s: Number
    wall_s: Number


class Hello(msgspec.Struct, frozen=True):
    """The first line of a shard: which engine, in which process, and what its two clocks showed at that moment."""

    format: Whole
    engine: str
    version: str
    pid: Whole
    shard: Whole
    clocks: Clocks
    users: str | None = None
    """What its users are made of, for people: what is the engine's own, and what is loadctl's."""
    extension: str | None = None
    """What of loadctl's stands at the engine's own extension point: "engine loadctl"."""


class Note(msgspec.Struct, frozen=True):
    """Something the recorder has to say about itself: endpoint names capped, a faulty script, …"""

    message: str


class ScriptCode(msgspec.Struct, frozen=True):
    """The script judged the run itself, and asks for this exit code."""

    code: Annotated[int, msgspec.Meta(ge=-_MOST, le=_MOST)]
    why: str = ""
    """In the words of the engine, where it has any."""


class Bye(msgspec.Struct, frozen=True):
    """The last line of a shard. `unfinished`: ages (ms) of requests still under way, by endpoint."""

    t: Time
    unfinished: Mapping[str, tuple[Number, ...]] = {}
    totals: Mapping[str, Whole] = {}
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
    try:
        return _read(_DECODER.decode(raw.decode("utf-8")))
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def finite(text: str) -> float:
    """For JSON readers: what they would take for NaN or an infinity is refused. Raises: ValueError."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a number")
    return number


_DECODER = json.JSONDecoder(parse_float=finite, parse_constant=finite)


def _read(fields: dict[str, Any]) -> Frame | None:
    """Any line but a usual frame: these are few. Raises: ValueError, LookupError, TypeError."""
    kind = fields["kind"]
    if kind == "frame":  # strangely ordered, or with half a surrogate pair
        return msgspec.convert(fields, SecondForm, str_keys=True).second()
    fields = _printed(fields)
    if kind == "example":
        fields |= {"t_s": fields["t"], "error_class": fields["class"]}
    elif kind == "script":
        kind = fields["what"]
    found = msgspec.convert(fields, _KINDS[kind])
    if isinstance(found, LevelChange) and not (
        0 <= found.t <= MOST_S and 0 <= found.users <= _MOST and 0 <= found.per_s <= _MOST
    ):
        raise ValueError("a time, a number of users and a rate from 0 are expected")
    return found


_KINDS: Mapping[str, type[Hello | Example | Note | ScriptFault | ScriptCode | LevelChange | Bye]] = {
    "hello": Hello,
    "example": Example,
    "note": Note,
    "fault": ScriptFault,
    "verdict": ScriptCode,
    "level": LevelChange,
    "bye": Bye,
}


def _printed(value: Any) -> Any:
    match value:
        case str():
            return printed(value)
        case dict():
            return {printed(name): _printed(part) for name, part in value.items()}
        case list():
            return [_printed(part) for part in value]
    return value
