"""User types as Locust's users: a `locust.User` for each, with our client and our waits between tasks.

`User.run` is final and its loop is the TaskSet's, so what is ours stands in a TaskSet and in `User.stop`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any

from locust import TaskSet, User
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING

from ..load.schedule import phase
from ..script.exceptions import sentence

if TYPE_CHECKING:
    from ..load.load import Place
    from .journey import User as Journey


_RETRY_S = 0.5
"""Pause of a user whose turn failed: a user type that always fails must neither spin nor stop the load."""


class Turns(TaskSet):  # type: ignore[misc]  # Locust has no types
    """The turns of one user. The waits keep an absolute grid (pace) or think time, and end when the user must leave."""

    def on_start(self) -> None:
        user = self.user
        if user.loadctl_place.takes_arrivals:
            self._serve_next()
            return
        journey = user.journey
        period = journey.pace_s or (sum(journey.think) / 2 if journey.think else 0.0)
        user.due = monotonic() + phase(user.loadctl_place.index) * period
        user.loadctl_place.sleep_until(user.due)
        if user.loadctl_place.leaving:
            raise StopUser

    def get_next_task(self) -> Callable[[Any], None]:
        return _turn

    def execute_task(self, task: Callable[[Any], None]) -> None:
        task(self.user)

    def wait_time(self) -> float:
        """Seconds until the next turn.

        A turn that overruns its pace goes to the next free slot of the user's own grid. So after a stall of the system
        users are as spread as before, and not in lock-step.
        """
        user, journey = self.user, self.user.journey
        if journey.pace_s:
            now = monotonic()
            user.due += journey.pace_s * max(1, ceil((now - user.due) / journey.pace_s))
            return float(user.due - now)
        if journey.think:
            low, high = journey.think
            return float(low + (high - low) * journey.random())
        return 0.0 if user.went_well else _RETRY_S

    def wait(self) -> None:
        place, journey = self.user.loadctl_place, self.user.journey
        if place.takes_arrivals:
            self._serve_next()
            return
        if not place.leaving:
            seconds = self.wait_time()
            if journey.pace_s:
                place.sleep_until(self.user.due)
            elif seconds > 0 or not journey.has_waited:
                place.sleep(seconds)
        if place.leaving:
            raise StopUser

    def _serve_next(self) -> None:
        place, journey = self.user.loadctl_place, self.user.journey
        if not place.next_arrival():
            raise StopUser
        journey.become(place.index)


class ScenarioUser(User):  # type: ignore[misc]
    """A user of a user type. `make_journey` makes what it does, given its place."""

    abstract = True
    tasks = [Turns]  # noqa: RUF012  Locust's own form
    make_journey: Callable[[int, Place], Journey]

    def take(self, place: Place) -> None:
        """Called before its greenlet runs for the first time."""
        self.loadctl_place = place
        self.journey = type(self).make_journey(place.number, place)
        self.client = self.journey.client
        self.due = 0.0
        self.went_well = True

    def on_start(self) -> None:
        """The start steps; in the open model arrivals take them."""
        place = self.loadctl_place
        if not place.takes_arrivals:
            try:
                self.journey.start()
            except Exception as error:  # noqa: BLE001 - counted; the user tries again with its first turn
                self.journey.broke(sentence(error))
        place.starting = False

    def on_stop(self) -> None:
        self.journey.close()

    def stop(self, force: bool = False) -> bool:
        """Locust's own `stop` kills a waiting user, which may have woken up and sent a request by then."""
        if force:
            return bool(super().stop(force=True))
        self._state = LOCUST_STATE_STOPPING
        self.loadctl_place.leave()
        return False


def _turn(user: Any) -> None:
    place = user.loadctl_place
    due, place.due = place.due, None
    try:
        user.journey.turn(due)
    except Exception as error:  # noqa: BLE001 - counted, and the load goes on
        user.journey.broke(sentence(error))
        user.went_well = False
    else:
        user.went_well = True


def scenario_user(
    name: str, weight: int, make_journey: Callable[[int, Place], Journey]
) -> type[ScenarioUser]:
    """The class of a user type."""
    return type(
        name,
        (ScenarioUser,),
        {"abstract": False, "weight": weight, "make_journey": staticmethod(make_journey)},
    )
