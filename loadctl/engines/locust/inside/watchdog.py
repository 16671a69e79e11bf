"""The end of every request that takes too long."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import gevent
import gevent.event

if TYPE_CHECKING:
    from .connection import Connection


class Watchdog:
    """One greenlet a process ends what is overdue; no timer per request."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.shortest_s = 60.0
        self._sooner = gevent.event.Event()
        self._greenlet = gevent.spawn(self._run)

    def expect(self, timeout_s: float) -> None:
        """A timeout shorter than all before: the next look may be too late for it."""
        self.shortest_s = timeout_s
        self._sooner.set()

    def _run(self) -> None:
        while True:
            now = monotonic()
            # No request that begins after this look can be due before now + shortest.
            look_at = now + self.shortest_s
            for connection in tuple(self.connections):
                if connection.deadline <= now:
                    connection.expire()
                elif connection.deadline < look_at:
                    look_at = connection.deadline
            self._sooner.wait(max(0.01, look_at - now))
            self._sooner.clear()

    def stop(self) -> None:
        self._greenlet.kill()
