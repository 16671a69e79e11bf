"""The JSON form of a second and its cells, in frames and in intervals.ndjson; checked once, while it is decoded.

A histogram is {n, sum_us, min_us, max_us} and either `h`, {bucket: count}, as recorders write it, or `b` and `c`, as
intervals.ndjson has it: the buckets in ascending order and the counts in them, in base64 of little-endian numbers, two
bytes a bucket and one, two, four or eight a count. That takes half the room and is read as a whole.
"""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

from loadctl.results.histogram import MOST_US, Histogram, bucket_of
from loadctl.results.interval import Interval, Second
from loadctl.results.packed import NOTHING, Packed

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
