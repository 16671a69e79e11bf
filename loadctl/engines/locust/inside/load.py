"""The load: who is active when. Users follow the plan and leave by themselves; none is killed while it may be sending.

Closed model: user k of the whole run belongs to shard k mod N; the highest numbers leave first. Open model: arrival n
belongs to shard n mod N and takes an idle user, a new one, or is dropped.
"""

from __future__ import annotations

import time
from collections import defaultdict
from math import ceil
from typing import TYPE_CHECKING, Protocol

import gevent
from gevent.event import Event
from gevent.pool import Group

from .schedule import phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from .control import Control
    from .recorder import Recorder
    from .schedule import Schedule

TICK_S = 0.02
"""How often the number of users is held against the plan."""
_HOLD_TICK_S = 0.1
_RETRY_S = 0.5
"""Pause of a user whose turn broke: a script that always raises must neither spin nor stop loading."""
_QUIET_S = 0.25
"""The drain is over when nothing has been in flight for this long, even if users still sit in a pause."""


class User(Protocol):
    """What a user type's runtime, or a script's user, offers the load. All run in the user's own greenlet.

    A turn that breaks by the generator's own fault raises, or tells the recorder itself.
    """

    think: tuple[float, float] | None
    pace_s: float | None

    def random(self) -> float:
        """From this user's own stream: 0 ≤ x < 1."""

    def start(self) -> None: ...

    def turn(self, due: float | None) -> None:
        """One turn; `due`: the monotonic second from which the latency of its first request counts."""

    def close(self) -> None: ...


class Context:
    """What all users of a shard share: whether they must not begin another request."""

    def __init__(self) -> None:
        self.stopping = False


