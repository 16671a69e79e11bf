"""Locust's local runner, with loadctl's plan instead of its dispatcher.

Locust's dispatcher starts users in bursts once a second and stops them at random. Here `runner.spawning_greenlet` is
the load of load.py, which starts each user through `spawn_users`. States, counts and events are those of Locust.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import gevent
from gevent import getcurrent
from gevent.event import Event
from locust import runners
from locust.exception import StopTest, StopUser
from locust.runners import LocalRunner, locust_exception_handler
from locust.user.task import LOCUST_STATE_STOPPING

from ..journey.scenario_user import ScenarioUser
from ..script.exceptions import place_of, sentence
from .load import Closed, LoadSetup, Open, Place
from .schedule import LiveSchedule, Schedule, rotation

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.event import EventHook

    from ..control import Control
    from ..recorder.recorder import Recorder


_ON_STOP_S = 2.0


class PlanRunner(LocalRunner):  # type: ignore[misc]  # Locust has no types
    """Runs one shard of a plan."""

    def __init__(
        self,
        environment: Environment,
        plan: Mapping[str, Any],
        schedule: Schedule | LiveSchedule,
        recorder: Recorder,
        control: Control,
    ) -> None:
        self._running: Counter[str] = Counter()
        self._schedule = schedule
        self._recorder = recorder
        self._control = control
        self._t0 = 0.0
        self._level = -1
        self._users_before = 0
        self._rising = False
        self._stopper: object = None
        """The greenlet that asks all users to leave and tells the listeners of test_stopping."""
        self._asked = Event()
        self.stopped_by_script = False
        self._over = Event()
        self._main = getcurrent()
        super().__init__(environment)
        environment.runner = self
        if environment.shape_class is not None:
            environment.shape_class.runner = self  # as Environment.create_local_runner does
        self.worker_index, self.worker_count = plan["shard"], plan["shards"]
        self._open = plan["model"] == "open"
        self._max_in_flight = max(1, self._share(plan["max_in_flight"]))
        setup = LoadSetup(
            schedule=schedule,
            kind_of=self._class_of,
            start=self._start_user,
            leave=_leave,
            moved=self._moved,
            recorder=recorder,
            control=control,
            shard=self.worker_index,
            shards=self.worker_count,
            max_in_flight=self._max_in_flight,
        )
        self._load = Open(setup) if self._open else Closed(setup)

    # -- before, during and after the load, called by the shard ----------------------------------------------------

    def prepare(self) -> None:
        """What LocalRunner._start does before it starts users, in its order. Nothing is sent to the system."""
        planned = self._max_in_flight if self._open else self._share(self._schedule.target_at(0.0))
        self.target_user_count = planned
        self.stats.clear_all()
        self.exceptions: dict[int, Any] = {}
        self._filter_by_tags()
        self.environment.events.test_start.fire(environment=self.environment)
        for user_class in self.user_classes:
            if self.environment.host:
                user_class.host = self.environment.host
        # Now, because listeners may have changed the classes and their weights.
        self._kind_of = rotation(self.user_classes)

    def _filter_by_tags(self) -> None:
        """Tags are those of the script's tasks; a user type would be left without its turns."""
        all_classes = self.environment.user_classes
        self.environment.user_classes = [c for c in all_classes if not issubclass(c, ScenarioUser)]
        self.environment._filter_tasks_by_tags()  # noqa: SLF001
        self.environment.user_classes = all_classes

    def follow(self, t0: float) -> None:
        """Make the load from `t0` on; returns when it is over and all users have been asked to leave."""
        self._t0 = t0
        self.spawning_greenlet = self.greenlet.spawn(self._make_load)
        self.spawning_greenlet.link_exception(locust_exception_handler(self.environment))
        self.spawning_greenlet.join()
        broke = self.spawning_greenlet.exception
        if broke is not None and not isinstance(broke, StopTest):
            raise broke  # ours: no load can be made any more
        self.begin_to_stop()

    def begin_to_stop(self) -> None:
        """Runs once; later callers wait until its listeners have returned, for at most the drain.

        Users are only asked to leave, so listeners of test_stopping see them all.
        """
        if self._stopper is not None:
            if self._stopper is not getcurrent():
                self._asked.wait(self.environment.stop_timeout)
            return
        self._stopper = getcurrent()
        try:
            self._load.stop()
            for user in self._users():
                if not hasattr(user, "loadctl_place"):
                    gevent.spawn(_stop_as_locust, user)  # the script started it
            self.tell_end(self.environment.events.test_stopping)
            self.final_user_classes_count = {**self.user_classes_count}
            self.update_state(runners.STATE_CLEANUP)
        finally:
            self._asked.set()

    def kill_sleepers(self) -> None:
        """After the drain, when nothing is in flight: kill users that still sleep in a task or in on_start."""
        for user in self._users():
            if hasattr(user, "loadctl_place"):
                user.loadctl_place.starting = False  # on_stop may send
        self.user_greenlets.kill(timeout=_ON_STOP_S)

    def close(self) -> None:
        """After the drain."""
        self.update_state(runners.STATE_STOPPED)
        self.cpu_log_warning()
        self.tell_end(self.environment.events.test_stop)
        self._over.set()

    def tell_end(self, hook: EventHook, **facts: bool) -> None:
        """`fire` lets a StopTest through, to stop what runs. Nothing runs any more, and the result must be kept."""
        try:
            hook.fire(environment=self.environment, **facts)
        except (StopTest, StopUser) as error:
            self._recorder.script_fault(sentence(error), place_of(error))

    # -- what scripts call -----------------------------------------------------------------------------------------

    @property
    def user_classes_count(self) -> dict[str, int]:
        """Locust's own property counts all users, and spawn_users reads it each time."""
        names = [user_class.__name__ for user_class in self.user_classes]
        return {name: self._running[name] for name in names}

    def spawn_users(self, user_classes_spawn_count: dict[str, int], wait: bool = False) -> list[Any]:
        users: list[Any] = super().spawn_users(user_classes_spawn_count)
        for user in users:
            self._running[type(user).__name__] += 1
            user.greenlet.rawlink(partial(self._gone, user))
        if wait:
            self.user_greenlets.join()
        return users

    def start(
        self,
        user_count: int,
        spawn_rate: float,
        wait: bool = False,  # noqa: ARG002  Locust's signature
        user_classes: Sequence[type] | None = None,
    ) -> None:
        """A LoadTestShape asks for so many users from now on. Where the scenario has stages, they decide instead."""
        if not isinstance(self._schedule, LiveSchedule):
            message = f"the script asked for {user_count} users; the scenario's load takes precedence"
            self._recorder.note(message)
            return
        t = max(0.0, time.monotonic() - self._t0)
        self._kind_of = rotation(user_classes or self.user_classes)
        self._control.level_orders.append((t, user_count, spawn_rate))
        self._recorder.level(t, user_count, spawn_rate)

    def stop(self) -> None:
        """End the load. Returns after test_stop, unless the run waits for the caller: a user, a listener."""
        if getcurrent() is self.shape_greenlet:
            return  # the shape is over: see _make_load
        if self._stopper is None and not self._control.stopping:
            self.stopped_by_script = self._control.stopping = True
            self._recorder.note("the script stopped the test")
        self.begin_to_stop()
        me = getcurrent()
        waited_for = me in {self._main, self.spawning_greenlet} or me in self.user_greenlets
        if not waited_for and (self._stopper is not me or self._asked.is_set()):
            self._over.wait()

    def quit(self) -> None:
        self.stop()

    def exited(self, end: SystemExit) -> None:
        """The script has called sys.exit, in a task, a listener or a greenlet: it ends the test and judges it."""
        self._recorder.note(f"the script stopped the test: sys.exit({end})")
        self._control.stopping = True
        self.environment.process_exit_code = self.environment.process_exit_code or end.code

    def register_message(self, msg_type: str, listener: Callable[..., Any], concurrent: bool = False) -> None:
        if self.worker_count > 1:
            message = f"messages between master and workers ({msg_type}) need one process: use --workers 1"
            raise StopTest(message)
        super().register_message(msg_type, listener, concurrent)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _make_load(self) -> None:
        if self._open:
            self._complete()
        if self.environment.shape_class is not None:
            self.start_shape()
            assert self.shape_greenlet is not None  # noqa: S101
            self.shape_greenlet.rawlink(self._shape_over)
        self._load.run(self._t0)

    def _shape_over(self, _greenlet: object) -> None:
        """Its tick returned None or raised: there will be no more levels."""
        assert isinstance(self._schedule, LiveSchedule)  # noqa: S101
        t = max(0.0, time.monotonic() - self._t0)
        self._schedule.end(t)
        self._recorder.level(t, 0, 0.0)

    def _class_of(self, k: int) -> type:
        return self._kind_of(k)

    def _start_user(self, place: Place) -> bool:
        assert place.kind is not None  # noqa: S101
        try:
            [user] = self.spawn_users({place.kind.__name__: 1})
        except StopTest:
            raise
        except Exception as error:  # noqa: BLE001 - the script's own constructor
            self._recorder.script_fault(sentence(error), place_of(error))
            return False
        place.user = user
        if isinstance(user, ScenarioUser):
            user.take(place)
        else:
            user.loadctl_place = place
        return True

    def _gone(self, user: Any, _greenlet: object) -> None:
        self._running[type(user).__name__] -= 1
        place = getattr(user, "loadctl_place", None)
        if place is not None:
            place.ended = True
            place.user = None
            self._load.gone(place)

    def _moved(self, t: float, users: int) -> None:
        """Closed model: SPAWNING while the number of users moves, spawning_complete when a level is reached.

        A rise that turns into a fall at once is complete too.
        """
        level = self._schedule.target_at(t)
        self.target_user_count = self._share(level)
        rose, fell = users > self._users_before, users < self._users_before
        self._users_before = users
        self._rising = self._rising or rose
        if self.state == runners.STATE_INIT:
            return  # no user yet
        settled = self._schedule.settled(t)
        if settled and (self.state == runners.STATE_SPAWNING or level != self._level):
            self._level = level
            self._complete()
        elif fell and self._rising and not settled:
            self._complete()
        elif not settled and self.state == runners.STATE_RUNNING:
            self.update_state(runners.STATE_SPAWNING)

    def _complete(self) -> None:
        self._rising = False
        self.target_user_classes_count = self.user_classes_count
        waiting = sum(map(_in_on_start, self._users()))
        # In a greenlet of its own: a listener that waits must not hold the plan up.
        complete = self.environment.events.spawning_complete
        fired = self.greenlet.spawn(complete.fire, user_count=self._recorder.users)
        fired.link_exception(locust_exception_handler(self.environment))
        if waiting and len(complete._handlers) > 1:  # noqa: SLF001
            self._recorder.note(
                f"{waiting} users were still in on_start when all had started: "
                "the script may be waiting there for spawning_complete"
            )

    def _users(self) -> list[Any]:
        return [greenlet.args[0] for greenlet in self.user_greenlets if greenlet.args]

    def _share(self, users: int) -> int:
        """This shard's share of that many users of the whole run."""
        return int(users // self.worker_count + (self.worker_index < users % self.worker_count))


def _leave(place: Place) -> None:
    if place.user is not None:
        # It ends at its next wait, or before its next task.
        place.user._state = LOCUST_STATE_STOPPING  # noqa: SLF001
    place.leave()


def _stop_as_locust(user: Any) -> None:
    """Who has been asked already is left alone: Locust's `stop` would raise."""
    if user._state != LOCUST_STATE_STOPPING:  # noqa: SLF001
        user.stop()


def _in_on_start(user: Any) -> bool:
    place = getattr(user, "loadctl_place", None)
    return place is not None and place.starting
