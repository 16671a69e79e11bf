"""The load: who is active when. Users follow the plan and leave by themselves; none is killed while it may be sending.

Closed model: user k of the whole run belongs to shard k mod N; the highest numbers leave first. Open model: arrival n
belongs to shard n mod N and takes an idle user, a new one, or is dropped.
"""

from __future__ import annotations

import itertools
import os
import random
import struct
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import gevent
from gevent import get_hub
from gevent.event import Event
from gevent.hub import Waiter

if TYPE_CHECKING:
    from gevent.pool import Group

    from ..control import Control
    from ..recorder.recorder import Recorder
    from .schedule import LiveSchedule, Schedule


_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_CLOSE_ON_EXEC_NONBLOCK = 0o2000000 | 0o4000
_EARLY_S = 0.00025
_EARLY_SHARE = 0.1
"""Of the way to the moment: being awake early costs no more than that share of a core."""


class Alarm:
    """For one greenlet at a time. Times are those of time.monotonic."""

    def __init__(self) -> None:
        self._watcher: Any = None
        self._fd = -1
        if sys.platform == "linux":
            self._fd, self._set = _timerfd()
        if self._fd >= 0:
            self._watcher = get_hub().loop.io(self._fd, 1)

    def wait_until(self, moment: float) -> None:
        self.sleep_until(moment - min(_EARLY_S, _EARLY_SHARE * (moment - time.monotonic())))
        while time.monotonic() < moment:
            gevent.sleep(0)  # what has come meanwhile is read

    def sleep_until(self, moment: float) -> None:
        """The same without being early: as late as whatever else becomes ready at that moment."""
        while (left := moment - time.monotonic()) > 0:
            if self._watcher is None:
                gevent.sleep(left)
                continue
            self._set(moment)
            get_hub().wait(self._watcher)
            os.read(self._fd, 8)

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            os.close(self._fd)


def _timerfd() -> tuple[int, Callable[[float], None]]:
    """A timer's descriptor and a function that sets its time; (-1, …) if there is none. Python has timerfd from 3.13
    on.
    """
    import ctypes

    try:
        libc = ctypes.CDLL(None)
        fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, _CLOSE_ON_EXEC_NONBLOCK)
    except (OSError, AttributeError):
        return -1, lambda _: None
    settime = libc.timerfd_settime
    layout = struct.Struct("@qqqq") if ctypes.sizeof(ctypes.c_long) == 8 else struct.Struct("@llll")

    def set_moment(moment: float) -> None:
        seconds = int(moment)
        settime(fd, _ABSOLUTE, layout.pack(0, 0, seconds, int((moment - seconds) * 1e9)), None)

    return fd, set_moment


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


TICK_S = 0.02
"""How often the number of users is compared with the plan."""
_HOLD_TICK_S = 0.1
_TENTH_S = 0.1
_QUIET_S = 0.25
"""The drain is over when nothing has been in flight for this long, even if users are still pausing."""


@dataclass(frozen=True)
class LoadSetup:
    """What both models need."""

    schedule: Schedule | LiveSchedule
    kind_of: Callable[[int], type]
    """The class of user or arrival k of the whole run."""
    start: Callable[[Place], bool]
    """Start a user of the place's kind. False if it cannot be created, which has been recorded."""
    leave: Callable[[Place], None]
    """Ask the user to leave."""
    moved: Callable[[float, int], None]
    """Closed model: called with the time and this shard's users whenever the plan has been looked at."""
    recorder: Recorder
    control: Control
    shard: int = 0
    shards: int = 1
    max_in_flight: int = 1
    """Open model: of this shard."""


class Closed:
    """Users by number: those below the planned number are active. Its public methods are those of Open too."""

    def __init__(self, setup: LoadSetup) -> None:
        self._setup = setup
        self._places: list[Place] = []
        self._level = 0

    def run(self, t0: float) -> None:
        """Follow the plan from `t0` (monotonic seconds) to its end, or until told to stop."""
        setup, schedule = self._setup, self._setup.schedule
        was = -1
        while not setup.control.stopping and (t := time.monotonic() - t0) < schedule.duration_s:
            setup.recorder.catch_up()
            if (level := schedule.target_at(t)) != self._level:
                self._level = level
                self._bring_back()
            wanted = self._wanted(t)
            while len(self._places) < wanted and not setup.control.stopping:
                self._start(len(self._places))
            self._take_away(wanted)
            setup.moved(t, wanted)
            soon = min(t + _HOLD_TICK_S, schedule.duration_s - 1e-9)
            holding = wanted == was and self._wanted(soon) == wanted
            was = wanted
            left = t0 + schedule.duration_s - time.monotonic()
            gevent.sleep(max(0.0, min(_HOLD_TICK_S if holding else TICK_S, left)))
        self.stop()

    def stop(self) -> None:
        """Ask all users to leave."""
        self._setup.recorder.catch_up()
        self._take_away(0)

    def gone(self, place: Place) -> None:
        """The user of that place has ended, because it was asked to or by itself."""
        recorder = self._setup.recorder
        recorder.catch_up()
        if self._has(place):
            recorder.users -= 1
            recorder.ended += 1
        else:
            recorder.leaving -= 1

    def _wanted(self, t: float) -> int:
        """This shard's part of the planned users: the numbers below it that are ours."""
        return max(0, ceil((self._setup.schedule.users_at(t) - self._setup.shard) / self._setup.shards))

    def _bring_back(self) -> None:
        """Users that ended by themselves stay away until the plan's next level, which Locust's dispatcher fills too."""
        for position, place in enumerate(self._places):
            if place.ended:
                self._setup.recorder.ended -= 1
                self._start(position)

    def _start(self, position: int) -> None:
        """Counted before it is created: the constructor of a script's user may wait, and the load may be stopped
        meanwhile.
        """
        setup = self._setup
        index = setup.shard + position * setup.shards
        place = Place(index, setup.kind_of(index))
        self._places[position : position + 1] = [place]
        setup.recorder.users += 1
        is_made = False
        try:
            is_made = setup.start(place)
        finally:
            if not is_made:
                place.ended = True
                self.gone(place)

    def _has(self, place: Place) -> bool:
        """It has not been taken away."""
        position = place.index // self._setup.shards
        return position < len(self._places) and self._places[position] is place

    def _take_away(self, wanted: int) -> None:
        recorder = self._setup.recorder
        while len(self._places) > wanted:
            place = self._places.pop()
            if place.ended:
                recorder.ended -= 1
                continue
            self._setup.leave(place)
            recorder.users -= 1
            recorder.leaving += 1


