"""Who answers a metrics page: one process, one that restarted, or several that answer in turn. Pure.

Several workers behind one port that share no counters each tell their own page, so that a scrape meets one at random:
start times flip, counters jump up and down. A restart looks the same at first. So a change is held until the next
scrapes show what it was; the event of a restart bears its true time all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from loadctl.monitors.prometheus.exposition import SeriesKey

_CONFIRMED_BY = 3
_DOUBTED_BY = 10
_CLOCKS_DIFFER_S = 2.0


class Life(Enum):
    SAME = "the same process as before"
    HELD = "a change, not yet understood"
    NEW = "it restarted, or its counters were reset"
    SEVERAL = "several workers"


@dataclass(frozen=True, slots=True)
class Look:
    """`started`, `wall`: seconds since the epoch, by the system's clock and by ours; `at`: on the monotonic clock."""

    started: float | None
    counters: Mapping[SeriesKey, float]
    wall: float
    at: float


@dataclass(frozen=True, slots=True)
class Restart:
    """`at`: on the monotonic clock, between the two scrapes that saw the old process and the new one."""

    at: float
    started: float


class PageLife:
    def __init__(self) -> None:
        self._accepted: Look | None = None
        self._held: list[Look] = []
        self._several = False
        self._restarts: list[Restart] = []

    def update(self, look: Look) -> Life:
        """What this scrape means; where it is NEW, `take_restarts` has the restarts, if it was one."""
        if self._several:
            return Life.SEVERAL
        if self._accepted is None or (not self._held and _same(self._accepted, look)):
            self._accepted = look
            return Life.SAME
        if not self._held:
            self._held = [look]
            return Life.HELD
        return self._understand(self._accepted, look)

    def take_restarts(self) -> list[Restart]:
        taken, self._restarts = self._restarts, []
        return taken

    def finish(self) -> list[Restart]:
        """At the end of the watch: a change that nothing contradicted was a restart."""
        if self._accepted and self._held and _began_after(self._held[0], self._accepted):
            self._accept(self._accepted)
        return self.take_restarts()

    def _understand(self, accepted: Look, look: Look) -> Life:
        first, last = self._held[0], self._held[-1]
        if _same(accepted, look):
            return self._give_up()
        if _same(last, look):
            self._held.append(look)
            certain = first.started is None or _equal_start(first, accepted) or _began_after(first, accepted)
            if len(self._held) <= (_CONFIRMED_BY if certain else _DOUBTED_BY):
                return Life.HELD
            self._accept(accepted)
            return Life.NEW
        if _began_after(look, last):  # restarted once more before the first restart was understood
            self._accept(accepted)
            self._held = [look]
            return Life.HELD
        return self._give_up()

    def _give_up(self) -> Life:
        self._several = True
        self._held = []
        return Life.SEVERAL

    def _accept(self, accepted: Look) -> None:
        """The held process is the one that answers now."""
        first = self._held[0]
        if first.started is not None and not _equal_start(first, accepted):
            at = first.at - (first.wall - first.started)
            self._restarts.append(Restart(min(max(at, accepted.at), first.at), first.started))
        self._accepted = self._held[-1]
        self._held = []


def _same(before: Look, after: Look) -> bool:
    """One process: the same start, and no counter went back."""
    if any(after.counters.get(key, value) < value for key, value in before.counters.items()):
        return False
    if before.started is None or after.started is None:
        return before.started is after.started
    apart = abs(after.started - before.started)
    # Clients that add the boot time anew at each scrape jitter by exactly 1 s when the clock is slewed.
    return apart < 0.005 or abs(apart - 1) < 0.02


def _equal_start(one: Look, other: Look) -> bool:
    return one.started is not None and other.started is not None and abs(one.started - other.started) < 0.005


def _began_after(look: Look, before: Look) -> bool:
    return (
        look.started is not None
        and before.started is not None
        and look.started > before.started
        and look.started >= before.wall - _CLOCKS_DIFFER_S
    )