class Member:
    """A user's place in the load: from when it is handed out until its greenlet has ended."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.leaving = False
        self.stopped = False
        """It has seen that; what it still sends belongs to its clean-up (a script's on_stop)."""
        self.left = Event()

    def pause(self, seconds: float) -> None:
        """Sleep, but wake at once when asked to leave."""
        if seconds > 0:
            self.left.wait(seconds)
        else:
            gevent.sleep(0)

    def until(self, moment: float) -> None:
        while not self.leaving and (left := moment - time.monotonic()) > 0:
            self.left.wait(left)


class Closed:
    """Users by number. `factory` makes user k; `group` holds their greenlets."""

    def __init__(  # noqa: PLR0917
        self,
        schedule: Schedule,
        factory: Callable[[int], User],
        recorder: Recorder,
        control: Control,
        share: tuple[int, int],
        group: Group,
    ) -> None:
        self._schedule = schedule
        self._factory = factory
        self._recorder = recorder
        self._control = control
        self._shard, self._shards = share
        self.group = group
        self._members: list[Member] = []

    def run(self, t0: float) -> None:
        """Follow the plan from `t0` to its end, or until told to stop; then all are asked to leave."""
        duration = self._schedule.duration_s
        was = -1
        while not self._control.stopping and (t := time.monotonic() - t0) < duration:
            wanted = self._wanted(t)
            self._hand_out(wanted)
            self._take_away(wanted)
            holding = wanted == was and self._wanted(min(t + _HOLD_TICK_S, duration - 1e-9)) == wanted
            was = wanted
            gevent.sleep(max(0.0, min(_HOLD_TICK_S if holding else TICK_S, t0 + duration - time.monotonic())))
        self._take_away(0)

    def _wanted(self, t: float) -> int:
        """This shard's part of the planned users: the numbers below it that are ours."""
        return max(0, ceil((self._schedule.users_at(t) - self._shard) / self._shards))

    def _hand_out(self, wanted: int) -> None:
        while len(self._members) < wanted:
            member = Member(self._shard + len(self._members) * self._shards)
            self._members.append(member)
            user = self._factory(member.index)
            # The user is the greenlet's first argument because Locust finds users by it.
            self.group.spawn(self._live, user, member)
            self._recorder.users += 1

    def _take_away(self, wanted: int) -> None:
        while len(self._members) > wanted:
            member = self._members.pop()
            member.leaving = True
            member.left.set()
            self._recorder.users -= 1
            self._recorder.leaving += 1

    def _live(self, user: User, member: Member) -> None:
        own_life = getattr(user, "live", None)
        try:
            if own_life is not None:
                own_life(member)
            else:
                self._take_turns(user, member)
        finally:
            user.close()
            if member.leaving:
                self._recorder.leaving -= 1
            else:
                self._recorder.users -= 1

    def _take_turns(self, user: User, member: Member) -> None:
        period = user.pace_s or (sum(user.think) / 2 if user.think else 0.0)
        due = time.monotonic() + phase(member.index) * period
        member.until(due)
        while not member.leaving and not self._holds(user.start):
            member.pause(_RETRY_S)
        while not member.leaving:
            well = self._holds(user.turn, None)
            if user.pace_s:
                # The user's own grid: a turn that overruns goes to the next free slot, and after a stall of the
                # system users are as spread as before instead of in lock-step.
                due += user.pace_s * max(1, ceil((time.monotonic() - due) / user.pace_s))
                member.until(due)
            elif user.think:
                low, high = user.think
                member.pause(low + (high - low) * user.random())
            else:
                member.pause(0.0 if well else _RETRY_S)

    def _holds(self, step: Callable[..., None], *arguments: float | None) -> bool:
        """Take a step of a user; False: it broke by the generator's own fault."""
        try:
            step(*arguments)
        except Exception as error:  # noqa: BLE001 - a fault of the runtime is counted, and the load goes on
            self._recorder.turn()
            self._recorder.fault(sentence(error))
            return False
        return True


class Open:
    """Arrivals on an absolute schedule. An idle user of the arrival's type is taken, else made, else it is dropped."""

    def __init__(  # noqa: PLR0917
        self,
        schedule: Schedule,
        factory: Callable[[int], User],
        recorder: Recorder,
        control: Control,
        share: tuple[int, int],
        group: Group,
        *,
        kind_of: Callable[[int], int],
        max_in_flight: int,
    ) -> None:
        self._schedule = schedule
        self._factory = factory
        self._recorder = recorder
        self._control = control
        self._shard, self._shards = share
        self.group = group
        self._kind_of = kind_of
        self._free = max(1, max_in_flight // self._shards + (self._shard < max_in_flight % self._shards))
        self._idle: defaultdict[int, list[User]] = defaultdict(list)

    def run(self, t0: float) -> None:
        for n, due in self._schedule.arrivals(self._shard, self._shards):
            if not self._wait_until(t0 + due):
                return
            if not self._free:
                self._recorder.planned(late_us=None)
                continue
            self._free -= 1
            kind = self._kind_of(n)
            idle = self._idle[kind]
            user = idle.pop() if idle else self._factory(n)
            self._recorder.planned(late_us=max(0, round((time.monotonic() - t0 - due) * 1e6)))
            self._recorder.users += 1
            self.group.spawn(self._arrive, user, kind, t0 + due)
        self._wait_until(t0 + self._schedule.duration_s)

    def _wait_until(self, moment: float) -> bool:
        """False: told to stop."""
        while not self._control.stopping and (left := moment - time.monotonic()) > 0:
            gevent.sleep(min(left, _HOLD_TICK_S))
        return not self._control.stopping

    def _arrive(self, user: User, kind: int, due: float) -> None:
        try:
            user.start()
            user.turn(due)
        except Exception as error:  # noqa: BLE001 - as in the closed model
            self._recorder.turn()
            self._recorder.fault(sentence(error))
        finally:
            self._free += 1
            self._recorder.users -= 1
            self._idle[kind].append(user)


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
    """Runs for ever: measures how late a 100 ms timer wakes, and writes the seconds that are over."""
    due = t0
    while True:
        due += 0.1
        while (left := due - time.monotonic()) > 0:
            gevent.sleep(left)
        recorder.lag(-left * 1000)
        if left > -0.1:  # else the hub was held up: first all its lags, in the second in which it began
            recorder.write_frames()


def sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
