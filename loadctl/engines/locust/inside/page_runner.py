"""The runner behind Locust's page: its commands become orders for loadctl, its statistics come from our recorder.

Locust's own listener for the reports of its workers takes them in, so that counts, averages, percentiles and charts
are computed as everywhere else in Locust.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import locust
from gevent.event import Event
from locust import User, argument_parser
from locust import stats as locust_stats
from locust.env import Environment
from locust.runners import (
    STATE_CLEANUP,
    STATE_INIT,
    STATE_RUNNING,
    STATE_SPAWNING,
    STATE_STOPPED,
    LocalRunner,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CLIENT = "loadctl"
_log = logging.getLogger("loadctl")


def environment_of(settings: Mapping[str, Any], order: Callable[..., None]) -> tuple[Environment, PageRunner]:
    """`settings`: host, users, spawn_rate, title, and user_types as {name, weight, tasks: {name: weight}}."""
    argument_parser.ui_extra_args_dict = lambda *_: {}  # it would read locust.conf and pyproject.toml
    options = argument_parser.get_parser(default_config_files=[]).parse_args(args=[])
    options.num_users, options.spawn_rate = settings["users"], settings["spawn_rate"]
    options.host = settings["host"]
    environment = Environment(
        user_classes=[_user_class(user_type) for user_type in settings["user_types"]],
        locustfile=settings["title"],
        events=locust.events,
        host=settings["host"],
        parsed_options=options,
    )
    runner = PageRunner(environment, settings["rotation"], order)
    environment.runner = runner
    return environment, runner


def _user_class(user_type: Mapping[str, Any]) -> type[User]:
    """For the page to show: it is never run."""
    tasks = {_task(name): weight for name, weight in user_type["tasks"].items()}
    return type(
        user_type["name"], (User,), {"weight": user_type["weight"], "tasks": tasks, "abstract": False}
    )


def _task(name: str) -> Callable[..., None]:
    def task(_user: object) -> None: ...

    task.__name__ = name
    return task


class PageRunner(LocalRunner):  # type: ignore[misc]  # Locust has no types
    """States as Locust's page knows them: ready, spawning, running, cleanup, stopped."""

    def __init__(self, environment: Environment, rotation: list[int], order: Callable[..., None]) -> None:
        self._host = environment.host
        self._rotation = rotation
        self._order = order
        self._users = 0
        self._last_t = -1
        self._t0_wall = 0.0
        self._over = Event()
        super().__init__(environment)  # asks for the users
        locust_stats.setup_distributed_stats_event_listeners(environment.events, environment.stats)

    @property
    def user_count(self) -> int:
        return self._users

    @property
    def user_classes_count(self) -> dict[str, int]:
        """Which users there are is known from their number: the weighted round."""
        names = [user_class.__name__ for user_class in self.user_classes]
        counts = dict.fromkeys(names, 0)
        whole, rest = divmod(self._users, len(self._rotation))
        for place, kind in enumerate(self._rotation):
            counts[names[kind]] += whole + (place < rest)
        return counts

    def start(self, user_count: int, spawn_rate: float, **_: object) -> None:
        if self.state == STATE_CLEANUP:
            self._over.wait()
        self.environment.host = self.environment.parsed_options.host = self._host  # whatever the form said
        self.target_user_count = user_count
        begins = self.state in {STATE_INIT, STATE_STOPPED}
        if begins:
            self.stats.clear_all()
            self.exceptions: dict[int, Any] = {}
            self._over.clear()
        self.update_state(STATE_SPAWNING)
        self._order(order="start" if begins else "users", users=user_count, per_s=spawn_rate)

    def stop(self) -> None:
        """Returns when the run is over, as Locust's own does: requests under way have their time to drain."""
        if self.state in {STATE_INIT, STATE_STOPPED}:
            return
        self.final_user_classes_count = self.user_classes_count
        self.update_state(STATE_CLEANUP)
        self._order(order="stop")
        self._over.wait()

    def quit(self) -> None:
        self.stop()

    def hear(self, message: Mapping[str, Any]) -> None:
        """What loadctl says: `began`, `second`, `said` or `ended`."""
        if "began" in message:
            self._t0_wall = message["began"]["wall_s"]
            self.stats.clear_all()
            self.stats.total.start_time = self._t0_wall
        elif "second" in message:
            self._second(message["second"])
        elif "said" in message:
            _log.info(message["said"])
        elif "ended" in message:
            self._ended(message["ended"])

    def _ended(self, ended: Mapping[str, Any]) -> None:
        for line in ended["lines"]:
            _log.info(line)
        if ended["trouble"]:
            self.log_exception(_CLIENT, ended["trouble"], "")
        if self.state != STATE_CLEANUP:
            self.final_user_classes_count = self.user_classes_count
        self._users = 0
        self.update_state(STATE_STOPPED)
        self._over.set()

    def _second(self, second: Mapping[str, Any]) -> None:
        late = second["t"] == self._last_t  # another shard's part of the same second
        self._users = second["users"] + (self._users if late else 0)
        self._last_t = second["t"]
        if self.state == STATE_SPAWNING and self._users == self.target_user_count:
            self.update_state(STATE_RUNNING)
        wall = self._t0_wall + second["t"]
        entries = [_entry(endpoint, cell, wall, self._t0_wall) for endpoint, cell in second["cells"].items()]
        if not entries:
            return
        total = locust_stats.StatsEntry(self.stats, "Aggregated", "")
        for entry in entries:
            total.extend(locust_stats.StatsEntry.unserialize(entry, self.stats))
        total.start_time = self._t0_wall
        errors = dict(
            _error(endpoint, error_class, count, wall)
            for endpoint, cell in second["cells"].items()
            for error_class, count in cell["errors"].items()
        )
        self.environment.events.worker_report.fire(
            client_id=_CLIENT, data={"stats": entries, "stats_total": total.serialize(), "errors": errors}
        )


def _named(endpoint: str) -> tuple[str, str]:
    """Method and name, as Locust has them in two columns."""
    method, _, name = endpoint.partition(" ")
    return (method, name) if name and method.isalpha() and method.isupper() else ("", endpoint)


def _entry(endpoint: str, cell: Mapping[str, Any], wall: float, started: float) -> dict[str, Any]:
    """One second of one endpoint, in the form in which Locust's workers report. Times in ms."""
    method, name = _named(endpoint)
    rounded: dict[float, int] = {}
    for us, count in cell["times_us"]:
        ms = locust_stats.bucket_response_time(us / 1000)
        rounded[ms] = rounded.get(ms, 0) + count
    second = int(wall)
    return {
        "name": name,
        "method": method,
        "last_request_timestamp": wall + 0.999,
        "start_time": started,
        "num_requests": cell["requests"],
        "num_none_requests": max(0, cell["requests"] - sum(rounded.values())),
        "num_failures": cell["failed"],
        "total_response_time": cell["sum_us"] / 1000,
        "max_response_time": cell["max_us"] / 1000,
        "min_response_time": None if cell["min_us"] is None else cell["min_us"] / 1000,
        "total_content_length": cell["bytes"],
        "response_times": rounded,
        "num_reqs_per_sec": {second: cell["requests"]},
        "num_fail_per_sec": {second: cell["failed"]} if cell["failed"] else {},
    }


def _error(endpoint: str, error_class: str, count: int, wall: float) -> tuple[str, dict[str, Any]]:
    method, name = _named(endpoint)
    words = error_class.replace("_", " ")
    error = locust_stats.StatsError(method, name, words, count, wall, wall)
    return locust_stats.StatsError.create_key(method, name, words), error.serialize()
