"""Workers of a master that ended, and those that it replaced. Pure: it is given what was read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadctl.monitors.process_stat import Key, ProcessStat

_SETTLED_S = 5.0
"""A child must have been seen for so long to count as a worker and not as a passing helper."""
_REPLACED_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class End:
    """`left`: how many other children the master has."""

    ended: ProcessStat
    left: int


@dataclass(frozen=True, slots=True)
class Replacement:
    ended: ProcessStat
    successor: ProcessStat


class Workers:
    """Children of the root that lived a while and ended, and those replaced by one of the same name.

    A planned recycling (gunicorn's max_requests) and a pool that shrinks look the same from outside, so an end
    proves little: whoever judges it must see what failed at the time.
    """

    def __init__(self, root: ProcessStat) -> None:
        self._root = root
        self._since: dict[Key, float] | None = None
        self._known: dict[Key, ProcessStat] = {}
        self._ended: list[tuple[float, ProcessStat]] = []
        self._fresh: list[tuple[float, ProcessStat]] = []

    def update(self, stats: Iterable[ProcessStat], t: float) -> Sequence[End | Replacement]:
        """`stats` are the living members of the tree, `t` seconds on any clock. An end comes before its replacement."""
        children = {stat.key: stat for stat in stats if stat.parent == self._root.pid and not stat.zombie}
        if self._since is None:
            self._since = dict.fromkeys(children, t - _SETTLED_S)
        for key, stat in children.items():
            if key not in self._since:
                self._since[key] = t
                self._fresh.append((t, stat))
        ends = []
        for key in [key for key in self._since if key not in children]:
            if t - self._since.pop(key) >= _SETTLED_S:
                self._ended.append((t, self._known[key]))
                ends.append(End(self._known[key], len(children)))
        self._known = children
        return [*ends, *self._paired(t)]

    def _paired(self, t: float) -> list[Replacement]:
        """Each ended worker with a newcomer of its name; a planned successor may come before the end."""
        self._ended = [(at, stat) for at, stat in self._ended if t - at <= _REPLACED_WITHIN_S]
        self._fresh = [
            (at, s) for at, s in self._fresh if t - at <= _REPLACED_WITHIN_S and s.key in self._known
        ]
        pairs = []
        for ended in list(self._ended):
            successor = next((new for new in self._fresh if new[1].name == ended[1].name), None)
            if successor is not None:
                self._ended.remove(ended)
                self._fresh.remove(successor)
                pairs.append(Replacement(ended[1], successor[1]))
        return pairs
