"""The load: who is active when. Users follow the plan and leave by themselves; none is killed while it may be sending.

Closed model: user k of the whole run belongs to shard k mod N; the highest numbers leave first. Open model: arrival n
belongs to shard n mod N and takes an idle user, a new one, or is dropped.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import defaultdict
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Protocol

import gevent
from gevent import getcurrent
from gevent.event import Event

from .alarm import Alarm
from .schedule import phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from gevent.pool import Group

    from .control import Control
    from .recorder import Recorder
    from .schedule import Schedule

TICK_S = 0.02
"""How often the number of users is held against the plan."""
_HOLD_TICK_S = 0.1
_TENTH_S = 0.1
_RETRY_S = 0.5
"""Pause of a user whose turn broke: a script that always raises must neither spin nor stop loading."""
_QUIET_S = 0.25
"""The drain is over when nothing has been in flight for this long, even if users still sit in a pause."""


class User(Protocol):
    """What a user type's runtime, or a script's user, offers the load. All run in the user's own greenlet."""

    think: tuple[float, float] | None
    pace_s: float | None
    has_waited: bool
    """In its last turn, so that others had theirs."""

    def random(self) -> float:
        """From this user's own stream: 0 ≤ x < 1."""

    def become(self, index: int) -> None:
        """Open model: serve arrival `index` next."""

    def turn(self, due: float | None) -> None:
        """Start steps where they are still to be taken, then one task. Tells the recorder; raises only what it did not
        expect. `due`: the monotonic second from which the latency of its first request counts.
        """

    def close(self) -> None: ...


class Member:
    """A user's place in the load: from when it is handed out until its greenlet has ended."""

    def __init__(self, index: int, user: User | None = None) -> None:
        self.index = index
        self.user = user
        self.leaving = False
        self._left = Event()

    def leave(self) -> None:
        self.leaving = True
        self._left.set()

    def pause(self, seconds: float) -> None:
        """Sleep, but wake at once when asked to leave."""
        if seconds > 0:
            self._left.wait(seconds)
        else:
            gevent.sleep(0)

    def until(self, moment: float) -> None:
        while not self.leaving and (left := moment - time.monotonic()) > 0:
            self._left.wait(left)


class Context:
    """What the load tells its users: when to begin no more requests, and pauses that end when they must leave."""

    def __init__(self) -> None:
        self.everyone = Member(-1)
        """In whose pauses users of the open model sleep; it leaves when the load ends."""
        self._members: dict[object, Member] = {}
        self._leaving: set[object] = set()

    def stopping(self, user: object) -> bool:
        """The user must not begin another request."""
        return self.everyone.leaving or user in self._leaving

    def sleep(self, seconds: float) -> bool:
        """False: woken early, because the user must leave."""
        member = self._members.get(getcurrent(), self.everyone)
        member.pause(seconds)
        return not member.leaving

    def joins(self, member: Member) -> None:
        self._members[getcurrent()] = member

    def leaves(self, member: Member) -> None:
        self._leaving.add(member.user)
        member.leave()

    def has_left(self, member: Member) -> None:
        self._members.pop(getcurrent(), None)
        self._leaving.discard(member.user)

    def stop(self) -> None:
        self.everyone.leave()


@dataclass(frozen=True)
class Site:
    """What both loads are given. `factory` makes user k of the whole run; `kind_of` says which users are alike."""

    schedule: Schedule
    factory: Callable[[int], User]
    kind_of: Callable[[int], object]
    recorder: Recorder
    control: Control
    context: Context
    group: Group
    shard: int
    shards: int
    max_in_flight: int


