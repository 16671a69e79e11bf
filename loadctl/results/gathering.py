"""The seconds of a run as they are read, kept as totals and as spans, so that they are never all in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadctl.results.histogram import Histogram, Packed
from loadctl.results.interval import Interval, Second, SecondTotal
from loadctl.results.recording import Latencies, Span
from loadctl.results.wire.line import Tally, read_line, tally_of


@dataclass(slots=True)
class Gathering:
    """`edges`: ascending seconds at which something else begins, so that no span may reach across them."""

    edges: Sequence[int]
    incomplete: bool = False
    """Seconds were read whose endpoints are not known: their tally is missing, of other seconds, or of both sides of an
    edge."""
    _totals: dict[int, SecondTotal] = field(default_factory=dict)
    _spans: dict[int, Span] = field(default_factory=dict)
    _latencies: dict[int, Latencies] = field(default_factory=dict)
    """By number of the tally."""
    _recent: tuple[int, int, int, dict[str, Histogram]] | None = None
    """Successes that are not packed yet: number of their tally, first and last second, by endpoint."""
    _unsettled: list[SecondTotal] = field(default_factory=list)
    """Since the last tally."""

    def add(self, second: Second) -> None:
        """In any order; a second may come in pieces."""
        self._put(SecondTotal.of(second))
        self._spread(second.t, second.t, second.cells)

    def read(self, line: bytes) -> None:
        """The next line of intervals.ndjson; a torn one is left out."""
        found = read_line(line)
        if isinstance(found, SecondTotal):
            self._put(found)
            self._unsettled.append(found)
        elif isinstance(found, Tally):
            self._settle(found)
        elif found is not None:
            self.add(found)

    def finish(self) -> None:
        """No more lines come."""
        self.incomplete |= bool(self._unsettled)

    def _settle(self, tally: Tally) -> None:
        unsettled, self._unsettled = self._unsettled, []
        first = min((total.t for total in unsettled), default=0)
        last = max((total.t for total in unsettled), default=0)
        if (
            len(unsettled) == tally.lines
            and self._place(first) == self._place(last)
            and _agree(unsettled, tally.cells)
        ):
            self._spread(first, last, tally.cells)
        else:
            self.incomplete = True

    def _put(self, total: SecondTotal) -> None:
        known = self._totals.get(total.t)
        self._totals[total.t] = total if known is None else known + total

    def _place(self, t: int) -> int:
        return bisect_right(self.edges, t)

    def _spread(self, first: int, last: int, cells: Mapping[str, Interval]) -> None:
        self._spans.setdefault(self._place(first), Span(first, last)).add(first, last, cells)
        number = tally_of(first)
        if self._recent is None or self._recent[0] != number:
            self._pack()
            self._recent = number, first, last, {}
        _, start, end, found = self._recent
        self._recent = number, min(start, first), max(end, last), found
        for endpoint, interval in cells.items():
            if interval.ok.count:
                found.setdefault(endpoint, Histogram()).merge(interval.ok)

    def _pack(self) -> None:
        if self._recent is None:
            return
        number, first, last, found = self._recent
        ok = {endpoint: Packed.of(histogram) for endpoint, histogram in found.items()}
        self._latencies.setdefault(number, Latencies(first, last)).add(first, last, ok)
        self._recent = None

    @property
    def last_t(self) -> int:
        """-1 before there is any second."""
        return max(self._totals, default=-1)

    @property
    def seconds(self) -> list[SecondTotal]:
        return [self._totals[t] for t in sorted(self._totals)]

    @property
    def latencies(self) -> list[Latencies]:
        """Of each endpoint, over times as short as those of tallies."""
        self._pack()
        return [self._latencies[number] for number in sorted(self._latencies)]

    @property
    def spans(self) -> list[Span]:
        return [self._spans[place] for place in sorted(self._spans)]


def _agree(totals: Sequence[SecondTotal], cells: Mapping[str, Interval]) -> bool:
    """Both add up to the same successes, failures, first bytes and expected 429s."""
    each = cells.values()
    return (
        sum(total.ok.count for total in totals) == sum(cell.ok.count for cell in each)
        and sum(total.failures for total in totals) == sum(cell.failed.count for cell in each)
        and sum(total.first_bytes.count for total in totals) == sum(cell.ttfb.count for cell in each)
        and sum(total.rate_limited for total in totals) == sum(cell.rate_limited for cell in each)
    )