class Open:
    """Arrivals on an absolute schedule. An idle user of the arrival's kind is taken, else made, else it is dropped."""

    def __init__(self, setup: LoadSetup) -> None:
        self._setup = setup
        self._free = setup.max_in_flight
        self._idle: defaultdict[type, dict[Place, None]] = defaultdict(dict)
        self._places: set[Place] = set()
        self._made = 0
        self._alarm = Alarm()

    def run(self, t0: float) -> None:
        for n, due in self._setup.schedule.arrivals(self._setup.shard, self._setup.shards):
            if not self._wait_until(t0 + due):
                break
            if not self._free:
                self._setup.recorder.planned(late_us=None)
                continue
            self._begin(n, t0 + due)
        self._wait_until(t0 + self._setup.schedule.duration_s)
        self.stop()

    def stop(self) -> None:
        for place in list(self._places):
            if not place.leaving:
                self._setup.leave(place)

    def gone(self, place: Place) -> None:
        self._places.discard(place)
        idle = self._idle[self._kind(place)]
        if place in idle:
            del idle[place]
        else:
            self._served()

    def _begin(self, n: int, due: float) -> None:
        setup = self._setup
        kind = setup.kind_of(n)
        idle = self._idle[kind]
        setup.recorder.planned(late_us=max(0, round((time.monotonic() - due) * 1e6)))
        setup.recorder.users += 1
        self._free -= 1
        if idle:
            idle.popitem()[0].arrive(n, due)
            return
        place = Place(n, kind, self._is_idle, number=setup.shard + self._made * setup.shards)
        self._made += 1
        place.arrive(n, due)
        self._places.add(place)
        is_made = False
        try:
            is_made = setup.start(place)
        finally:
            if not is_made:
                self.gone(place)

    def _is_idle(self, place: Place) -> None:
        self._served()
        self._idle[self._kind(place)][place] = None

    def _served(self) -> None:
        self._setup.recorder.catch_up()
        self._free += 1
        self._setup.recorder.users -= 1

    @staticmethod
    def _kind(place: Place) -> type:
        assert place.kind is not None  # noqa: S101
        return place.kind

    def _wait_until(self, moment: float) -> bool:
        """False: told to stop."""
        while not self._setup.control.stopping and (left := moment - time.monotonic()) > 0:
            self._alarm.wait_until(moment if left < _HOLD_TICK_S else moment - left + _HOLD_TICK_S)
        return not self._setup.control.stopping


def drain(recorder: Recorder, control: Control, group: Group, drain_s: float) -> None:
    """Let requests in flight finish, for at most `drain_s`; users that only pause are not waited for."""
    deadline = time.monotonic() + drain_s
    quiet_since = time.monotonic()
    while len(group) and not control.leave_now and (now := time.monotonic()) < deadline:
        if recorder.in_flight:
            quiet_since = now
        elif now - quiet_since > _QUIET_S:
            return
        gevent.sleep(min(TICK_S, deadline - now))


def tick(recorder: Recorder, t0: float) -> None:
    """Runs for ever: measures how late a timer wakes, and writes the seconds that are over.

    Once in each tenth of a second, at a random moment of it: users that keep a pace are all busy at the same moments,
    and a timer in step with them would meet none. (30 users, a turn every 200 ms: it was late by 1 ms where responses
    were by 7.)
    """
    chance = random.Random()  # the script's own may be seeded
    alarm = Alarm()
    due = t0 + _TENTH_S * chance.random()
    for tenth in itertools.count(1):
        alarm.sleep_until(due)
        recorder.lag((time.monotonic() - due) * 1000)
        due = t0 + _TENTH_S * (tenth + chance.random())
        if due > time.monotonic():
            recorder.write_frames()
        # else the hub was held up: first all its lags, in the second in which it began
