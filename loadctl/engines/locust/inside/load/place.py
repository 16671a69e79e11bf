"""A user's place in the load: what the plan wants of its user, and pauses that end when the user must leave."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent import get_hub
from gevent.event import Event
from gevent.hub import Waiter


class Place:
    """From the moment a user is started until its greenlet has ended.

    `index`: closed model: the user's number in the whole run; open model: the number of the arrival it serves.
    `number`: open model: the place's own, in the whole run.
    `on_idle`: open model: called when the user has served its arrival. None: closed model.
    """

    def __init__(
        self,
        index: int,
        kind: type | None = None,
        on_idle: Callable[[Place], None] | None = None,
        *,
        number: int | None = None,
    ) -> None:
        self.index = index
        self.number = index if number is None else number
        self.kind = kind
        """The class of its user."""
        self.user: Any = None
        self.leaving = False
        self.ended = False
        self.starting = True
        """Its user's on_start is not over yet."""
        self.in_task = False
        """Its user executes a task of a locustfile."""
        self.due: float | None = None
        """Open model: the monotonic second from which the latency of the next request counts."""
        self.takes_arrivals = on_idle is not None
        """Open model."""
        self._on_idle = on_idle
        self._serves = False
        self._pauses: set[Waiter] = set()
        """Of its user, and of greenlets that a script started for it."""
        self._arrived = Event()

    def leave(self) -> None:
        """Its user begins no more requests, and wakes from a pause between them."""
        self.leaving = True
        for pause in self._pauses:
            get_hub().loop.run_callback(pause.switch, None)
        self._arrived.set()

    def stopping(self, _user: object = None) -> bool:
        """The user must not begin another request."""
        return self.leaving

    def sleep(self, seconds: float) -> bool:
        """False: woken early, because the user must leave. At a third of the cost of an Event with a timeout."""
        if seconds <= 0:
            gevent.sleep(0)
        elif not self.leaving:
            hub = get_hub()
            pause = Waiter(hub)
            self._pauses.add(pause)
            try:
                with hub.loop.timer(seconds) as timer:
                    timer.start(pause.switch, None, update=True)
                    pause.get()
            finally:
                self._pauses.discard(pause)
        return not self.leaving

    def sleep_until(self, moment: float) -> None:
        """Exact: a timer may wake a little early."""
        while not self.leaving and (left := moment - time.monotonic()) > 0:
            self.sleep(left)

    def arrive(self, index: int, due: float) -> None:
        """Open model: serve this arrival next."""
        self.index, self.due = index, due
        self._arrived.set()

    def next_arrival(self) -> bool:
        """Open model: the one before is served; wait for another. False: the user must leave."""
        if self._serves and self._on_idle is not None:
            self._serves = False
            self._on_idle(self)
        self._arrived.wait()
        self._arrived.clear()
        self._serves = not self.leaving
        return self._serves
