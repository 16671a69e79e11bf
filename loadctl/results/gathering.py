"""Gathering: the seconds of a run as they are read, kept as moments and as spans, so that they are never all alive."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from loadctl.results.interval import Second
from loadctl.results.moment import Moment
from loadctl.results.recording import Span


@dataclass(slots=True)
class Gathering:
    """`edges`: ascending seconds at which something else begins, so that no span may reach across them."""

    edges: Sequence[int]
    _moments: dict[int, Moment] = field(default_factory=dict)
    _spans: dict[int, Span] = field(default_factory=dict)

    def add(self, second: Second) -> None:
        """In any order; a second may come in pieces."""
        moment = Moment.of(second)
        known = self._moments.get(second.t)
        self._moments[second.t] = moment if known is None else known + moment
        self._span(second.t).add(second.t, second.t, second.cells)

    def _span(self, t: int) -> Span:
        return self._spans.setdefault(bisect_right(self.edges, t), Span(t, t))

    @property
    def last_t(self) -> int:
        """-1 before there is any second."""
        return max(self._moments, default=-1)

    @property
    def seconds(self) -> list[Moment]:
        return [self._moments[t] for t in sorted(self._moments)]

    @property
    def spans(self) -> list[Span]:
        return [self._spans[place] for place in sorted(self._spans)]
