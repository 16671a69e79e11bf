"""Counters that only grow, followed over restarts: what they grew by since the watch began. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_TRACKED_MAX = 20_000


class Counters(Generic[Key]):
    """`total[key]` since the first look; `increase[key]` since the look before, over `elapsed_s` seconds.

    A value that drops was reset, and its new value is the increase (as Prometheus' increase() has it). A counter
    that appears later began at 0. Beyond 20,000 of them new ones are not followed: a hostile page names ever more.
    """

    def __init__(self) -> None:
        self.total: dict[Key, float] = {}
        self.increase: dict[Key, float] = {}
        self.elapsed_s = 0.0
        self._last: dict[Key, float] = {}
        self._at: float | None = None

    def update(self, values: Mapping[Key, float], at: float) -> None:
        """`at`: seconds on any clock that does not jump. Values are finite and not negative."""
        first = self._at is None
        self.elapsed_s = 0.0 if self._at is None else max(0.0, at - self._at)
        self._at = at
        self.increase = dict.fromkeys(self.total, 0.0)
        for key, value in values.items():
            if key not in self._last and len(self._last) >= _TRACKED_MAX:
                continue
            before = self._last.get(key, value if first else 0.0)
            grown = value if value < before else value - before
            self._last[key] = value
            self.increase[key] = grown
            self.total[key] = self.total.get(key, 0.0) + grown

    def restart(self) -> None:
        """Who counts began anew: what is next read counts from 0, even where it has overtaken the old value."""
        self._last = dict.fromkeys(self._last, 0.0)