class Closed:
    """Users by number: those below the planned number are active."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._members: list[Member] = []

    def run(self, t0: float) -> None:
        """Follow the plan from `t0` to its end, or until told to stop; then all are asked to leave."""
        duration = self._site.schedule.duration_s
        was = -1
        while not self._site.control.stopping and (t := time.monotonic() - t0) < duration:
            self._site.recorder.catch_up()
            wanted = self._wanted(t)
            self._hand_out(wanted)
            self._take_away(wanted)
            holding = wanted == was and self._wanted(min(t + _HOLD_TICK_S, duration - 1e-9)) == wanted
            was = wanted
            gevent.sleep(max(0.0, min(_HOLD_TICK_S if holding else TICK_S, t0 + duration - time.monotonic())))
        self._site.recorder.catch_up()
        self._take_away(0)

    def _wanted(self, t: float) -> int:
        """This shard's part of the planned users: the numbers below it that are ours."""
        return max(0, ceil((self._site.schedule.users_at(t) - self._site.shard) / self._site.shards))

    def _hand_out(self, wanted: int) -> None:
        site = self._site
        while len(self._members) < wanted:
            index = site.shard + len(self._members) * site.shards
            member = Member(index, site.factory(index))
            self._members.append(member)
            site.group.spawn(self._live, member.user, member)
            site.recorder.users += 1

    def _take_away(self, wanted: int) -> None:
        while len(self._members) > wanted:
            self._site.context.leaves(self._members.pop())
            self._site.recorder.users -= 1
            self._site.recorder.leaving += 1

    def _live(self, user: User, member: Member) -> None:
        """A user's whole life. The user is the first argument because Locust finds users there."""
        self._site.context.joins(member)
        own_life = getattr(user, "live", None)
        try:
            if own_life is not None:
                own_life(member)
            else:
                self._take_turns(user, member)
        finally:
            user.close()
            self._site.context.has_left(member)
            if member.leaving:
                self._site.recorder.leaving -= 1
            else:
                self._site.recorder.users -= 1

    def _take_turns(self, user: User, member: Member) -> None:
        period = user.pace_s or (sum(user.think) / 2 if user.think else 0.0)
        due = time.monotonic() + phase(member.index) * period
        member.until(due)
        while not member.leaving:
            well = _turn(user, None, self._site.recorder)
            if user.pace_s:
                # The user's own grid: a turn that overruns goes to the next free slot, and after a stall of the
                # system users are as spread as before instead of in lock-step.
                due += user.pace_s * max(1, ceil((time.monotonic() - due) / user.pace_s))
                member.until(due)
            elif user.think:
                low, high = user.think
                member.pause(low + (high - low) * user.random())
            elif not well:
                member.pause(_RETRY_S)
            elif not user.has_waited:
                member.pause(0.0)


class Open:
    """Arrivals on an absolute schedule. An idle user of the arrival's kind is taken, else made, else it is dropped."""

    def __init__(self, site: Site) -> None:
        self._site = site
        limit = site.max_in_flight
        self._free = max(1, limit // site.shards + (site.shard < limit % site.shards))
        self._idle: defaultdict[object, list[User]] = defaultdict(list)
        self._alarm = Alarm()

    def run(self, t0: float) -> None:
        for n, due in self._site.schedule.arrivals(self._site.shard, self._site.shards):
            if not self._wait_until(t0 + due):
                return
            if not self._free:
                self._site.recorder.planned(late_us=None)
                continue
            self._free -= 1
            kind = self._site.kind_of(n)
            idle = self._idle[kind]
            user = idle.pop() if idle else self._site.factory(n)
            user.become(n)
            self._site.recorder.planned(late_us=max(0, round((time.monotonic() - t0 - due) * 1e6)))
            self._site.recorder.users += 1
            self._site.group.spawn(self._arrive, user, kind, t0 + due)
        self._wait_until(t0 + self._site.schedule.duration_s)

    def _wait_until(self, moment: float) -> bool:
        """False: told to stop."""
        while not self._site.control.stopping and (left := moment - time.monotonic()) > 0:
            self._alarm.wait_until(moment if left < _HOLD_TICK_S else moment - left + _HOLD_TICK_S)
        return not self._site.control.stopping

    def _arrive(self, user: User, kind: object, due: float) -> None:
        try:
            _turn(user, due, self._site.recorder)
        finally:
            self._free += 1
            self._site.recorder.users -= 1
            self._idle[kind].append(user)


def _turn(user: User, due: float | None, recorder: Recorder) -> bool:
    """False: it broke by the generator's own fault, in a way that its runtime did not expect."""
    try:
        user.turn(due)
    except Exception as error:  # noqa: BLE001 - counted, and the load goes on
        recorder.turn()
        recorder.fault(sentence(error))
        return False
    return True


def drain(recorder: Recorder, control: Control, group: Group, drain_s: float) -> None:
    """Let requests in flight finish, for `drain_s` at most; whoever only sits in a pause is not waited for."""
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


def sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
