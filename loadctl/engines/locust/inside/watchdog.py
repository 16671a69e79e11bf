"""The end of every request that takes too long."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING

import gevent
import gevent.event

if TYPE_CHECKING:
    from .connection import Connection


AT_LEAST_S = 0.01
"""Between two looks, so that many different timeouts do not cost a look each."""


class Watchdog:
    """One greenlet a process ends what is overdue; no timer per request.

    `look_at`: when it looks next. Whoever begins a request that is due before that tells it (`look_before`).
    """

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.look_at = inf
        self._sooner = gevent.event.Event()
        gevent.spawn(self._run)

    def look_before(self, deadline: float) -> None:
        self.look_at = deadline
        self._sooner.set()

    def _run(self) -> None:
        while True:
            now = monotonic()
            if now >= self.look_at:
                self._look(now)
            self._sooner.wait(None if self.look_at == inf else self.look_at - now)
            self._sooner.clear()

    def _look(self, now: float) -> None:
        self.look_at = inf
        for connection in tuple(self.connections):
            if connection.deadline <= now:
                connection.expire()
            elif connection.deadline < self.look_at:
                self.look_at = max(connection.deadline, now + AT_LEAST_S)
